"""Whether all pages together are what the API has: each page new, the totals alike, none shifted into the next.

Paging by number counts on while the data may move: records that are inserted shift the last ones of a page onto the
next (they come twice), one that is deleted shifts one back (it never comes). Both show in the totals, the former also
where a page begins with the records that the page before it ends with. Records may also be equal by themselves, such as
sales of one product: then a second download is the same as the first, byte for byte.
"""

from __future__ import annotations

from systemscripts.configuration.source_options.api import Options
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import BadDataError
from systemscripts.sources.api_pages.pagination import Position
from systemscripts.sources.api_pages.resumable_download import Landing, State, hash_position

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
    """Raise MovedError where the records of all pages are not what the API says there are, or some were shifted.

    Where another download held the very same, the data do not move: a warning, unless whole pages are equal, as where
    a server does not know the parameter.
    """
    if state.totals and state.records not in state.totals:
        raise MovedError(f"{state.records:,} records came, it says that there are {state.totals[-1]:,}")
    if options.paging.repeats or options.paging.style not in BY_NUMBER:
        return
    number = _find_shift(landing)
    if number is None:
        return
    found = f"page {number} begins with records that the page before it ends with"
    known = "paging.repeats: true takes equal records as they are"
    content = compute_sha256(landing.part)
    if content != state.shifted_content or _has_equal_pages(landing):
        state.shifted_content = content
        raise MovedError(f"{found} ({known})")
    state.warnings["records_repeated"] = f"{found}, in two downloads that are the same; they were loaded ({known})"


def _find_shift(landing: Landing) -> int | None:
    """Return the number of a page whose first records are the last ones of the page before it."""
    before: list[bytes] = []
    with landing.part.open("rb") as stream:
        for number, page in enumerate(landing.pages, 1):
            lines = stream.read(page.end - stream.tell()).splitlines(keepends=True)
            if not lines:
                continue
            begins = [index for index, line in enumerate(before) if line == lines[0]]
            if any(before[index:] == lines[: len(before) - index] for index in begins):
                return number
            before = lines
    return None


def _has_equal_pages(landing: Landing) -> bool:
    ends = [0, *(page.end for page in landing.pages)]
    contents = [page.content for begin, page in zip(ends, landing.pages, strict=False) if page.end > begin]
    return len(set(contents)) < len(contents)
