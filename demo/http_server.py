"""Base classes of the local servers: each is a context manager; HTTP servers answer from a thread of their own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"


class LocalServer(ABC):
    """A server on loopback. Use as a context manager, or with start() and stop()."""

    # 0 before the start: any free port
    port: int

    @abstractmethod
    def start(self) -> Self:
        """Start serving; `port` is then the real port."""

    @abstractmethod
    def stop(self) -> None:
        """Stop serving and free the port; may be called twice."""

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class HttpServer(LocalServer):
    """Answers HTTP requests, each in a thread, by calling `answer`."""

    def __init__(self, port: int = 0) -> None:
        """Bind the port at once, so that URLs can contain it before the start."""
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
        """Start answering requests."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    owner: HttpServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for headers and body: two would wait for each other (Nagle, delayed ACK), 40 ms for each answer.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        """Answer a GET request; http.server calls this."""
        self.server.owner.answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def send_answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    content_type: str,
    headers: dict[str, str] | None = None,
    cut: bool = False,
) -> None:
    """Send a response; with `cut` only half of it, and close the connection."""
    handler.send_response(status)
    for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if cut else body)
    handler.close_connection = cut or handler.close_connection
