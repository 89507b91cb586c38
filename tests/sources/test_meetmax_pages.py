"""Pages of a MeetMax site in every spelling that was seen, and the ids to ask for."""

from __future__ import annotations

import pytest

from systemscripts.errors import UsageError
from systemscripts.sources.meetmax import event_ids, pages

pytestmark = pytest.mark.fast

BASE = "https://www.meetmax.com/sched/event_119179/"
PUBLIC = BASE + "__co-list_cp.html"
LIST = BASE + "__co-list_cp.xls?event_id=119179"
TITLE = "<title>Growth Days - MeetMax</title>"


def read(page: bytes | str, url: str = PUBLIC) -> pages.PageResult:
    return pages.read_page(page, 119179, url, BASE)


@pytest.mark.parametrize(
    "href",
    [
        "__co-list_cp.xls?event_id=119179",
        "__co-list_cp.xls?event_id=119179;jsessionid=0A1B2C.node3",
        "__co-list_cp.xls?event_id=119179&amp;format=xls&amp;x=1",
        "__co-list_cp.xls?event_id=119179#top",
        "__co-list_cp.xls;jsessionid=0A1B2C?event_id=119179",
        " __co-list_cp.xls?event_id=119179\n",
        "/sched/event_119179/__co-list_cp.xls?event_id=119179&amp;a=b",
        "//www.meetmax.com/sched/event_119179/__co-list_cp.xls?event_id=119179",
        "https://www.meetmax.com/sched/event_119179/__co-list_cp.xls?event_id=119179;jsessionid=1",
        "../event_119179/__co-list_cp.xls?event_id=119179",
    ],
)
def test_a_link_to_the_list_becomes_absolute_and_loses_the_session(href: str) -> None:
    actual = read(f"{TITLE}<a href='{href}'>x</a>")
    assert (actual.IsDownloadable, actual.DownloadLink) == (1, LIST)


@pytest.mark.parametrize(
    "element",
    [
        '<a class="btn" href="__co-list_cp.xls?event_id=119179">Excel</a>',
        "<A HREF=__co-list_cp.xls?event_id=119179 CLASS=btn>Excel</A>",
        "<a\n  target=_blank href = '__co-list_cp.xls?event_id=119179'>Excel",
        "<area HREF='__co-list_cp.xls?event_id=119179'>",
        '<button id="export">Download Company List</button>',
        "<BUTTON CLASS=b ID='Export'>\n Download <b>Company</b>\n List </BUTTON>",
        "<input type=submit value='Download Company List' id=export>",
        "<a id=export href='#'>download company list</a>",
    ],
)
def test_the_list_is_found_however_it_is_offered(element: str) -> None:
    assert read(TITLE + element).DownloadLink == LIST


@pytest.mark.parametrize(
    "element",
    [
        "<button id=export>Download schedule</button>",
        "<button id=exporter>Download Company List</button>",
        "<!-- <a href='__co-list_cp.xls?event_id=119179'>old</a> -->",
        "<p>See __co-list_cp.xls?event_id=119179</p>",
        "<a href='/sched/event_118000/__co-list_cp.xls?event_id=118000'>last year</a>",
        "<a href='__co-list_cp.html'>Company List</a>",
        "<a href='javascript:co-list_cp.xls'>no</a>",
    ],
)
def test_what_only_looks_like_a_list_is_none(element: str) -> None:
    actual = read(TITLE + element)
    assert (actual.IfExists, actual.IsDownloadable, actual.DownloadLink) == (1, 0, "")


def test_links_are_resolved_against_a_base_element() -> None:
    actual = read(
        f"<base href='https://cdn.example.test/lists/'>{TITLE}<a href='__co-list_cp.xls?event_id=119179'>x</a>"
    )
    assert actual.DownloadLink == "https://cdn.example.test/lists/__co-list_cp.xls?event_id=119179"


@pytest.mark.parametrize(
    "alert",
    [
        '<div class="alert alert-danger">Invalid Event ID: 119179</div>',
        "<DIV ROLE=alert CLASS='Alert ALERT-danger'>\n <strong>Invalid</strong> Event ID: 119179 </DIV>",
        "<div class=alert-danger>Invalid Event ID: 119179",
    ],
)
def test_an_unknown_id_is_invalid_and_has_nothing(alert: str) -> None:
    actual = read(f"<title>Whatever - MeetMax</title>{alert}<a href='__co-list_cp.xls?event_id=119179'>x</a>")
    assert actual == pages.PageResult(119179, PUBLIC, 0, True, 0, "", "200", "")


