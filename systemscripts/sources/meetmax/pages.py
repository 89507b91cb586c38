"""Read one MeetMax page: whether the event exists, and where its company list is.

The rules are "Facts about the site" in the MeetMax chapter of the documentation. Attribute order, quoting and case vary
from page to page, so pages are parsed as HTML and compared without regard to case, and are not searched as plain text.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from urllib.parse import urljoin, urlsplit

from parsel import Selector, SelectorList
from w3lib.encoding import html_to_unicode

from systemscripts.sources.meetmax import page_kinds

PUBLIC_PAGE = "__co-list_cp.html"
PRIVATE_PAGE = "__private-co-list_cp.html"
LIST_FILE = "co-list_cp.xls"
EVENT_FOLDER = "sched/event_{id}/"
COLUMNS = ("EventID", "URL", "IfExists", "InvalidEventID", "IsDownloadable", "DownloadLink", "StatusCode", "Title")


@dataclass(frozen=True)
class PageResult:
    """One line of the results of a scan. A failed check has only its status: what is known of the event stays."""

    EventID: int
    URL: str = ""
    IfExists: int | None = None
    InvalidEventID: bool | None = None
    IsDownloadable: int | None = None
    DownloadLink: str = ""
    # the HTTP status, or the name of the failure
    StatusCode: str = ""
    Title: str = ""
    # a hash of a page without a list, by which site-wide pages are recognized; not a column of the result
    Fingerprint: str = field(default="", compare=False)

    @property
    def failed(self) -> bool:
        """Whether the check said nothing about the event."""
        return self.IfExists is None

    def as_dict(self) -> dict[str, object]:
        """Return all fields with their values."""
        return asdict(self)


def event_base(base_url: str, event_id: int) -> str:
    """Return the address of the folder of an event's pages, with a slash at its end.

    `base_url`: with `{id}` in it (`https://host/sched/event_{id}/`), or only the root of a site
    (`http://127.0.0.1:8000`).
    """
    if "{id}" not in base_url:
        base_url = base_url.rstrip("/") + "/" + EVENT_FOLDER
    return base_url.replace("{id}", str(event_id)).rstrip("/") + "/"


def read_page(page: bytes | str, event_id: int, url: str, base: str, status: int = 200) -> PageResult:
    """Read the list page of an event that answered with HTTP 200.

    `page`: its HTML; bytes are decoded as the page declares. `url`: its address after redirects. `base`: the result of
    `event_base` for the event. A page that does not belong to the event (a maintenance notice, a login, a captcha, the
    page of another event) is a failed check with a status of `page_kinds`: as an event without a list, it would report
    that every list was withdrawn. A page that offers the list of the event always belongs to it.
    """
    selector = _parse(page)
    is_below_event = _path(url).startswith(_path(base))
    if _is_invalid(selector, None if is_below_event else event_id):
        return PageResult(event_id, url, 0, True, 0, "", str(status), "")
    if not is_below_event:
        return PageResult(event_id, StatusCode=page_kinds.OTHER_ADDRESS)
    link = _download_link(selector, event_id, url, base)
    title, is_meetmax = _title(selector)
    if link:
        return PageResult(event_id, url, 1, False, 1, link, str(status), title)
    links_to_list_page = _has_own_pages(selector, event_id, url)
    if (is_meetmax or links_to_list_page) and (status_name := page_kinds.find_foreign_kind(selector, title)):
        return PageResult(event_id, StatusCode=status_name)
    has_event_title = is_meetmax and title.casefold() not in ("", "meetmax")
    if not has_event_title and not links_to_list_page:
        return PageResult(event_id, StatusCode=page_kinds.UNEXPECTED_PAGE)
    return PageResult(event_id, url, 1, False, 0, "", str(status), title, page_kinds.fingerprint(selector))


def has_private_list(page: bytes | str, event_id: int, url: str) -> bool:
    """Return whether a public page links to the private page of the same event, which has to be read instead."""
    links = _hrefs(_parse(page), PRIVATE_PAGE)
    return any(is_of_event(urljoin(url, link), event_id) for link in links)


def is_invalid_event(page: bytes | str) -> bool:
    """Return whether a page is the answer of the site to an unknown id."""
    return _is_invalid(_parse(page))


def failed_page(event_id: int, status: int | str, url: str = "") -> PageResult:
    """Return the result of a check that did not get a page. `status`: of HTTP, or the name of the failure.

    After 404 and 410 the page does not exist. Any other status says nothing about the event.
    """
    if status in (404, 410):
        return PageResult(event_id, url, 0, False, 0, "", str(status), "")
    return PageResult(event_id, StatusCode=str(status))


def _parse(page: bytes | str) -> Selector:
    text = html_to_unicode(None, page)[1] if isinstance(page, bytes) else page
    return Selector(text=text or "<html></html>", type="html")


def _read_text(nodes: Selector | SelectorList[Selector]) -> str:
    """Return all text of a node on one line in lower case."""
    return " ".join(" ".join(nodes.xpath(".//text()").getall()).split()).casefold()


def _is_invalid(selector: Selector, named: int | None = None) -> bool:
    """Return whether an alert says that the id is unknown. `named`: the id that the alert must name; None for any."""
    marked = selector.xpath("//*[@class]")
    alerts = (node for node in marked if "alert-danger" in node.attrib["class"].casefold().split())
    own = r"invalid event id" if named is None else rf"invalid event id\W*0*{named}\b"
    return any(re.match(own, _read_text(alert)) for alert in alerts)


def _path(url: str) -> str:
    """Return the path of an address in lower case, without session ids, with a slash at its end."""
    return re.sub(r";[^/]*", "", urlsplit(url).path).casefold().rstrip("/") + "/"


def _has_own_pages(selector: Selector, event_id: int, url: str) -> bool:
    """Return whether a page links to a company list page of the event."""
    return any(is_of_event(urljoin(url, href), event_id) for href in _hrefs(selector, "co-list_cp"))


def _title(selector: Selector) -> tuple[str, bool]:
    """Return the title of the event, and whether the page has a title of MeetMax."""
    text = " ".join((selector.xpath("//title[not(ancestor::svg)]").xpath("string()").get() or "").split())
    match = re.fullmatch(r"(.*?)(?:^|\s)- MeetMax", text, re.IGNORECASE)
    return (match[1], True) if match else (text, text.casefold() == "meetmax")


def _hrefs(selector: Selector, part: str) -> list[str]:
    """Return the hrefs that contain `part`, without regard to case, in the order of the page."""
    hrefs = ("".join(href.split()) for href in selector.xpath("//*[not(self::base)]/@href").getall())
    return [href for href in hrefs if part.casefold() in href.casefold()]


def is_of_event(link: str, event_id: int) -> bool:
    """Return whether a link may belong to the event. A link to another event, such as a related one, does not."""
    named = re.findall(r"(?:/event_|[?&;]event_id=)(\d+)", link, re.IGNORECASE)
    return all(int(number) == event_id for number in named)


def _download_link(selector: Selector, event_id: int, url: str, base: str) -> str:
    """Return the absolute address of the list, or "" where there is none."""
    anchor = urljoin(url, selector.xpath("//base/@href").get() or "")
    for href in _hrefs(selector, LIST_FILE):
        link = _clean(urljoin(anchor, href))
        if urlsplit(link).scheme in ("http", "https") and is_of_event(link, event_id):
            return link
    if any(_is_export(node) for node in selector.xpath("//*[@id]")):
        return f"{base}__{LIST_FILE}?event_id={event_id}"
    return ""


def _is_export(node: Selector) -> bool:
    if node.attrib["id"].strip().casefold() != "export":
        return False
    labels = [_read_text(node), *(node.attrib.get(name, "").casefold() for name in ("value", "title", "aria-label"))]
    return any("download company list" in " ".join(label.split()) for label in labels)


def _clean(link: str) -> str:
    """Return a link without the session of the visitor: `;jsessionid=...`, and everything after `event_id={id}`."""
    link = re.sub(r";jsessionid=[^?&#;]*", "", link, flags=re.IGNORECASE)
    return re.sub(r"([?&]event_id=\d+).*", r"\1", link, flags=re.IGNORECASE | re.DOTALL)
