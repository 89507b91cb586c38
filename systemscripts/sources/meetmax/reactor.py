"""Run one Scrapy spider to its end, or until it is told to stop."""

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

ASK_EVERY = 0.2  # seconds
MAX_IDLE_SECONDS = 2  # sites close an idle connection after five or more
PATIENCE = 3.0  # seconds for an orderly end; results are on disk already, so the end may then be rough
REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def run_crawler(
    spider: type[scrapy.Spider], settings: dict[str, Any], wants_end: Callable[[], bool], **arguments: Any
) -> None:
    """Start the reactor, crawl, and return when the spider has closed.

    wants_end: asked every 0.2 s; once it says yes the crawl is stopped, waits and downloads included. Raises
    RuntimeError when this process has run a reactor before, and what the start of the spider raised.
    """
    if is_reactor_installed():
        raise RuntimeError("This process has scanned before; a scan needs a process of its own")
    install_reactor(REACTOR)
    quiet_logging()
    from twisted.internet import reactor  # only now: importing it installs whatever reactor is the default
    from twisted.web.client import HTTPConnectionPool

    # Twisted would ask again at once where a kept connection drops; the back-off of `politeness` is to decide when. A
    # connection that the site may be about to close for lack of requests is therefore not used again.
    HTTPConnectionPool.retryAutomatically = False
    HTTPConnectionPool.cachedConnectionTimeout = MAX_IDLE_SECONDS

    runner = CrawlerRunner(settings)
    crawler = runner.create_crawler(spider)
    errors: list[Any] = []
    stopper = _Stopper(crawler, reactor, wants_end)
    crawl = runner.crawl(crawler, **arguments)
    crawl.addErrback(errors.append)
    crawl.addBoth(lambda _: stopper.leave())
    reactor.callWhenRunning(stopper.look)
    cast("Any", reactor).run(installSignalHandlers=False)
    if stopper.error:
        raise stopper.error
    if errors:
        errors[0].raiseException()


def quiet_logging() -> None:
    """Let Scrapy and Twisted log through the root logger, warnings and worse only; no handler is added or closed."""
    PythonLoggingObserver("twisted").start()  # type: ignore[no-untyped-call]
    logging.getLogger("scrapy").setLevel(logging.WARNING)
    logging.getLogger("twisted").setLevel(logging.ERROR)
    logging.getLogger("scrapy.core.downloader").setLevel(logging.ERROR)  # a cut answer is asked for again and told then
    for name in ("filelock", "hpack", "httpcore", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Stopper:
    """Asks every 0.2 s whether the crawl should end; ends it, gently at first."""

    def __init__(self, crawler: Crawler, reactor: Any, wants_end: Callable[[], bool]) -> None:
        self.crawler = crawler
        self.reactor = reactor
        self.wants_end = wants_end
        self.asked_at: float | None = None
        self.left = False
        self.error: Exception | None = None  # raised by wants_end

    def look(self) -> None:
        """Look once, then again in 0.2 s."""
        if self.left:
            return
        if self.asked_at is None:
            engine = self.crawler.engine
            if self._should_end() and engine is not None and engine.running:
                self.asked_at = time.monotonic()
                deferred_from_coro(self.crawler.stop_async())
        elif time.monotonic() - self.asked_at > PATIENCE:
            self.leave()
            return
        self.reactor.callLater(ASK_EVERY, self.look)

    def _should_end(self) -> bool:
        try:
            return self.error is not None or self.wants_end()
        except Exception as error:  # the reactor would log it and go on
            self.error = error
            return True

    def leave(self) -> None:
        """Stop the reactor, once."""
        if not self.left:
            self.left = True
            self.reactor.stop()
