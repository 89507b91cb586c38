"""Whether all pages together are what the API has: each page new, the totals alike, no record on two of them.

Paging by number counts on while the data may move: a record that is inserted shifts one onto the next page (it comes
twice), one that is deleted shifts one back (it never comes). Both show in the totals or in records that come twice.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from systemscripts.configuration.source_options.api import Options
from systemscripts.errors import BadDataError
from systemscripts.sources.api_pages.landing import Landing, State, hash_position
from systemscripts.sources.api_pages.paging import Position

if TYPE_CHECKING:
    import numpy

BY_NUMBER = ("skip", "page", "offset")  # styles whose pages shift when the data do
MAX_EQUAL_PAGES = 3  # two may come of data that move, which is settled when all pages are there
MAX_RESTARTS = 2  # data that move during three downloads move all the time


class MovedError(Exception):
    """The data moved while they were read: only all of them again, from the first page, are right."""


def check_page(options: Options, landing: Landing, state: State, count: int) -> None:
    """Compare the page that was just written with those before.

    Raises BadDataError for one that came before and for too many empty ones in a row, MovedError where the total of
    pages by number is another one than at first.
    """
    state.empty_pages = 0 if count else state.empty_pages + 1
    if state.empty_pages > options.paging.max_empty_pages:
        raise BadDataError(
            f"{state.empty_pages} pages in a row have no records and name a next one",
            "Ask the owner of the API, or raise paging.max_empty_pages.",
        )
    if options.paging.style in BY_NUMBER and len(set(state.totals)) > 1:
        raise MovedError(f"the total was {state.totals[0]:,} at first and {state.totals[-1]:,} on page {state.pages:,}")
    alike = landing.by_content[landing.pages[-1].content]
    if count and len(alike) >= MAX_EQUAL_PAGES and not options.paging.repeats:
        numbers = ", ".join(map(str, alike))
        raise BadDataError(
            f"pages {numbers} hold the same records: the pages go in a circle, or the last one comes again and again",
            "Check paging.parameter and paging.next, or ask the owner of the API; paging.repeats: true takes equal "
            "pages as they are.",
        )


def check_next(landing: Landing, following: Position, is_link: bool) -> None:
    """Raise BadDataError where a page names one as the next that was asked for before.

    A cursor may stay the same while the server counts on by itself; then the records tell whether it goes in a circle.
    """
    asked = hash_position(following.url, following.parameters)
    if is_link and (earlier := landing.by_position.get(asked)):
        raise BadDataError(
            f"page {len(landing.pages)} names page {earlier} as the next one: the pages go in a circle",
            "Ask the owner of the API.",
        )


def check_whole(options: Options, landing: Landing, state: State) -> None:
    """Raise MovedError where the records of all pages are not what the API says there are, or one is on two pages."""
    if state.totals and state.records not in state.totals:
        raise MovedError(f"{state.records:,} records came, it says that there are {state.totals[-1]:,}")
    if options.paging.repeats or state.pages < 2:
        return
    if pair := _find_repeat(landing):
        known = "paging.repeats: true takes equal records as they are"
        raise MovedError(f"the same record is on pages {pair[0]} and {pair[1]} ({known})")


def _find_repeat(landing: Landing) -> tuple[int, int] | None:
    """Return the numbers of two pages that hold an equal record."""
    import numpy  # only downloads of more than one page need it

    hashes, pages = array("q"), array("q")
    number, position = 0, 0
    with landing.part.open("rb") as stream:
        for line in stream:
            position += len(line)
            while position > landing.pages[number].end:
                number += 1
            hashes.append(hash(line))
            pages.append(number + 1)
    order = numpy.argsort(numpy.frombuffer(hashes, dtype=numpy.int64), kind="stable")
    sorted_hashes = numpy.frombuffer(hashes, dtype=numpy.int64)[order]
    sorted_pages = numpy.frombuffer(pages, dtype=numpy.int64)[order]
    equal = (sorted_hashes[1:] == sorted_hashes[:-1]) & (sorted_pages[1:] != sorted_pages[:-1])
    found: numpy.ndarray = numpy.flatnonzero(equal)
    if not len(found):
        return None
    return int(sorted_pages[found[0]]), int(sorted_pages[found[0] + 1])
