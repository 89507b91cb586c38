"""Builds a local copy of a MeetMax site from the data in `events` and `companies`, with the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape

from demo import lists
from demo.events import EVENTS, INVALID, LIST, Event, list_rows

XLS_TYPE = "application/vnd.ms-excel"
HTML_TYPE = "text/html; charset=utf-8"
ROBOTS = b"User-agent: *\nDisallow: /admin/\n"


@dataclass(frozen=True)
class Answer:
    """The response of the site for a path."""

    body: bytes
    content_type: str = HTML_TYPE


@cache
def make_list_file(event_id: int, week: int) -> bytes:
    """Return the bytes of the list of an event; its format depends on the event, its name always ends with .xls."""
    event = EVENTS[event_id]
    return lists.WRITERS[event.format](
        [header for header, _ in event.columns], list_rows(event_id, week), event.title_rows
    )


def build_site(week: int) -> dict[str, Answer]:
    """Return every page and list of a week (1, 2 or 3) by its path; for other paths see `make_invalid_page()`."""
    site = {"/robots.txt": Answer(ROBOTS, "text/plain")}
    for event_id, event in EVENTS.items():
        shown = event.shows[week - 1]
        if shown == INVALID:
            continue
        folder = f"/sched/event_{event_id}/"
        page = _make_list_page(event_id, event, shown, week)
        if event.private:
            site[folder + "__co-list_cp.html"] = _make_public_page(event_id, event)
            site[folder + "__private-co-list_cp.html"] = page
        else:
            site[folder + "__co-list_cp.html"] = page
        if shown == LIST:
            prefix = "__private-co-list_cp.xls" if event.private and event.link != "export" else "__co-list_cp.xls"
            site[folder + prefix] = Answer(make_list_file(event_id, week), XLS_TYPE)
    return site


def make_invalid_page(event_id: str) -> Answer:
    """Return the site's answer to an unknown id (HTTP status 200)."""
    alert = f'<div class="alert alert-danger">Invalid Event ID: {escape(event_id)}</div>'
    return _make_page(" - MeetMax", alert)


def _make_list_page(event_id: int, event: Event, shown: str, week: int) -> Answer:
    offer = _make_offer(event_id, event) if shown == LIST else "<p>The list of companies will be published here.</p>"
    names = "".join(f"<li>{escape(str(row[0]))}</li>" for row in list_rows(event_id, week)) if shown == LIST else ""
    return _make_page(
        f"{event.title} - MeetMax", f"<h1>{escape(event.title)}</h1>\n{offer}\n<ul id=companies>{names}</ul>"
    )


def _make_public_page(event_id: int, event: Event) -> Answer:
    """Return the page that only links to the private list; every other event writes the link in capitals."""
    target = f"/sched/event_{event_id}/__private-co-list_cp.html"
    link = f'<a class="nav-link" href="{target}">Private Company List</a>'
    if event_id % 2:
        link = f"<A HREF='{target}?lang=en' CLASS='nav-link active'>Private Company List</A>"
    return _make_page(f"{event.title} - MeetMax", f"<nav>{link}</nav><h1>{escape(event.title)}</h1>")


def _make_offer(event_id: int, event: Event) -> str:
    """Return the link of a page to its list in one of several forms, or a button without a link."""
    prefix = "__private-co-list_cp.xls" if event.private else "__co-list_cp.xls"
    target = f"{prefix}?event_id={event_id}"
    rooted = f"/sched/event_{event_id}/{target}"
    return {
        "relative": f'<a class="btn" href="{target}">Excel</a>',
        "root": f"<A CLASS=btn HREF='{rooted}&amp;format=xls'>Excel</A>",
        "absolute": f'<a href="{{origin}}{rooted}" class="btn">Excel</a>',
        "session": f'<a title="list" href="{target};jsessionid=0F3A{event_id}C7.node2">Excel</a>',
        "export": "<button type='button' ID='export' class=btn>Download\n  Company List</button>",
    }[event.link]


def _make_page(title: str, content: str) -> Answer:
    text = (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
        f"<title>{escape(title)}</title></head>\n<body>{content}</body></html>\n"
    )
    return Answer(text.encode())
