"""The server process: waitress with a handful of threads."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import RequestEntityTooLarge

from systemscripts import db_utils
from systemscripts.errors import EtlError
from systemscripts.job import deferred_signals
from webconsole import create_app, processes

logger = logging.getLogger(__name__)

THREADS = 8  # pages are short; each thread holds up to two connections
MOST_BYTES = 8 << 20  # that are taken in at all; what a request may have is the application's to say


class _Channel(HTTPChannel):
    """A connection on which also a request that is cut off for its size gets the application's answer."""

    def error_task_class(self, channel: Any, request: Any) -> Task:  # type: ignore[override]
        if not isinstance(request.error, RequestEntityTooLarge):
            return ErrorTask(channel, request)
        # the application refuses it by its length, without reading it, as a page or as JSON
        request.headers["CONTENT_LENGTH"] = str(max(request.content_length, MOST_BYTES))
        request.headers["CONNECTION"] = "close"
        return WSGITask(channel, request)


def serve(host: str, port: int) -> None:
    """Listen until the process is asked to end; raises EtlError when the address is taken."""
    with contextlib.closing(db_utils.connect("reader", purpose="console")):
        pass  # without it no table could be shown: better said now
    processes.forget_old()
    app = create_app()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            app, map=sockets, host=host, port=port, threads=THREADS, ident=None, max_request_body_size=MOST_BYTES,
            channel_timeout=60, clear_untrusted_proxy_headers=True,
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
        server.close()


def _port(server: object) -> int:
    """The port that was free, where any was asked for."""
    found: int = getattr(server, "effective_port", 0) or server.effective_listen[0][1]  # type: ignore[attr-defined]
    return found
