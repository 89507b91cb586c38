"""The mail about MeetMax lists: what is said, once, and in which order."""

from __future__ import annotations

import re
import uuid

import lxml.html

from tests.mail_origin import strip_origin
from tests.reports.conftest import MeetMax, part

FIRST = "Company Name,Ticker,Cap\nAlpha,A,1\nBeta,B,2\nGamma,,3\n"
SECOND = "Company,Company Ticker,Cap\nAlpha,A,1\nBeta & Sons,B,5\nDelta,D,4\n"


def test_a_first_list_is_new_with_its_number_and_some_names(meetmax: MeetMax) -> None:
    many = "Company Name,Ticker\n" + "".join(f"Company {number:02},\n" for number in range(30))
    meetmax.load("20260302", {70001: FIRST, 70002: many, 70003: "Company Name,Ticker\n"})
    meetmax.check("20260302", e70001="1,False,1,200,Spring Forum")
    message = meetmax.send()
    assert message is not None
    assert strip_origin(str(message["Subject"])) == "MeetMax: 3 new lists"
    text = part(message, "plain")
    assert "70001  Spring Forum: 3 companies\n    Alpha (A), Beta (B), Gamma\n" in text
    assert "70002  event 70002: 30 companies" in text
    assert "Company 11 and 18 more" in text
    assert "Company 12" not in text
    assert "70003  event 70003: the list is empty" in text


def test_what_changed_is_said_once(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST})
    meetmax.send()
    assert meetmax.send() is None
    meetmax.load("20260309", {70001: SECOND})
    message = meetmax.send()
    assert message is not None
    assert strip_origin(str(message["Subject"])) == "MeetMax: 1 added, 1 removed, 1 changed"
    lines = re.findall(r"^    ([-+~] .*)$", part(message, "plain"), re.MULTILINE)
    assert lines == [
        "+ Delta (D)",
        "- Gamma",
        "~ Beta & Sons (B): Company: Beta -> Beta & Sons",
        "~ Beta & Sons (B): Cap: 2 -> 5",
    ]
    assert meetmax.send() is None
    assert meetmax.load("20260316", {70001: SECOND}) == ["unchanged"]
    assert meetmax.send() is None


def test_only_new_columns(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: "Ticker,Room\nA,1\nB,2\n"})
    meetmax.send()
    meetmax.load("20260309", {70001: "Ticker,Dinner on Monday?\nA,Yes\nB,No\n"})
    message = meetmax.send()
    assert message is not None
    assert strip_origin(str(message["Subject"])) == "MeetMax: new columns only"
    text = part(message, "plain")
    assert "new columns: Dinner on Monday?" in text
    assert "columns no longer there: Room" in text
    assert not re.findall(r"^    [-+~] ", text, re.MULTILINE)


def test_an_undone_week_is_reported_as_what_it_reverts(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST})
    meetmax.load("20260309", {70001: SECOND})
    meetmax.send()
    meetmax.undo(2)
    text = meetmax.text()
    assert "these changes reverse it" in text
    assert "+ Gamma" in text
    assert "- Delta (D)" in text
    assert "~ Beta (B): Company Name: Beta & Sons -> Beta" in text
    assert meetmax.send() is None


def test_a_list_that_is_wholly_undone_is_taken_back_once(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST})
    meetmax.send()
    meetmax.undo(1)
    message = meetmax.send()
    assert message is not None
    assert strip_origin(str(message["Subject"])) == "MeetMax: 1 list undone"
    assert "no list is left, it had 3 companies; undone" in part(message, "plain")
    assert meetmax.send() is None


def test_what_disappeared_is_said_once_and_so_is_its_return(meetmax: MeetMax) -> None:
    lists = dict.fromkeys(range(70001, 70005), FIRST)
    meetmax.load("20260302", lists)
    there = {f"e{event}": f"1,False,1,200,Event {event}" for event in lists}
    meetmax.check("20260302", **there)
    meetmax.send()
    meetmax.check("20260309", **there | {
        "e70001": "0,True,0,200,", "e70002": "0,False,0,404,", "e70003": "1,False,0,200,Event 70003",
        "e70004": ",,,TimeoutError,",
    })  # fmt: skip
    text = meetmax.text()
    assert "- 70001  Event 70001: the event no longer exists; 3 companies when last seen" in text
    assert "- 70002  Event 70002: its page is gone" in text
    assert "- 70003  Event 70003: its list was withdrawn" in text
    assert "70004" not in text.partition("GONE")[2]
    assert "event 70004: its page could not be checked: TimeoutError" in text.partition("GONE")[0]
    meetmax.check("20260316", **there | {"e70001": "0,True,0,200,"})
    text = meetmax.text()
    assert "70002  Event 70002\n    3 companies; the list is back, as it was" in text
    assert "70001" not in text
    assert meetmax.send() is None


