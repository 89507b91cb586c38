"""Ask servers when their certificates expire."""

from __future__ import annotations

import socket
import ssl
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Greeting = Literal["tls", "smtp", "postgresql"]
TIMEOUT_SECONDS = 10.0
# PostgreSQL manual, 55.7 "SSLRequest"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def fetch_expiry(host: str, port: int, greeting: Greeting = "tls", seconds: float = TIMEOUT_SECONDS) -> datetime:
    """Return when the certificate of a server expires, trusted or not.

    `greeting` is the protocol before the TLS handshake. Raises OSError if the server shows no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # only the date is read; whatever sends data verifies the certificate
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.settimeout(seconds)
        _start_tls(connection, greeting)
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return _parse_expiry(secured.getpeercert(binary_form=True) or b"")


def read_expiry(path: Path) -> datetime:
    """Return when the first certificate of a PEM file expires; raises OSError, ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _parse_expiry(content: bytes) -> datetime:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(content).not_valid_after_utc.astimezone(UTC)
    except ValueError as error:
        raise OSError(f"its certificate cannot be read: {error}") from error


def _start_tls(connection: socket.socket, greeting: Greeting) -> None:
    if greeting == "postgresql":
        connection.sendall(SSL_REQUEST)
        if connection.recv(1) != b"S":
            raise OSError("the server does not offer TLS")
    elif greeting == "smtp":
        _expect_reply(connection, "220")
        connection.sendall(b"EHLO localhost\r\n")
        _expect_reply(connection, "250")
        connection.sendall(b"STARTTLS\r\n")
        _expect_reply(connection, "220")


def _expect_reply(connection: socket.socket, code: str) -> None:
    """Read a reply of one or several lines (RFC 5321, 4.2.1); raises OSError if it does not have this code."""
    text = b""
    while not text.endswith(b"\n") or text.rstrip(b"\r\n").splitlines()[-1][3:4] == b"-":
        part = connection.recv(4096)
        if not part:
            break
        text += part
    if not text.startswith(code.encode()):
        raise OSError(f"the mail server answered {text[:80].decode('latin-1').strip() or 'nothing'}")
