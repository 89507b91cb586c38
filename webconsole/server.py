"""The server process: waitress, with threads of their own for what may take long.

Pages, tables, downloads, sign-ins and /health wait in lanes of their own: however many of one kind there are, the
others go on. No thread waits for a reader: what is not read yet lies in a file, and a connection on which nothing moves
is closed.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask, Task, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import RequestEntityTooLarge

from systemscripts import db_utils
from systemscripts.errors import EtlError
from systemscripts.job import deferred_signals
from webconsole import create_app, run_processes

logger = logging.getLogger(__name__)

MOST_BYTES = 8 << 20  # that are taken in at all; what a request may have is the application's to say
MAX_HEADER_BYTES = 32 << 10  # address and cookies together; ours have some hundred
MAX_CONNECTIONS = 400  # each a file descriptor or two, of the 1,024 that a process has
REQUEST_SECONDS = 30.0  # within which a request that has begun must have come
SILENCE_SECONDS = 60  # after which a connection on which nothing moves is closed
FINISH_SECONDS = 5.0  # for what is being answered when the console is stopped
NEVER = 1 << 50  # bytes not read yet at which a thread would wait for their reader

_DOWNLOAD = re.compile(r"\.(?:csv|xlsx)$")
_TABLE = re.compile(r"^(?:/console/(?:tables/|view|upload)|/data-view|/upload-config)|/changes$")
# threads of each lane; each holds up to two connections to the database
LANES = {
    "pages": 5,
    # may take as long as CONSOLE_READ_SECONDS
    "tables": 5,
    "downloads": 3,
    # as many as passwords are checked at once
    "sign-ins": 2,
    "health": 1,
}


def lane_of(path: str) -> str:
    """Return the lane in which a request for a path waits."""
    if path in ("/health", "/auth/login"):
        return "health" if path == "/health" else "sign-ins"
    if _DOWNLOAD.search(path):
        return "downloads"
    return "tables" if _TABLE.search(path) else "pages"


class _Lanes(ThreadedTaskDispatcher):
    """What waitress gives its requests to: one of its own dispatchers for each lane."""

    def __init__(self) -> None:
        super().__init__()
        self._lanes = {name: ThreadedTaskDispatcher() for name in LANES}
        for name, threads in LANES.items():
            self._lanes[name].set_thread_count(threads)

    def add_task(self, channel: Any) -> None:
        """Take a connection whose first request has come."""
        self._lanes[lane_of(getattr(channel.requests[0], "path", ""))].add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: int = 5) -> bool:
        """End every lane."""
        ended = [lane.shutdown(cancel_pending, timeout) for lane in self._lanes.values()]
        return all(ended)


class _Request(WSGITask):
    """A request; after a file its connection is closed, so that no further one waits behind what is not read."""

    def start(self) -> None:
        """Begin to answer."""
        super().start()
        request: Any = self.request
        if _DOWNLOAD.search(request.path):
            request.headers["CONNECTION"] = "close"


class _Channel(HTTPChannel):
    """A connection on which also a request that is cut off for its size gets the application's answer."""

    task_class = _Request
    _began_at = 0.0

    def error_task_class(self, channel: Any, request: Any) -> Task:  # type: ignore[override]
        if not isinstance(request.error, RequestEntityTooLarge):
            return ErrorTask(channel, request)
        # the application refuses it by its length, without reading it, as a page or as JSON
        request.headers["CONTENT_LENGTH"] = str(max(request.content_length, MOST_BYTES))
        request.headers["CONNECTION"] = "close"
        return _Request(channel, request)

    def received(self, data: bytes) -> bool:
        """Take what has come; close the connection of who sends a request letter by letter."""
        was_whole = self.request is None
        taken: bool = super().received(data)
        if self.request is not None and was_whole:
            self._began_at = time.monotonic()
        elif self.request is not None and time.monotonic() - self._began_at > REQUEST_SECONDS:
            self.will_close = True
        return taken


def serve(host: str, port: int) -> None:
    """Listen until the process is asked to end; raises EtlError when the address is taken."""
    with contextlib.closing(db_utils.connect("reader", purpose="console")):
        pass  # without it no table could be shown: better said now
    run_processes.forget_old()
    app = create_app()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app, map=sockets, _dispatcher=_Lanes(), host=host, port=port, ident=None, max_request_body_size=MOST_BYTES,
            max_request_header_size=MAX_HEADER_BYTES, connection_limit=MAX_CONNECTIONS, asyncore_use_poll=True,
            channel_timeout=SILENCE_SECONDS, outbuf_high_watermark=NEVER, clear_untrusted_proxy_headers=True,
        )  # fmt: skip
    except OSError as error:
        raise EtlError(
            f"the console cannot listen on {host}:{port}: {error.strerror}", "Stop what listens there, or --port."
        ) from error
    for each in sockets.values():  # one for each address of the host
        each.channel_class = _Channel
    address = f"http://{host}:{_port(server)}/"
    print(f"the console is at {address}", flush=True)
    logger.info("console: listening at %s", address)
    with deferred_signals() as stop_requested:  # in the middle of a request an exception would be taken for its error
        while not stop_requested():
            wasyncore.loop(timeout=0.5, map=sockets, use_poll=True, count=1)
        _finish(sockets)
        server.close()


def _finish(sockets: dict[int, Any]) -> None:
    """Let the requests that have come be answered, for a few seconds; nobody is let in meanwhile."""
    until = time.monotonic() + FINISH_SECONDS
    for each in sockets.values():
        if not isinstance(each, HTTPChannel):
            each.accepting = False
    while time.monotonic() < until and any(getattr(each, "requests", None) for each in sockets.values()):
        wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)


def _port(server: object) -> int:
    """The port that was free, where any was asked for."""
    found: int = getattr(server, "effective_port", 0) or server.effective_listen[0][1]  # type: ignore[attr-defined]
    return found
