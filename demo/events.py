"""The events of the demo site and their changes from week to week, as plain data.

Both the site and the expectations are made from it. An id that is not here does not exist. The weeks are counted from
1; the demo shows the first two, tests also the third, in which one list returns to its first state and one cancellation
is revoked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from demo.companies import BY_KEY, COMPANIES, Company

MONDAYS = (date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16))
FIRST_ID, LAST_ID = 119179, 119199
BIFF, XLSX, HTML = "biff", "xlsx", "html"
# what an event shows in a week
LIST, PAGE, INVALID = "list", "page without a list", "invalid"

LONG = "Would your management team like to host a small group dinner on "
NAME, TICKER = "name", "ticker"

# field -> the value of a company
FIELDS: dict[str, Callable[[Company], Any]] = {
    NAME: lambda company: company.name,
    TICKER: lambda company: company.ticker,
    "sector": lambda company: company.sector,
    "country": lambda company: company.country,
    "cap": lambda company: company.cap,
    "one on one": lambda company: "No" if company.number % 4 == 1 else "Yes",
    "hosting": lambda company: "X" if company.number % 7 == 2 else "",
    "days": lambda company: ("Mon", "Mon, Tue", "Tue", "Tue, Wed")[company.number % 4],
    "virtual": lambda company: "Virtual" if company.number % 5 == 3 else "",
    "format": lambda company: ("In person", "Virtual", "Both")[company.number % 3],
    "status": lambda company: "Confirmed",
    "room": lambda company: 100 + company.number,
    "arrival": lambda company: date(2026, 4, 13 + company.number % 3),
    "note": lambda company: 'Asks for "quiet" room;\nno calls' if company.number % 9 == 0 else "",
    "empty": lambda company: "",
}

# header, field
Columns = tuple[tuple[str, str], ...]

PLAIN: Columns = (
    ("Company Name", NAME), ("Ticker", TICKER), ("Sector", "sector"),
    ("Market Cap ($MM)", "cap"), ("Available for 1x1s?", "one on one"),
)  # fmt: skip
ORGANIZATION: Columns = (
    ("Company/Organization", NAME), ("Company Ticker", TICKER), ("Mkt Cap (USD$M)", "cap"),
    ("Just Hosting 1 on 1's", "hosting"), ("Participation Days:", "days"),
)  # fmt: skip
HYBRID: Columns = (
    ("Company Name", NAME), ("Ticker", TICKER), ("Virtual 3/11", "virtual"), ("", "empty"),
    ("Room #", "room"), ("Status", "status"),
)  # fmt: skip
TWICE: Columns = (
    ("Company", NAME), ("Ticker Symbol", TICKER), ("Format", "format"), ("Format", "virtual"),
    ("", "note"), ("", "empty"),
)  # fmt: skip
DINNERS: Columns = (
    ("COMPANY NAME", NAME), ("TICKER", TICKER), (LONG + "Monday?", "hosting"), (LONG + "Tuesday?", "virtual"),
    ("Arrival", "arrival"), ("Country", "country"),
)  # fmt: skip
ONLY_NAMES: Columns = (("Company/Organization", NAME), ("Industry", "sector"), ("HQ", "country"))


@dataclass(frozen=True)
class Event:
    """One event: what its page and list look like, and which companies its list shows in its first week."""

    title: str
    columns: Columns = PLAIN
    format: str = BIFF
    private: bool = False
    # how the page links to the list: relative, root, absolute, session, export
    link: str = "relative"
    # above the header
    title_rows: tuple[str, ...] = ()
    # keys
    companies: tuple[str, ...] = ()
    # one more row, which has neither ticker nor name
    nameless_row: tuple[str, ...] = ()
    # for each week
    shows: tuple[str, str, str] = (LIST, LIST, LIST)


@dataclass(frozen=True)
class Edit:
    """The changes of the list of an event since the week before."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, str, str | float], ...] = field(default=())  # key, header, new value


def _take_every(step: int, start: int = 0) -> tuple[str, ...]:
    return tuple(company.key for company in COMPANIES[start::step])


