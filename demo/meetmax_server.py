"""Serves the copy of a MeetMax site on loopback; like the real one it sometimes answers 429 or 500, or disconnects.

To start it by hand: `python -m demo.meetmax_server --port 8000 --week 1`.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from demo import http_server
from demo.meetmax_outages import Outage
from demo.meetmax_site import HTML_TYPE, Answer, build_site, make_invalid_page

TOO_MANY, ERROR, CUT, EMPTY, ERROR_PAGE, INVALID_ID, SLOW, DROPPED = (
    "429",
    "500",
    "cut",
    "empty",
    "error page",
    "invalid",
    "slow",
    "dropped",
)

# Faults of the first request for a path; the second request succeeds.
HICCUPS: dict[str, str] = {
    "/sched/event_119181/__co-list_cp.html": TOO_MANY,
    "/sched/event_119184/__co-list_cp.html": ERROR,
    "/sched/event_119190/__co-list_cp.html": CUT,
    "/sched/event_119179/__co-list_cp.xls": TOO_MANY,
    "/sched/event_119191/__co-list_cp.xls": CUT,
    "/sched/event_119195/__co-list_cp.xls": ERROR,
}


class MeetMaxServer(http_server.HttpServer):
    """The site on 127.0.0.1.

    port: 0 for any free one. week: which state of the site is shown. hiccups: path -> fault of its first request since
    the week began; {} for none. `faults` (path -> fault) apply to every request and may be changed at any time;
    `requests` counts the requests for each path since the start; `robots` replaces /robots.txt, `bodies`
    (path -> bytes) any other path. `outage` replaces the pages or lists of the whole site.
    """

    def __init__(self, port: int = 0, week: int = 1, hiccups: Mapping[str, str] = HICCUPS) -> None:
        super().__init__(port)
        self.hiccups = dict(hiccups)
        self.faults: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.log: list[tuple[float, str, str]] = []  # monotonic time, path, user agent
        self.robots: bytes | None = None
        self.bodies: dict[str, bytes] = {}
        self.outage: Outage | None = None
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.show_week(week)
        self.origin = f"http://{http_server.HOST}:{self.port}"
        self.base_url = self.origin + "/sched/event_{id}/"

    def show_week(self, week: int) -> None:
        """Show the site as it is in a week (1, 2 or 3); the hiccups happen again."""
        site = build_site(week)
        with self._lock:
            self._site, self._seen = site, Counter()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, with its fault where it has one."""
        path = urlsplit(handler.path.split(";")[0]).path
        if self.outage and (shown := self.outage.answer(path)):
            with self._lock:
                self.requests[path] += 1
            if shown.redirect:
                http_server.send_answer(handler, 302, b"", HTML_TYPE, {"Location": shown.redirect})
            else:
                http_server.send_answer(handler, 200, shown.body, HTML_TYPE)
            return
        answer, fault = self._find_answer(path, handler.headers.get("User-Agent", ""))
        if fault == TOO_MANY:
            http_server.send_answer(handler, 429, b"Too many requests", "text/plain", {"Retry-After": "1"})
        elif fault == ERROR:
            http_server.send_answer(handler, 500, b"<title>Error 500</title>", HTML_TYPE)
        elif fault == "404":
            http_server.send_answer(handler, 404, answer.body, HTML_TYPE)
        # disconnects without an answer
        elif fault == DROPPED:
            handler.close_connection = True
        elif fault == CUT:
            http_server.send_answer(handler, 200, answer.body, answer.content_type, cut=True)
        else:
            if fault == SLOW:
                time.sleep(2)
            http_server.send_answer(handler, 200, *_apply_fault(answer, fault))

    def _find_answer(self, path: str, user_agent: str) -> tuple[Answer, str]:
        """Return the response for a path, and the fault to apply ("" for none)."""
        with self._lock:
            self.requests[path] += 1
            self._seen[path] += 1
            self.log.append((time.monotonic(), path, user_agent))
            fault = self.faults.get(path, self.hiccups.get(path, "") if self._seen[path] == 1 else "")
            page = self._site.get(path)
        if path == "/robots.txt" and self.robots is not None:
            return Answer(self.robots, "text/plain"), fault
        if path in self.bodies:
            return Answer(self.bodies[path]), fault
        if page is None:
            event = re.search(r"event_(\d+)", path)
            nothing = Answer(b"<title>Not found</title>")
            return (make_invalid_page(event[1]) if event else nothing), fault or ("" if event else "404")
        body = page.body.replace(b"{origin}", self.origin.encode()) if page.content_type == HTML_TYPE else page.body
        return Answer(body, page.content_type), fault


def _apply_fault(answer: Answer, fault: str) -> tuple[bytes, str]:
    """Return the body and type of a response that is complete but wrong."""
    if fault == EMPTY:
        return b"", answer.content_type
    if fault == ERROR_PAGE:
        return b"<html><title>Server Error</title><table><tr><td>An error occurred</td></tr></table></html>", HTML_TYPE
    if fault == INVALID_ID:
        return make_invalid_page("0").body, HTML_TYPE
    return answer.body, answer.content_type


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the copy of a MeetMax site on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--week", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--without-hiccups", action="store_true", help="never answer 429, 500 or half a page")
    options = parser.parse_args()
    with MeetMaxServer(options.port, options.week, {} if options.without_hiccups else HICCUPS) as server:
        print(server.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
