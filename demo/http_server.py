"""What the local servers share: each is a context manager, and the HTTP ones answer from a thread of their own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"


class LocalServer(ABC):
    """A server on loopback. Use as a context manager, or with start() and stop()."""

    port: int  # 0 before the start: any free one

    @abstractmethod
    def start(self) -> Self:
        """Serve from now on; `port` then says where."""

    @abstractmethod
    def stop(self) -> None:
        """Serve no more and free the port; a second time does nothing."""

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class HttpServer(LocalServer):
    """Answers HTTP requests, each in a thread; `answer` says what to say."""

    def __init__(self, port: int = 0) -> None:
        """`port` is taken at once, so that addresses can name it before the start."""
        self._listener = _Listener((HOST, port), _Handler)
        self._listener.owner = self
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name=type(self).__name__, daemon=True
        )

    @abstractmethod
    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one GET request."""

    def start(self) -> Self:
        """Answer requests from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more and free the port."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    owner: HttpServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: two wait for each other (Nagle, delayed ACK), 40 ms an answer
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        self.server.owner.answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


def send_answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    content_type: str,
    headers: dict[str, str] | None = None,
    cut: bool = False,
) -> None:
    """Send an answer; with `cut` half of it, and hang up."""
    handler.send_response(status)
    for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if cut else body)
    handler.close_connection = cut or handler.close_connection
