"""Run one Scrapy spider until it has finished or has to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, cast

import scrapy
from scrapy.crawler import Crawler, CrawlerRunner
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.reactor import install_reactor, is_reactor_installed
from twisted.python.log import PythonLoggingObserver

CHECK_INTERVAL_SECONDS = 0.2
# Sites close an idle connection after five seconds or more.
MAX_IDLE_SECONDS = 2
# The time for an orderly end. All results are on disk, so the crawl may be aborted afterwards.
MAX_STOP_SECONDS = 3.0
REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def run_crawler(
    spider: type[scrapy.Spider], settings: dict[str, Any], wants_end: Callable[[], bool], **arguments: Any
) -> None:
    """Start the reactor, crawl, and return when the spider has closed.

    `wants_end`: is called every 0.2 s; once it returns True the crawl is stopped, including waits and downloads. Raises
    RuntimeError when this process has already run a reactor, and any error at the start of the spider.
    """
    if is_reactor_installed():
        raise RuntimeError("This process has already scanned; each scan needs its own process")
    install_reactor(REACTOR)
    quiet_logging()
    # Imported late, since the import installs the default reactor if there is none.
    from twisted.internet import reactor
    from twisted.web.client import HTTPConnectionPool

    # Twisted would repeat a request at once when a kept connection drops, but BackOff decides when to retry. So a
    # connection that the site may be about to close is not used again.
    HTTPConnectionPool.retryAutomatically = False
    HTTPConnectionPool.cachedConnectionTimeout = MAX_IDLE_SECONDS

    runner = CrawlerRunner(settings)
    crawler = runner.create_crawler(spider)
    errors: list[Any] = []
    stopper = _Stopper(crawler, reactor, wants_end)
    crawl = runner.crawl(crawler, **arguments)
    crawl.addErrback(errors.append)
    crawl.addBoth(lambda _: stopper.leave())
    reactor.callWhenRunning(stopper.check)
    cast("Any", reactor).run(installSignalHandlers=False)
    if stopper.error:
        raise stopper.error
    if errors:
        errors[0].raiseException()


def quiet_logging() -> None:
    """Let Scrapy and Twisted log warnings and errors through the root logger. No handler is added or closed."""
    PythonLoggingObserver("twisted").start()  # type: ignore[no-untyped-call]
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    logging.getLogger("twisted").setLevel(logging.ERROR)
    # A truncated response is requested again, and logged by BackOff.
    logging.getLogger("scrapy.core.downloader").setLevel(logging.ERROR)
    for name in ("filelock", "hpack", "httpcore", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Stopper:
    """Checks every 0.2 s whether the crawl should end, and ends it, if possible in an orderly way."""

    def __init__(self, crawler: Crawler, reactor: Any, wants_end: Callable[[], bool]) -> None:
        self.crawler = crawler
        self.reactor = reactor
        self.wants_end = wants_end
        self.asked_at: float | None = None
        self.left = False
        # raised by wants_end
        self.error: Exception | None = None

    def check(self) -> None:
        """Check now, and again in 0.2 s."""
        if self.left:
            return
        if self.asked_at is None:
            engine = self.crawler.engine
            if self._should_end() and engine is not None and engine.running:
                self.asked_at = time.monotonic()
                deferred_from_coro(self.crawler.stop_async())
        elif time.monotonic() - self.asked_at > MAX_STOP_SECONDS:
            self.leave()
            return
        self.reactor.callLater(CHECK_INTERVAL_SECONDS, self.check)

    def _should_end(self) -> bool:
        try:
            return self.error is not None or self.wants_end()
        # The reactor would only log it.
        except Exception as error:
            self.error = error
            return True

    def leave(self) -> None:
        """Stop the reactor, once."""
        if not self.left:
            self.left = True
            self.reactor.stop()