@pytest.mark.parametrize("other", ["<p>Invalid Event ID: 5</p>", "<div class=alert-danger>Registration closed</div>"])
def test_other_alerts_and_texts_do_not_make_an_event_invalid(other: str) -> None:
    assert read(TITLE + other).InvalidEventID is False


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("<title>Growth Days - MeetMax</title>", "Growth Days"),
        ("<TITLE>\n  Food &amp; Drink\n - MeetMax </TITLE>", "Food & Drink"),
        ("<title>Tech - MeetMax Days - MeetMax</title>", "Tech - MeetMax Days"),
        ("<title> - MeetMax</title>", ""),
        ("<svg><title>icon</title></svg><title>Growth - MEETMAX</title>", "Growth"),
    ],
)
def test_the_title_is_what_stands_before_the_name_of_the_site(title: str, expected: str) -> None:
    assert read(title).Title == expected


def test_bytes_are_decoded_as_the_page_declares() -> None:
    page = "<meta charset=iso-8859-1><title>Société Générale - MeetMax</title>".encode("latin-1")
    assert read(page).Title == "Société Générale"


@pytest.mark.parametrize("page", ["", b"", "<title>Maintenance</title><p>Back soon", "<title>Sign in to WiFi</title>"])
def test_a_page_of_somebody_else_is_a_failed_check_and_says_nothing_of_the_event(page: bytes | str) -> None:
    actual = read(page)
    assert (actual.failed, actual.StatusCode, actual.IfExists, actual.URL) == (True, "UnexpectedPage", None, "")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<a class="nav-link" href="__private-co-list_cp.html">Private Company List</a>', True),
        ("<A HREF='/sched/event_119179/__private-co-list_cp.html?x=1' CLASS=nav-link>Private</A>", True),
        ("<a href=/sched/event_118000/__private-co-list_cp.html class=nav-link>Other event</a>", False),
        ("<a href=__co-list_cp.html class=nav-link>Company List</a>", False),
        ("<!-- <a href=__private-co-list_cp.html> -->", False),
    ],
)
def test_a_public_page_may_point_to_a_private_one(link: str, expected: bool) -> None:
    assert pages.has_private_list(TITLE + link, 119179, PUBLIC) is expected


def test_the_list_of_a_private_page_is_read_from_there() -> None:
    actual = read(f"{TITLE}<a href='__private-co-list_cp.xls?event_id=119179&x=1'>x</a>", BASE + pages.PRIVATE_PAGE)
    assert actual.DownloadLink == BASE + "__private-co-list_cp.xls?event_id=119179"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("https://www.meetmax.com/sched/event_{id}/", "https://www.meetmax.com/sched/event_7/"),
        ("https://www.meetmax.com/sched/event_{id}", "https://www.meetmax.com/sched/event_7/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/sched/event_7/"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/sched/event_7/"),
    ],
)
def test_the_base_may_have_a_place_for_the_id_or_be_the_root(setting: str, expected: str) -> None:
    assert pages.event_base(setting, 7) == expected


def test_not_found_is_an_answer_and_other_statuses_are_failures() -> None:
    assert (pages.failed_page(7, 404).IfExists, pages.failed_page(7, 404).failed) == (0, False)
    assert (pages.failed_page(7, 503).failed, pages.failed_page(7, 503).StatusCode) == (True, "503")


def test_event_ids_are_ranges_and_single_ids() -> None:
    assert event_ids.parse_event_ids("119182-119184, 7,119183") == [7, 119182, 119183, 119184]


@pytest.mark.parametrize("text", ["", "5,", "9-5", "0", "-5", "a", "1-2-3", "1.5", "٣", "1-99999999999", "known+5"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="event id"):
        event_ids.parse_event_ids(text)


@pytest.mark.parametrize(
    ("expression", "known", "expected"),
    [
        ("known+3", [5, 2], [2, 5, 6, 7, 8]),
        ("known", [5, 2], [2, 5]),
        ("known+3", [], [100, 101]),
        ("Known + 1, 50", [5], [5, 6, 50]),
        ("7-8", [5], [7, 8]),
    ],
)
def test_known_means_every_id_that_existed_and_the_next_ones(
    expression: str, known: list[int], expected: list[int]
) -> None:
    assert event_ids.select_events(expression, known, [100, 101]) == expected
