"""What a whole site may show instead of events: each page is named for what it is, each scan judged as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from demo.meetmax_outages import CAPTCHA, FOREIGN_NOTICE, LAYOUT, LOGIN, NOTICE, OUTAGES, UNKNOWN_ID
from demo.meetmax_server import ERROR, TOO_MANY, MeetMaxServer
from systemscripts.sources.meetmax import download, event_ids, pages, site_check

BASE = "https://www.meetmax.com/sched/event_119179/"
PUBLIC = BASE + "__co-list_cp.html"
KEY_HEADERS = {"ticker", "company_name", "company"}


def status(page: str, url: str = PUBLIC, event_id: int = 119179) -> str:
    actual = pages.read_page(page, event_id, url, pages.event_base("https://www.meetmax.com", event_id))
    assert actual.failed == (actual.IfExists is None and not actual.Title and not actual.URL)
    return actual.StatusCode


@pytest.mark.parametrize(
    ("page", "type_name"),
    [
        (NOTICE, "MaintenancePage"),
        (LOGIN, "LoginPage"),
        (CAPTCHA, "CaptchaPage"),
        ("<title>MeetMax</title><h1>Down for planned maintenance</h1>", "MaintenancePage"),
        ("<title>Sorry - MeetMax</title><p>The site is temporarily unavailable.", "MaintenancePage"),
        ("<title>Sign in - MeetMax</title><form><input name=user></form>", "LoginPage"),
        ("<title>Just a moment... - MeetMax</title><script src=/cdn-cgi/x></script>", "CaptchaPage"),
        ("<title>MeetMax</title><div id=app></div>", "UnexpectedPage"),
    ],
)
def test_a_page_of_the_whole_site_is_a_failed_check_with_its_reason(page: str, type_name: str) -> None:
    assert status(page) == type_name


@pytest.mark.parametrize(
    "url",
    [
        "https://www.meetmax.com/login?next=/sched/event_119179/__co-list_cp.html",
        "https://www.meetmax.com/sched/event_119180/__co-list_cp.html",
        "https://www.meetmax.com/sched/event_1191790/__co-list_cp.html",
        "https://www.meetmax.com/",
    ],
)
def test_a_page_from_another_address_says_nothing_of_the_event(url: str) -> None:
    assert status("<title>Growth Days - MeetMax</title><a href='__co-list_cp.xls'>Excel</a>", url) == "OtherAddress"


@pytest.mark.parametrize(
    "page",
    [
        "<title>Aircraft Maintenance & Repair Summit - MeetMax</title><h1>Aircraft Maintenance & Repair Summit</h1>",
        "<title>Growth - MeetMax</title><p>The list follows; please check back soon or come back later.",
        "<title>Welcome</title><h1>Redesigned</h1><a href='__co-list_cp.html'>Companies</a>",
        "<title>Growth - MeetMax</title><div class=banner>Planned maintenance at 2</div>" + "<p>Agenda item " * 200,
        "<title>Growth - MeetMax</title><form><input type=password></form><a href='__co-list_cp.xls'>Excel</a>",
        "<title>Log in your future: careers day - MeetMax</title><input type=password><a href=__co-list_cp.xls>x</a>",
    ],
)  # fmt: skip
def test_an_event_page_stays_one_however_it_is_designed(page: str) -> None:
    assert status(page) == "200"


@pytest.mark.parametrize(
    "url",
    [
        "http://www.meetmax.com/sched/event_119179/__co-list_cp.html;jsessionid=1A2B",
        "https://meetmax.com/SCHED/event_119179;jsessionid=1/__co-list_cp.html?lang=en",
        "https://www.meetmax.com/sched/event_119179/index.html",
    ],
)
def test_a_redirect_within_the_event_is_followed(url: str) -> None:
    assert status("<title>Growth Days - MeetMax</title>", url) == "200"


def test_an_unknown_id_is_one_only_where_the_page_says_so_of_this_id() -> None:
    elsewhere = "https://www.meetmax.com/error.html"
    assert pages.read_page(UNKNOWN_ID.replace("{id}", "119179"), 119179, elsewhere, BASE).InvalidEventID is True
    assert status(UNKNOWN_ID.replace("{id}", "5"), elsewhere) == "OtherAddress"


def page_of_event(event: int, text: str, title: str = "") -> pages.PageResult:
    page = f"<title>{title or f'Event {event}'} - MeetMax</title><p>{text}"
    base = pages.event_base("https://x.test", event)
    return pages.read_page(page, event, base + pages.PUBLIC_PAGE, base)


def invalid(event: int) -> pages.PageResult:
    return pages.PageResult(event, "u", 0, True, 0, "", "200", "")


def fault(results: Mapping[int, pages.PageResult], known: int) -> str:
    return site_check.find_site_fault(results, {event: f"Event {event}" for event in range(1, known + 1)})


LETTERS = ["".join(pair) for pair in itertools.product("abcdefghij", repeat=2)]  # words that tell pages apart


def test_many_lists_withdrawn_at_once_on_pages_with_their_titles_are_believed() -> None:
    assert fault({event: page_of_event(event, LETTERS[event]) for event in range(1, 21)}, 20) == ""


def test_events_that_ended_are_believed_beside_confirmed_ones_and_new_titles_of_many_are_not() -> None:
    results = {event: page_of_event(event, LETTERS[event]) for event in range(1, 21)}
    assert fault(results | {event: invalid(event) for event in range(3, 20)}, 20) == ""
    assert fault(results | {event: pages.failed_page(event, 404) for event in range(3, 20)}, 20) == ""
    new_titles = {event: page_of_event(event, LETTERS[event], f"New {event}") for event in range(3, 9)}
    assert fault(results | new_titles, 20) == "6 of 20 known events lost their page or title at once"
    none_confirmed = {event: invalid(event) for event in range(1, 21)}
    assert fault(none_confirmed, 20) == "20 of 20 known events lost their page or title at once"


def test_known_and_unknown_ids_that_say_the_same_fail_the_scan() -> None:
    results = {event: invalid(event) for event in range(1, 10)}
    assert fault(results, 3) == "all 3 known events now look like ids that never existed"
    assert fault(results, 2) == ""  # two may have ended
    assert fault({event: invalid(event) for event in (1, 2, 3)}, 3) == ""  # no other id was asked
    assert fault({event: invalid(event) for event in range(5, 10)}, 2) == ""


def test_one_page_for_ids_that_never_existed_does_not_make_them_exist() -> None:
    good = {event: page_of_event(event, LETTERS[event]) for event in range(1, 31)}
    back = {event: page_of_event(event, f"Bald wieder da, Anfrage {event}", "Pause") for event in range(31, 37)}
    assert fault(good | back, 30) == ""  # six of 36 pages: each is a failed check, the others are believed
    assert {one.StatusCode for one in site_check.find_repeated_pages(good | back, {}).values()} == {"SamePage"}
    assert sorted(site_check.find_repeated_pages(good | back, {})) == list(range(31, 37))
    more = {event: page_of_event(event, f"Bald wieder da, Anfrage {event}", "Pause") for event in range(31, 50)}
    assert fault(good | more, 30) == "19 of 49 pages are not event pages: 19 SamePage"


def test_ids_whose_checks_all_failed_are_asked_again_and_move_no_horizon() -> None:
    assert event_ids.select_events("known+2", [5], [], unanswered_ids=[6, 900]) == [5, 6, 7, 900]
    assert event_ids.select_events("7-8", [5], [], unanswered_ids=[6]) == [7, 8]


@pytest.mark.parametrize("page", [NOTICE, FOREIGN_NOTICE, LOGIN, CAPTCHA, LAYOUT], ids=len)
def test_a_page_with_layout_tables_is_no_list(tmp_path: Path, page: str) -> None:
    with MeetMaxServer(hiccups={}) as site:
        path = "/sched/event_119179/__co-list_cp.xls"
        site.bodies[path] = page.encode()
        actual = fetch(site, path, tmp_path)
    assert actual.Status.startswith("an HTML")
    assert actual.is_site_fault
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def fetch(site: MeetMaxServer, path: str, folder: Path, event_id: int = 119179) -> download.DownloadResult:
    return download.download(
        event_id, site.origin + path, folder / f"{event_id}.xls", temporary_folder=folder / "temporary",
        key_headers=KEY_HEADERS, attempts=2, backoff_seconds=0.01,
    )  # fmt: skip


def test_a_list_among_layout_tables_is_one_and_another_event_s_is_none(tmp_path: Path) -> None:
    with MeetMaxServer(hiccups={}) as site:
        path = "/sched/event_119181/__co-list_cp.xls"
        site.bodies[path] = b"<table><tr><td>Menu<table><tr><th> COMPANY\nName:<th>HQ<tr><td>A<td>B</table></table>"
        assert fetch(site, path, tmp_path, 119181).saved
        site.outage = OUTAGES["lists of another event"]()
        actual = fetch(site, path, tmp_path, 119181)
    assert actual.Status.startswith("redirected to another event: ")


@pytest.mark.parametrize(("fault", "is_site"), [(ERROR, True), (TOO_MANY, True), ("404", False), ("invalid", False)])
def test_only_what_may_befall_other_lists_counts_towards_giving_up(tmp_path: Path, fault: str, is_site: bool) -> None:
    path = "/sched/event_119181/__co-list_cp.xls"
    with MeetMaxServer(hiccups={}) as site:
        site.faults[path] = fault
        actual = download.download(
            119181, site.origin + path, tmp_path / "a.xls", temporary_folder=tmp_path, attempts=1
        )  # fmt: skip
    assert (actual.saved, actual.is_site_fault) == (False, is_site)


def test_a_run_that_gave_up_is_resumed_within_a_day_and_not_later(tmp_path: Path) -> None:
    stamp = "20260302T070000"
    done = [
        download.DownloadResult(1, "u", download.DOWNLOADED, 9, "ab"),
        download.DownloadResult(2, "u", "ConnectionError"),
        download.DownloadResult(3, "u", download.NOT_ASKED),
    ]
    target = tmp_path / f"{stamp}{download.RESULTS_SUFFIX}"
    download.write_download_results(done, target)
    assert download.find_fetched(tmp_path, datetime(2026, 3, 2, 12)) == {1}
    assert download.find_fetched(tmp_path, datetime(2026, 3, 9, 7)) == set()
    download.write_download_results(done[:2], target)
    assert download.find_fetched(tmp_path, datetime(2026, 3, 2, 12)) == set()
