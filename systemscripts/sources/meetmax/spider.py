"""Ask the site for every event page, politely: the Scrapy spider and the one function that runs it.

Twisted's reactor runs once per process, so a process scans once. CrawlerRunner is used and not CrawlerProcess, because
the latter configures logging (which closes the handlers of the run) and installs signal handlers; both belong to the
frame around the script.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.http import Request, Response

from systemscripts.sources.meetmax import pages, results
from systemscripts.sources.meetmax.reactor import run_crawler

log = logging.getLogger(__name__)

USER_AGENT = "client-etl-workflow (weekly check of published company lists)"
# ids in a row that failed or got one and the same page: the site is down, and 70,000 of them would take weeks to say so
GIVE_UP_AFTER = 20
MIDDLEWARES = "systemscripts.sources.meetmax.robots_and_backoff."


class MeetMaxSpider(scrapy.Spider):
    """Reads one event after the other; each result is on disk before the next page is asked for."""

    name = "meetmax"

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self.scan = scan

    async def start(self) -> AsyncIterator[Any]:
        """Check the pending ids in order, one page at a time; nothing is queued, so memory stays flat."""
        try:
            for event_id in self.scan.pending:
                self.scan.keep(await self.check(event_id))
        except Exception as error:  # for instance a full disk; Scrapy would log it and end as if all were well
            self.scan.error = error
        nothing: tuple[Any, ...] = ()
        for item in nothing:  # Scrapy wants a generator; an item yielded here would only pass through empty pipelines
            yield item

    async def check(self, event_id: int) -> pages.PageResult:
        """Read an event's public page and, where it points to one, its private page."""
        base = pages.event_base(self.scan.base_url, event_id)
        try:
            response = await self.ask(base + pages.PUBLIC_PAGE)
            if response.status == 200 and pages.has_private_list(page_of(response), event_id, response.url):
                response = await self.ask(base + pages.PRIVATE_PAGE)
        except Exception as error:  # whatever it is, one id that fails is a result and not the end
            log.debug("Event %s: %s", event_id, error, exc_info=True)
            return pages.failed_page(event_id, type(error).__name__)
        if response.status != 200:
            return pages.failed_page(event_id, response.status, response.url)
        return pages.read_page(page_of(response), event_id, response.url, base)

    async def ask(self, url: str) -> Response:
        """Download one page through the middlewares (robots.txt, back-off, redirects). Raises what they raise."""
        meta = {"max_retry_times": 0} if self.scan.site_seems_down() else {}
        return await self.crawler.engine.download_async(Request(url, meta=meta))


class Scan:
    """What a running scan knows: its ids, its results file, its reasons to end."""

    def __init__(
        self,
        file: results.ResultsFile,
        base_url: str,
        progress: Callable[[int], None],
        should_stop: Callable[[], bool],
        accepts_same_pages: bool = False,
    ) -> None:
        self.file = file
        self.pending = file.pending()
        self.base_url = base_url
        self.progress = progress
        self.should_stop = should_stop
        self.deadline = float("inf")  # on the monotonic clock
        self.signals: list[int] = []
        self.accepts_same_pages = accepts_same_pages
        self.failed_in_a_row = 0
        self.same_page_in_a_row = 0
        self.last_status = ""
        self.last_fingerprint = ""
        self.error: Exception | None = None

    def keep(self, result: pages.PageResult) -> None:
        """Write a result, unless the scan is being stopped: then a failure is ours and not the site's."""
        if self.reason_to_end() in (results.STOPPED, results.OUT_OF_TIME) and result.failed:
            return
        self.file.append(result)
        self.failed_in_a_row = self.failed_in_a_row + 1 if result.failed else 0
        self.last_status = result.StatusCode
        is_same = result.Fingerprint != "" and result.Fingerprint == self.last_fingerprint
        self.same_page_in_a_row = self.same_page_in_a_row + 1 if is_same else 1
        self.last_fingerprint = result.Fingerprint
        self.progress(len(self.file.written))

    def site_seems_down(self) -> bool:
        """Whether the page before failed after all its attempts; then one attempt is enough to see whether that lasts.

        A site that answers 429 is not down: it is asked with ever longer pauses.
        """
        return self.failed_in_a_row > 0 and self.last_status != "429"

    def reason_to_end(self) -> str:
        """Return why the scan should end before its last id, or ""."""
        if self.signals or self.should_stop():
            return results.STOPPED
        if time.monotonic() >= self.deadline:
            return results.OUT_OF_TIME
        has_same_pages = self.same_page_in_a_row >= GIVE_UP_AFTER and not self.accepts_same_pages
        return results.GAVE_UP if has_same_pages or self.failed_in_a_row >= GIVE_UP_AFTER else ""


