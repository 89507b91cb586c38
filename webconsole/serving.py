"""The server process: waitress with a handful of threads."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from systemscripts import db_utils
from systemscripts.errors import EtlError
from systemscripts.job import deferred_signals
from webconsole import create_app, processes

logger = logging.getLogger(__name__)

THREADS = 8  # pages are short; each thread holds up to two connections


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
            app, map=sockets, host=host, port=port, threads=THREADS, ident=None, max_request_body_size=8 << 20,
            channel_timeout=60, clear_untrusted_proxy_headers=True,
        )  # fmt: skip
    except OSError as error:
        raise EtlError(
            f"the console cannot listen on {host}:{port}: {error.strerror}", "Stop what listens there, or --port."
        ) from error
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
