"""Check that all pages together are complete: each page is new, the totals agree, no record moved between pages.

With paging by number the data may move meanwhile: inserted records push the last ones of a page to the next (they come
twice), a deleted one pulls a record back (it never comes). Both show in the totals, the former also where a page begins
with the last records of the page before it. Records may also be equal in fact, such as sales of one product: then a
second download is identical to the first, byte for byte.
"""

from __future__ import annotations

from systemscripts.configuration.source_options.api import Options
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import BadDataError
from systemscripts.sources.api_pages.page_store import Landing, State, hash_position
from systemscripts.sources.api_pages.pagination import Position

# styles whose pages shift when the data move
BY_NUMBER = ("skip", "page", "offset")
# two may come from data that moved, which is checked once all pages are there
MAX_EQUAL_PAGES = 3
# data that move during three downloads move all the time
MAX_RESTARTS = 2


class MovedError(Exception):
    """The data moved while they were read: they must be downloaded again from the first page."""


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
    alike = [page for page in landing.by_content[landing.pages[-1].content] if page > state.chain_begin["pages"]]
    if count and len(alike) >= MAX_EQUAL_PAGES and not options.paging.repeats:
        numbers = ", ".join(map(str, alike))
        raise BadDataError(
            f"pages {numbers} hold the same records: the pages go in a circle, or the last one comes again and again",
            "Check paging.parameter and paging.next, or ask the owner of the API; paging.repeats: true takes equal "
            "pages as they are.",
        )


def check_next(landing: Landing, state: State, following: Position, is_link: bool) -> None:
    """Raise BadDataError if the next page of a page was fetched before.

    A cursor may stay the same while the server moves on; then the records show whether the pages go in a circle.
    """
    position = hash_position(following.url, following.parameters)
    earlier = landing.by_position.get(position, 0)
    if is_link and earlier > state.chain_begin["pages"]:
        raise BadDataError(
            f"page {len(landing.pages)} names page {earlier} as the next one: the pages go in a circle",
            "Ask the owner of the API.",
        )


def check_complete(options: Options, landing: Landing, state: State) -> None:
    """Raise MovedError if the number of records is not the total of the API, or if records moved between pages.

    If two downloads are identical, the data did not move: equal records are then a warning, unless whole pages are
    equal, as from a server that ignores the parameter.
    """
    count = state.records - state.chain_begin["records"]
    if state.totals and count not in state.totals:
        raise MovedError(f"{count:,} records came, it says that there are {state.totals[-1]:,}")
    if options.paging.repeats or options.paging.style not in BY_NUMBER:
        return
    number = _find_shift(landing, state.chain_begin["pages"])
    if number is None:
        return
    shift = f"page {number} begins with records that the page before it ends with"
    hint = "paging.repeats: true accepts equal records"
    content = compute_sha256(landing.part)
    if content != state.shifted_content or _has_equal_pages(landing, state.chain_begin["pages"]):
        state.shifted_content = content
        raise MovedError(f"{shift} ({hint})")
    state.warnings["records_repeated"] = f"{shift}, in two identical downloads; they were loaded ({hint})"


def _find_shift(landing: Landing, first: int) -> int | None:
    """Return the number of a page whose first records are the last ones of the page before it.

    `first`: how many pages of other chains are before those that are compared.
    """
    before: list[bytes] = []
    with landing.part.open("rb") as stream:
        stream.seek(landing.pages[first - 1].end if first else 0)
        for number, page in enumerate(landing.pages[first:], first + 1):
            lines = stream.read(page.end - stream.tell()).splitlines(keepends=True)
            if not lines:
                continue
            begins = [index for index, line in enumerate(before) if line == lines[0]]
            if any(before[index:] == lines[: len(before) - index] for index in begins):
                return number
            before = lines
    return None


def _has_equal_pages(landing: Landing, first: int) -> bool:
    ends = [0, *(page.end for page in landing.pages)]
    pages = zip(ends[first:], landing.pages[first:], strict=False)
    contents = [page.content for begin, page in pages if page.end > begin]
    return len(set(contents)) < len(contents)
