"""Read one MeetMax page: does the event exist, and where is its company list?

The rules are "Facts about the site" in the MeetMax chapter of the documentation. Attribute order, quoting and case vary
from page to page, so pages are parsed as HTML and compared without case, never searched as text.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from urllib.parse import urljoin, urlsplit

from parsel import Selector, SelectorList
from w3lib.encoding import html_to_unicode

PUBLIC_PAGE = "__co-list_cp.html"
PRIVATE_PAGE = "__private-co-list_cp.html"
LIST_FILE = "co-list_cp.xls"
EVENT_FOLDER = "sched/event_{id}/"
UNEXPECTED_PAGE = "UnexpectedPage"
COLUMNS = ("EventID", "URL", "IfExists", "InvalidEventID", "IsDownloadable", "DownloadLink", "StatusCode", "Title")


@dataclass(frozen=True)
class PageResult:
    """One line of the scan's results. A check that failed has its status and nothing else: what is known stays."""

    EventID: int
    URL: str = ""
    IfExists: int | None = None
    InvalidEventID: bool | None = None
    IsDownloadable: int | None = None
    DownloadLink: str = ""
    StatusCode: str = ""  # the HTTP status, or the name of the failure
    Title: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing was learnt about the event."""
        return self.IfExists is None

    def as_dict(self) -> dict[str, object]:
        """Return the columns of `COLUMNS` with their values."""
        return asdict(self)


def event_base(base_url: str, event_id: int) -> str:
    """Return the address under which an event's pages lie, ending in a slash.

    base_url: with `{id}` in it (`https://host/sched/event_{id}/`), or only the root of a site
    (`http://127.0.0.1:8000`).
    """
    if "{id}" not in base_url:
        base_url = base_url.rstrip("/") + "/" + EVENT_FOLDER
    return base_url.replace("{id}", str(event_id)).rstrip("/") + "/"


def read_page(page: bytes | str, event_id: int, url: str, base: str, status: int = 200) -> PageResult:
    """Read the list page of an event that answered with HTTP 200.

    page: its HTML; bytes are decoded as the page declares. url: the address it came from. base: `event_base()` of the
    event. A page that is not one of MeetMax (a maintenance notice, a login of some proxy) is a failed check named
    `UnexpectedPage`, because taking it for an event without a list would report every list as withdrawn.
    """
    selector = _parse(page)
    if _is_invalid(selector):
        return PageResult(event_id, url, 0, True, 0, "", str(status), "")
    link = _download_link(selector, event_id, url, base)
    title, is_meetmax = _title(selector)
    if not is_meetmax and not link and not _hrefs(selector, "co-list_cp"):
        return PageResult(event_id, StatusCode=UNEXPECTED_PAGE)
    return PageResult(event_id, url, 1, False, int(bool(link)), link, str(status), title)


def has_private_list(page: bytes | str, event_id: int, url: str) -> bool:
    """Say whether a public page points to the private page of the same event, which is then the one to read."""
    links = _hrefs(_parse(page), PRIVATE_PAGE)
    return any(_same_event(urljoin(url, link), event_id) for link in links)


def is_invalid_event(page: bytes | str) -> bool:
    """Say whether a page is the site's answer to an unknown id."""
    return _is_invalid(_parse(page))


def failed_page(event_id: int, status: int | str, url: str = "") -> PageResult:
    """Return the result of a check that got no page.

    404 and 410 are an answer (there is no such page); every other status, and a failure's name, say nothing about the
    event.
    """
    if status in (404, 410):
        return PageResult(event_id, url, 0, False, 0, "", str(status), "")
    return PageResult(event_id, StatusCode=str(status))


def _parse(page: bytes | str) -> Selector:
    text = html_to_unicode(None, page)[1] if isinstance(page, bytes) else page
    return Selector(text=text or "<html></html>", type="html")


def _words(nodes: Selector | SelectorList[Selector]) -> str:
    """All text of a node on one line, without case."""
    return " ".join(" ".join(nodes.xpath(".//text()").getall()).split()).casefold()


def _is_invalid(selector: Selector) -> bool:
    marked = selector.xpath("//*[@class]")
    alerts = (node for node in marked if "alert-danger" in node.attrib["class"].casefold().split())
    return any(_words(alert).startswith("invalid event id") for alert in alerts)


def _title(selector: Selector) -> tuple[str, bool]:
    """Return the event's title, and whether the page names itself one of MeetMax."""
    text = " ".join((selector.xpath("//title[not(ancestor::svg)]").xpath("string()").get() or "").split())
    found = re.fullmatch(r"(.*?)(?:^|\s)- MeetMax", text, re.IGNORECASE)
    return (found[1], True) if found else (text, text.casefold() == "meetmax")


def _hrefs(selector: Selector, part: str) -> list[str]:
    """Return the hrefs that contain `part`, without regard to case, in the order of the page."""
    hrefs = ("".join(href.split()) for href in selector.xpath("//*[not(self::base)]/@href").getall())
    return [href for href in hrefs if part.casefold() in href.casefold()]


def _same_event(link: str, event_id: int) -> bool:
    """False for the link of another event, for instance under "related events"."""
    named = re.findall(r"(?:/event_|[?&;]event_id=)(\d+)", link, re.IGNORECASE)
    return all(int(number) == event_id for number in named)


def _download_link(selector: Selector, event_id: int, url: str, base: str) -> str:
    """Return the absolute address of the list, or "" where there is none."""
    anchor = urljoin(url, selector.xpath("//base/@href").get() or "")
    for href in _hrefs(selector, LIST_FILE):
        link = _clean(urljoin(anchor, href))
        if urlsplit(link).scheme in ("http", "https") and _same_event(link, event_id):
            return link
    if any(_is_export(node) for node in selector.xpath("//*[@id]")):
        return f"{base}__{LIST_FILE}?event_id={event_id}"
    return ""


def _is_export(node: Selector) -> bool:
    if node.attrib["id"].strip().casefold() != "export":
        return False
    labels = [_words(node), *(node.attrib.get(name, "").casefold() for name in ("value", "title", "aria-label"))]
    return any("download company list" in " ".join(label.split()) for label in labels)


def _clean(link: str) -> str:
    """Drop what belongs to the visitor's session: `;jsessionid=...` anywhere, and everything after `event_id={id}`."""
    link = re.sub(r";jsessionid=[^?&#;]*", "", link, flags=re.IGNORECASE)
    return re.sub(r"([?&]event_id=\d+).*", r"\1", link, flags=re.IGNORECASE | re.DOTALL)
