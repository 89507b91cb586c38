"""Request every event page, with pauses: the Scrapy spider, and the function that runs it.

The reactor of Twisted runs once in a process, so a process scans once. CrawlerRunner is used instead of CrawlerProcess,
which configures logging (and closes the handlers of the run) and installs signal handlers. Both belong to the runner of
the script.
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
# After so many ids in a row that failed or got the same page, the site is down. Checking 70,000 ids would take weeks.
GIVE_UP_AFTER = 20
MIDDLEWARES = "systemscripts.sources.meetmax.robots_and_backoff."


class MeetMaxSpider(scrapy.Spider):
    """Checks one event after the other. Each result is on disk before the next page is requested."""

    name = "meetmax"

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self.scan = scan

    async def start(self) -> AsyncIterator[Any]:
        """Check the pending ids in order. Nothing is queued, so memory does not grow."""
        try:
            for event_id in self.scan.pending:
                self.scan.keep(await self.check(event_id))
        # Such as a full disk. Scrapy would log it and end as after a success.
        except Exception as error:
            self.scan.error = error
        nothing: tuple[Any, ...] = ()
        # Scrapy requires a generator, but there are no items.
        for item in nothing:
            yield item

    async def check(self, event_id: int) -> pages.PageResult:
        """Return the result of the public page of an event, or of the private page that it links to."""
        base = pages.event_base(self.scan.base_url, event_id)
        try:
            response = await self.ask(base + pages.PUBLIC_PAGE)
            if response.status == 200 and pages.has_private_list(read_body(response), event_id, response.url):
                response = await self.ask(base + pages.PRIVATE_PAGE)
        # Any failure of one id is a result and does not end the scan.
        except Exception as error:
            log.debug("Event %s: %s", event_id, error, exc_info=True)
            return pages.failed_page(event_id, type(error).__name__)
        if response.status != 200:
            return pages.failed_page(event_id, response.status, response.url)
        return pages.read_page(read_body(response), event_id, response.url, base)

    async def ask(self, url: str) -> Response:
        """Return one page, requested through the middlewares (robots.txt, back-off, redirects). Raises their errors."""
        meta = {"max_retry_times": 0} if self.scan.site_seems_down() else {}
        return await self.crawler.engine.download_async(Request(url, meta=meta))


class Scan:
    """The state of a running scan: its ids, its results file, and why it has to end."""

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
        # on the monotonic clock
        self.deadline = float("inf")
        self.signals: list[int] = []
        self.accepts_same_pages = accepts_same_pages
        self.failed_in_a_row = 0
        self.same_page_in_a_row = 0
        self.last_status = ""
        self.last_fingerprint = ""
        self.error: Exception | None = None

    def keep(self, result: pages.PageResult) -> None:
        """Write a result, except a failure while the scan is being stopped, which is not the fault of the site."""
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
        """Return whether the last page failed after all its attempts. Then one attempt for the next page is enough.

        A site that answers 429 is not down: the pauses between requests grow.
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
    """Request the pages of `events`, and append one result for each id to `results_path` (JSON lines).

    `base_url`: with `{id}`, or the root of a site. `delay_seconds`: from the start of one request to the start of the
    next. `max_seconds`: the scan ends after this time, and the next one resumes it. `progress`: is called after each id
    with the number of results of this scan. `should_stop`: is called five times a second. `backoff_seconds`: the pause
    after the first failed attempt, which doubles. `timeout_seconds`: for one page. The scan ends early when many ids in
    a row fail, or get the same page (unless `accepts_same_pages`). Ids that have an answer are not requested again.

    Signals with a Python handler, which may raise, end the scan and are delivered after it. Raises OSError when results
    cannot be written, any error of `progress` and `should_stop`, RuntimeError when this process has already scanned.
    """
    with results.ResultsFile(results_path, events) as file:
        state = Scan(file, base_url, progress, should_stop, accepts_same_pages)
        if not state.pending:
            return file.outcome(results.FINISHED)
        state.deadline = time.monotonic() + max_seconds if max_seconds is not None else float("inf")
        settings = build_scrapy_settings(delay_seconds, user_agent, backoff_seconds, retries, timeout_seconds)
        with hold_signals(state.signals):
            run_crawler(MeetMaxSpider, settings, lambda: bool(state.reason_to_end()), scan=state)
        if state.error:
            raise state.error
        ended = results.FINISHED if not set(state.pending) - file.written else state.reason_to_end()
        return file.outcome(ended or results.STOPPED)


def build_scrapy_settings(
    delay: float, user_agent: str, backoff: float, retries: int, timeout: float
) -> dict[str, Any]:
    """Return the settings of Scrapy for a considerate scan: one request at a time, no open ports, no cookies."""
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
            # Replaces that of Scrapy, which is off (ROBOTSTXT_OBEY).
            MIDDLEWARES + "RobotsTxt": 100,
            MIDDLEWARES + "BackOff": 550,
        },
    }


def read_body(response: Response) -> bytes | str:
    """Return a page as text if Scrapy knows its encoding, else as bytes."""
    text = getattr(response, "encoding", None)
    return response.text if text else response.body


@contextlib.contextmanager
def hold_signals(received: list[int]) -> Iterator[None]:
    """Collect signals in `received` instead of running their Python handlers, which run after the block.

    Within the reactor, an exception of a handler would only be logged.
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