def test_an_older_check_that_is_loaded_later_is_no_news(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST, 70002: FIRST})
    meetmax.check("20260309", e70001="0,True,0,200,", e70002="1,False,1,200,Event 70002")
    meetmax.send()
    meetmax.check("20260302", e70001="1,False,1,200,Event 70001", e70002="1,False,0,200,Event 70002")
    assert meetmax.send() is None
    meetmax.check("20260316", e70001="1,False,1,200,Event 70001", e70002="1,False,1,200,Event 70002")
    assert "70001  Event 70001\n    3 companies; the list is back, as it was" in meetmax.text()


def test_problems_come_first(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST})
    meetmax.installation.drop("20260302T060000_MeetMax_70002.xls", b"PK\x03\x04 not a workbook")
    meetmax.installation.run("generic_import", "meetmax_events")
    root = str(uuid.uuid4())
    meetmax.installation.sql(
        """insert into dba.trun (run_uuid, root_uuid, job, status, exit_code, error, host, os_user, pid, process_start,
               started_at, ended_at)
           values (gen_random_uuid(), %s, 'meetmax_url_download', 'failed', 75,
                   'event 70005: HTTP 503; event 70006: truncated', 'h', 'u', 1, '', now(), now())""",
        (root,),
    )
    text = meetmax.text(ETL_ROOT_UUID=root, ETL_PARENT_UUID=root)
    head, _, rest = text.partition("\n\n")
    assert head.splitlines()[:3] == [
        "PROBLEMS",
        "- meetmax_url_download: event 70005: HTTP 503",
        "- meetmax_url_download: event 70006: truncated",
    ]
    assert "event 70002, 20260302T060000_MeetMax_70002.xls: refused: " in head
    assert "70001" in rest


def test_the_first_run_that_finds_nothing_at_all(meetmax: MeetMax) -> None:
    """No table is there yet; what went wrong is still mailed."""
    assert meetmax.send() is None
    meetmax.installation.drop("20260302T060000_MeetMax_70002.xls", b"PK\x03\x04 not a workbook")
    meetmax.installation.run("generic_import", "meetmax_events")
    message = meetmax.send()
    assert message is not None
    assert strip_origin(str(message["Subject"])) == "MeetMax: 1 problem"


def test_the_html_part(meetmax: MeetMax) -> None:
    long = "x" * 300
    meetmax.load("20260302", {70001: f'Company Name,Ticker,Note\nAlpha,A,{long}\n<script>alert(1)</script>,,"a\nb"\n'})
    meetmax.load("20260302", {70002: FIRST})
    meetmax.check("20260302", e70001='1,False,1,200,"Forum <b>2026</b>"', e70002="1,False,1,200,Other")
    meetmax.send()
    meetmax.load("20260309", {70001: f"Company Name,Ticker,Note\nAlpha,A,{long}y\n", 70002: SECOND})
    meetmax.installation.drop("20260309T060000_MeetMax_70003.xls", b"PK\x03\x04 not a workbook")
    meetmax.installation.run("generic_import", "meetmax_events")
    message = meetmax.send()
    assert message is not None
    page = lxml.html.fromstring(part(message, "html"))
    assert not page.xpath("//script | //img | //link | //style | //*[@background]")
    blocks = [element.get("class") for element in page.xpath("//body/div/div")]
    assert blocks == ["problems", "numbers", "event", "event"]
    event = page.get_element_by_id("event-70001")
    assert event.xpath("string(.//a)") == "Forum <b>2026</b>"
    assert event.xpath(".//a/@href") == ["http://x/70001/"]
    assert [row.text_content().strip().splitlines()[-1].strip() for row in event.xpath(".//tr[@class='removed']")] == [
        "<script>alert(1)</script>"
    ]
    assert event.xpath("string(.//*[@class='value'])") == f"Note: {long} → {long}y"
    assert [len(page.xpath(f"//tr[@class='{css_class}']")) for css_class in ("added", "removed", "changed")] == [
        1,
        2,
        2,
    ]


def test_a_preview_writes_a_file_and_nothing_else(meetmax: MeetMax) -> None:
    meetmax.load("20260302", {70001: FIRST})
    path = meetmax.installation.data / "mail.html"
    summary = meetmax.installation.summary("send_report", "meetmax_changes", "--preview", path)
    assert "MeetMax: 1 new list" in summary["headline"]
    assert "Alpha (A)" in path.read_text()
    assert meetmax.sink.list_mails() == []
    assert meetmax.installation.sql("select count(*) from dba.treportdelivery") == [(0,)]
