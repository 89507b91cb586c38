"""Until when the certificates of servers hold, asked from the servers themselves."""

from __future__ import annotations

import socket
import ssl
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Greeting = Literal["tls", "smtp", "postgresql"]
TIMEOUT_SECONDS = 10.0
SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL manual, 55.7 "SSLRequest"


def fetch_expiry(host: str, port: int, greeting: Greeting = "tls", seconds: float = TIMEOUT_SECONDS) -> datetime:
    """When the certificate of a server ends; whether it is trusted does not matter here.

    `greeting`: what comes before the handshake. Raises OSError where there is none to be had.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # only its date is read; who sends anything verifies
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.settimeout(seconds)
        _greet(connection, greeting)
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return _end(secured.getpeercert(binary_form=True) or b"")


def read_expiry(path: Path) -> datetime:
    """When the first certificate of a PEM file ends; raises OSError, ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _end(content: bytes) -> datetime:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(content).not_valid_after_utc.astimezone(UTC)
    except ValueError as error:
        raise OSError(f"its certificate cannot be read: {error}") from error


def _greet(connection: socket.socket, greeting: Greeting) -> None:
    if greeting == "postgresql":
        connection.sendall(SSL_REQUEST)
        if connection.recv(1) != b"S":
            raise OSError("the server speaks no TLS")
    elif greeting == "smtp":
        _answer(connection, "220")
        connection.sendall(b"EHLO localhost\r\n")
        _answer(connection, "250")
        connection.sendall(b"STARTTLS\r\n")
        _answer(connection, "220")


def _answer(connection: socket.socket, code: str) -> None:
    """Read one answer of several lines (RFC 5321, 4.2.1); raises OSError when it is another."""
    text = b""
    while not text.endswith(b"\n") or text.rstrip(b"\r\n").splitlines()[-1][3:4] == b"-":
        part = connection.recv(4096)
        if not part:
            break
        text += part
    if not text.startswith(code.encode()):
        raise OSError(f"the mail server answered {text[:80].decode('latin-1').strip() or 'nothing'}")
