"""Run the console in waitress, with separate threads for requests that may take long.

Pages, tables, downloads, sign-ins and /health wait in separate lanes, so that many requests of one kind do not block
the others. No thread waits for a reader: unread content is stored in a file, and an idle connection is closed.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask, Task, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import RequestEntityTooLarge

from systemscripts import db_utils, settings
from systemscripts.commands import expect_reader_elsewhere, format_command
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.job import defer_signals, print_line
from systemscripts.schedules import due_starts
from webconsole import create_app, run_processes
from webconsole.error_handlers import API

logger = logging.getLogger(__name__)

# of a request that is read at all; the application has a lower limit
MAX_BODY_BYTES = 8 << 20
# address and cookies together; ours have some hundred bytes
MAX_HEADER_BYTES = 32 << 10
# each takes one or two of the 1,024 file descriptors of a process
MAX_CONNECTIONS = 400
# a request must be complete this long after its first byte
REQUEST_SECONDS = 30.0
# an idle connection is closed after this time
SILENCE_SECONDS = 60
# for open requests when the console is stopped
FINISH_SECONDS = 5.0
# between two looks at what is due
DUE_SECONDS = 10.0
# so many unread bytes would make a thread wait for the reader: never
NEVER_BYTES = 1 << 50

_DOWNLOAD = re.compile(r"\.(?:csv|xlsx|parquet)$")
_TABLE = re.compile(
    r"^(?:/console/(?:tables/|lists/|view|upload|reports)|/reports|/data-view|/upload-config)|/changes$"
)
# threads of each lane; each thread has up to two connections to the database
LANES = {
    "pages": 5,
    # may take as long as CONSOLE_READ_SECONDS
    "tables": 5,
    "downloads": 3,
    # as many as passwords are checked at the same time
    "sign-ins": 2,
    "health": 1,
}


def choose_lane(path: str) -> str:
    """Return the lane in which a request for a path waits."""
    path = path.removeprefix(API)
    if path in ("/health", "/auth/login"):
        return "health" if path == "/health" else "sign-ins"
    if _DOWNLOAD.search(path):
        return "downloads"
    return "tables" if _TABLE.search(path) else "pages"


class _Lanes(ThreadedTaskDispatcher):
    """Distribute the requests of waitress to one dispatcher per lane."""

    def __init__(self) -> None:
        super().__init__()
        self._lanes = {name: ThreadedTaskDispatcher() for name in LANES}
        for name, threads in LANES.items():
            self._lanes[name].set_thread_count(threads)

    def add_task(self, channel: Any) -> None:
        """Put a connection with a complete request into the lane of its path."""
        self._lanes[choose_lane(getattr(channel.requests[0], "path", ""))].add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: int = 5) -> bool:
        """Stop every lane."""
        are_stopped = [lane.shutdown(cancel_pending, timeout) for lane in self._lanes.values()]
        return all(are_stopped)


class _Request(WSGITask):
    """A request; its connection is closed after a download, so that no other request waits behind unread bytes."""

    def start(self) -> None:
        """Start the answer."""
        super().start()
        request: Any = self.request
        if _DOWNLOAD.search(request.path):
            request.headers["CONNECTION"] = "close"


class _Channel(HTTPChannel):
    """A connection where a request that is too large also gets the answer of the application."""

    task_class = _Request
    _began_at = 0.0

    def error_task_class(self, channel: Any, request: Any) -> Task:  # type: ignore[override]
        """Return the task that answers a faulty request; waitress calls this."""
        if not isinstance(request.error, RequestEntityTooLarge):
            return ErrorTask(channel, request)
        # the application refuses it by its length without reading it, as a page or as JSON
        request.headers["CONTENT_LENGTH"] = str(max(request.content_length, MAX_BODY_BYTES))
        request.headers["CONNECTION"] = "close"
        return _Request(channel, request)

    def received(self, data: bytes) -> bool:
        """Process received bytes; close a connection that sends its request too slowly."""
        was_whole = self.request is None
        has_progress: bool = super().received(data)
        if self.request is not None and was_whole:
            self._began_at = time.monotonic()
        elif self.request is not None and time.monotonic() - self._began_at > REQUEST_SECONDS:
            self.will_close = True
        return has_progress


def serve(host: str, port: int) -> None:
    """Listen until the process is asked to stop; raise EtlError if the address is in use."""
    # without the reader's login no table can be shown: fail now rather than later
    db_utils.connect("reader", purpose="console").close()
    run_processes.remove_old_output()
    app = create_app()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app, map=sockets, _dispatcher=_Lanes(), host=host, port=port, ident=None, asyncore_use_poll=True,
            max_request_body_size=MAX_BODY_BYTES, max_request_header_size=MAX_HEADER_BYTES,
            connection_limit=MAX_CONNECTIONS, channel_timeout=SILENCE_SECONDS, outbuf_high_watermark=NEVER_BYTES,
            clear_untrusted_proxy_headers=True,
        )  # fmt: skip
    except OSError as error:
        raise EtlError(
            f"the console cannot listen on {host}:{port}: {error.strerror}",
            "Stop the program that uses this port, or choose another one:"
            f" {format_command('web_console', '--port', port + 1)}",
        ) from error
    # one for each address of the host
    for listener in sockets.values():
        listener.channel_class = _Channel
    expect_reader_elsewhere()
    threading.Thread(target=_start_what_is_due, name="due-starts", daemon=True).start()
    address = f"http://{host}:{_find_port(server)}/"
    print_line(f"the console is at {address}")
    logger.info("console: listening at %s", address)
    # deferred, because an exception in the middle of a request would be answered as its error
    with defer_signals() as stop_requested:
        while not stop_requested():
            wasyncore.loop(timeout=0.5, map=sockets, use_poll=True, count=1)
        _finish_requests(sockets)
        server.close()


def _start_what_is_due() -> None:
    """Start what has a time that cron does not know, as cron does where the cron file is installed."""
    directories = Directories(settings.current().etl_data_dir)
    while True:
        time.sleep(DUE_SECONDS)
        try:
            if due_starts.is_something_due(directories):
                due_starts.start_due(directories, run_processes.launch_due)
        except (EtlError, OSError) as error:
            text = f"console: what is due cannot be started: {error}"
            logger.warning("%s", text, extra={"code": "due_start_failed"})


def _finish_requests(sockets: dict[int, Any]) -> None:
    """Answer the requests already received, for FINISH_SECONDS at most, without accepting new connections."""
    until = time.monotonic() + FINISH_SECONDS
    for item in sockets.values():
        if not isinstance(item, HTTPChannel):
            item.accepting = False
    while time.monotonic() < until and any(getattr(item, "requests", None) for item in sockets.values()):
        wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)


def _find_port(server: object) -> int:
    # the port that the system chose if 0 was asked for
    port: int = getattr(server, "effective_port", 0) or server.effective_listen[0][1]  # type: ignore[attr-defined]
    return port