def scan(
    events: list[int],
    base_url: str,
    results_path: Path,
    *,
    delay_seconds: float = 5.0,
    user_agent: str = USER_AGENT,
    max_seconds: float | None = None,
    progress: Callable[[int], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
    backoff_seconds: float = 1.0,
    retries: int = 4,
    timeout_seconds: float = 60.0,
    accepts_same_pages: bool = False,
) -> results.ScanOutcome:
    """Ask the site for the pages of `events` and append one result per id to `results_path` (JSON lines).

    base_url: with `{id}`, or the root of a site. delay_seconds: from the start of one request to the start of the next.
    max_seconds: end after that time; the next scan goes on. progress: called after each id with the number of results
    of this scan. should_stop: asked five times a second. backoff_seconds: pause after the first failed attempt, doubled
    after each further one. timeout_seconds: for one page. The scan ends early when many ids in a row fail, or (unless
    `accepts_same_pages`) get one and the same page. Ids that `results_path` has answers for are not asked again.

    Signals with a Python handler (a handler may raise) are held back while the reactor runs, end the scan, and are then
    delivered. Raises OSError when results cannot be written, what `progress` and `should_stop` raise, RuntimeError when
    this process has scanned before.
    """
    with results.ResultsFile(results_path, events) as file:
        state = Scan(file, base_url, progress, should_stop, accepts_same_pages)
        if not state.pending:
            return file.outcome(results.FINISHED)
        state.deadline = time.monotonic() + max_seconds if max_seconds is not None else float("inf")
        settings = scrapy_settings(delay_seconds, user_agent, backoff_seconds, retries, timeout_seconds)
        with signals_held_back(state.signals):
            run_crawler(MeetMaxSpider, settings, lambda: bool(state.reason_to_end()), scan=state)
        if state.error:
            raise state.error
        ended = results.FINISHED if not set(state.pending) - file.written else state.reason_to_end()
        return file.outcome(ended or results.STOPPED)


def scrapy_settings(delay: float, user_agent: str, backoff: float, retries: int, timeout: float) -> dict[str, Any]:
    """Return Scrapy's settings for a polite scan: one request at a time, nothing that listens, no cookies."""
    return {
        "BOT_NAME": "meetmax",
        "USER_AGENT": user_agent,
        "DOWNLOAD_DELAY": delay,
        "DOWNLOAD_DELAY_JITTER": 0,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_TIMEOUT": timeout,
        "DOWNLOAD_MAXSIZE": 32 * 1024 * 1024,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "RETRY_TIMES": retries,
        "RETRY_HTTP_CODES": [408, 429, *range(500, 600)],
        "RETRY_GIVE_UP_LOG_LEVEL": "INFO",
        "MEETMAX_BACKOFF": backoff,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "MEMUSAGE_ENABLED": False,
        "LOGSTATS_INTERVAL": 0,
        "STATS_DUMP": False,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            MIDDLEWARES + "RobotsTxt": 100,  # in the place of Scrapy's, which stays off (ROBOTSTXT_OBEY)
            MIDDLEWARES + "BackOff": 550,
        },
    }


def page_of(response: Response) -> bytes | str:
    """Return the page as text where Scrapy knows its encoding, else as bytes."""
    text = getattr(response, "encoding", None)
    return response.text if text else response.body


@contextlib.contextmanager
def signals_held_back(received: list[int]) -> Iterator[None]:
    """Collect signals in `received` instead of running their Python handlers; run these when the block has ended.

    Inside the reactor an exception from a handler would end in some callback, be logged there and be forgotten.
    """
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
    in_main = threading.current_thread() is threading.main_thread()
    handlers = {name: handler for name in names if in_main and callable(handler := signal.getsignal(name))}
    for name in handlers:
        signal.signal(name, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        for name, handler in handlers.items():
            signal.signal(name, handler)
        for number in received:
            signal.raise_signal(number)
