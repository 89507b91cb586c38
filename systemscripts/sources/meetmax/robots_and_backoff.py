"""Scrapy middlewares that obey robots.txt, and wait as long as the site requests."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser
from scrapy.settings import BaseSettings

from systemscripts import retries

log = logging.getLogger(__name__)


class ForbiddenByRobotsTxt(IgnoreRequest):
    """robots.txt of the site forbids this page. The name of this class becomes the status of the check."""


class RobotsTxtUnavailable(IgnoreRequest):
    """robots.txt answers with a server error, which means that nothing is allowed (RFC 9309, 2.3.1.4)."""


class RobotsTxt:
    """Obeys robots.txt. Unlike that of Scrapy, it forbids all pages if robots.txt cannot be read."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.user_agent = crawler.settings["USER_AGENT"]
        # root of a site -> what it allows
        self.rules: dict[str, ProtegoRobotParser] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the middleware; Scrapy calls this."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise ForbiddenByRobotsTxt for a page that must not be read, or the error that reading robots.txt raised."""
        if request.meta.get("is_robots_txt"):
            return
        address = urlsplit(request.url)
        site = f"{address.scheme}://{address.netloc}"
        if site not in self.rules:
            # The request of robots.txt has its own attempts.
            request.meta["dont_retry"] = True
            self.rules[site] = await self._read(site, request)
            del request.meta["dont_retry"]
        if not self.rules[site].allowed(request.url, self.user_agent):
            raise ForbiddenByRobotsTxt(f"robots.txt forbids {request.url}")

    async def _read(self, site: str, request: Request) -> ProtegoRobotParser:
        meta = {**request.meta, "is_robots_txt": True, "dont_retry": False}
        response = await self.crawler.engine.download_async(Request(f"{site}/robots.txt", meta=meta))
        if response.status == 429 or response.status >= 500:
            raise RobotsTxtUnavailable(f"robots.txt answers with HTTP {response.status}")
        return ProtegoRobotParser(response.body if response.status == 200 else b"", self.crawler.spider)


class BackOff(RetryMiddleware):
    """Retries as Scrapy does, but after a pause that doubles, and not before the time of a Retry-After header.

    The pause also delays the requests of other pages, so that after the last attempt for one id the next id waits, too.
    """

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self.first_pause = settings.getfloat("MEETMAX_BACKOFF")
        # on the monotonic clock
        self.not_before = 0.0

    async def process_request(self, request: Request) -> None:
        """Wait until the pause has passed."""
        pause = self.not_before - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Return the request again after 429 or 5xx if it has attempts left, else the response."""
        answer = super().process_response(request, response)
        if response.status in self.retry_http_codes:
            requested = retries.find_requested_pause(response.status, functools.partial(_get_header, response))
            self._pause(request, f"HTTP {response.status}", requested, will_retry=isinstance(answer, Request))
        return answer

    def process_exception(self, request: Request, exception: Exception) -> Request | Response | None:  # type: ignore[override]
        """Return the request again after a failed connection if it has attempts left."""
        answer = super().process_exception(request, exception)
        if isinstance(answer, Request):
            self._pause(request, type(exception).__name__, 0.0, will_retry=True)
        return answer

    def _pause(self, request: Request, reason: str, requested: float, *, will_retry: bool) -> None:
        pause = min(requested, retries.MAX_REQUESTED_SECONDS)
        if will_retry:
            pause = retries.choose_pause(request.meta.get("retry_times", 0), self.first_pause, pause)
        self.not_before = time.monotonic() + pause
        log.info("%s from %s; next request in %.1f s", reason, request.url, pause)


def _get_header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value is not None else None