EVENTS: dict[int, Event] = {
    119179: Event("31st Annual Technology & Growth Conference", companies=_take_every(2), link="session"),
    119181: Event("Healthcare Innovators Summit 2026", ORGANIZATION, companies=_take_every(3, 1), link="root"),
    119182: Event("Spring Consumer Forum", PLAIN, XLSX, private=True, companies=_take_every(4), link="absolute"),
    119183: Event("Energy Transition Day", shows=(PAGE, PAGE, PAGE)),
    119184: Event("Nordic Small Cap Seminar", HYBRID, HTML, companies=_take_every(5, 2)),
    119186: Event("Municipal Finance Roundtable", PLAIN, link="export"),
    119187: Event("Autumn Real Estate Tour", ORGANIZATION),
    119188: Event("Autumn Real Estate Tour (Satellite)", ORGANIZATION, link="absolute"),
    119189: Event("Private Credit Days", HYBRID, private=True, companies=_take_every(6, 1), link="export"),
    119190: Event(
        "Industrials Week - Chicago",
        PLAIN,
        companies=_take_every(4, 3),
        title_rows=("Industrials Week - Chicago", "Presenting companies, as of the date of download", ""),
    ),
    119191: Event("Global Materials Conference", DINNERS, XLSX, companies=_take_every(3, 2), link="session"),
    119192: Event("New Listings Showcase", ORGANIZATION, companies=_take_every(7, 3), shows=(PAGE, LIST, LIST)),
    119193: Event("Bank Board Retreat", PLAIN, companies=_take_every(9, 4), shows=(LIST, INVALID, INVALID)),
    119194: Event("Shipping & Offshore Forum", HYBRID, XLSX, companies=_take_every(8, 5), shows=(LIST, PAGE, PAGE)),
    119195: Event("Digital Health - Virtual Days", TWICE, HTML, companies=_take_every(4, 1), link="root"),
    119196: Event(
        "Emerging Growth Institutional Forum",
        DINNERS,
        companies=_take_every(1),
        nameless_row=("", "", "to be announced", "", "", ""),
    ),
    119197: Event("Family Office Gathering", ONLY_NAMES, HTML, companies=_take_every(6, 4), link="absolute"),
    119198: Event("Space & Defence Symposium", PLAIN, XLSX, companies=_take_every(5, 4), shows=(PAGE, LIST, LIST)),
}

# week -> event -> changes since the week before; events that are missing are unchanged
EDITS: dict[int, dict[int, Edit]] = {
    2: {
        119179: Edit(
            added=("BRMR", "CRVN"),
            removed=("ELKO", "Petalworks"),
            changed=(("ALNX", "Market Cap ($MM)", 4388.0), ("INVO", "Available for 1x1s?", "Waitlist")),
        ),
        119181: Edit(removed=("KBIO",), changed=(("FLNT", "Participation Days:", "Wed"),)),
        119182: Edit(added=("YRKE",)),
        119184: Edit(changed=(("GLXR", "Status", "Cancelled"),)),
        119189: Edit(removed=("DRFT",)),
        119191: Edit(added=("ALNX",), removed=("BQLA",), changed=(("ISLD", "Country", "Faroe Islands"),)),
        119195: Edit(added=("Petalworks",), changed=(("CRVN", "Company", "Corvanta Energy Partners L.P."),)),
    },
    3: {
        119179: Edit(changed=(("INVO", "Available for 1x1s?", "Yes"),)),
        119184: Edit(changed=(("GLXR", "Status", "Confirmed"),)),
        119189: Edit(added=("DRFT",)),
    },
}


def list_company_keys(event_id: int, week: int) -> list[str]:
    """Return the company keys of the list of an event in a week, in the order of the table of companies."""
    keys = set(EVENTS[event_id].companies)
    for edit in find_edits(event_id, week):
        keys = (keys | set(edit.added)) - set(edit.removed)
    return sorted(keys, key=lambda key: BY_KEY[key].number)


def find_edits(event_id: int, week: int) -> list[Edit]:
    """Return the edits of an event up to and including `week`, oldest first."""
    return [EDITS[step][event_id] for step in range(2, week + 1) if event_id in EDITS.get(step, {})]


def list_rows(event_id: int, week: int) -> list[list[Any]]:
    """Return the data rows of the list of an event in a week; cells are text, numbers, dates or None."""
    event = EVENTS[event_id]
    changed = {(key, header): value for edit in find_edits(event_id, week) for key, header, value in edit.changed}
    rows = [
        [changed.get((key, header), FIELDS[name](BY_KEY[key])) for header, name in event.columns]
        for key in list_company_keys(event_id, week)
    ]
    return [*rows, list(event.nameless_row)] if event.nameless_row else rows
