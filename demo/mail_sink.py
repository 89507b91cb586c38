"""A mail server on loopback that requires STARTTLS and a login, and saves every mail as a file."""

from __future__ import annotations

import asyncio
import datetime
import email
import email.policy
import ipaddress
import os
import re
import ssl
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from demo.http_server import HOST, LocalServer


class MailSink(LocalServer):
    """Accepts mail on 127.0.0.1 in a thread.

    mail_folder: gets the files `0001_subject.eml`; numbers continue from existing files. certificate_folder: has the
    self-signed certificate and its key, which are created if needed. port: 0 for any free one. Clients trust
    `certificate`.
    """

    def __init__(self, mail_folder: Path, certificate_folder: Path, user: str, password: str, port: int = 0) -> None:
        mail_folder.mkdir(parents=True, exist_ok=True)
        self.mail_folder = mail_folder
        self.certificate, key = make_certificate(certificate_folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._user, self._password = user, password
        self._controller = _Controller(
            self,
            hostname=HOST,
            port=port,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=self._authenticate,
        )
        self.port = port

    def start(self) -> Self:
        """Start accepting mail; `port` is then the real port."""
        self._controller.start()
        self.port = self._controller.port
        return self

    def stop(self) -> None:
        """Stop accepting mail."""
        self._controller.stop()

    def list_mails(self) -> list[Path]:
        """Return the paths of the saved mails, oldest first."""
        return sorted(self.mail_folder.glob("*.eml"))

    def read_messages(self) -> list[EmailMessage]:
        """Return the saved mails as messages, oldest first."""
        read = partial(email.message_from_bytes, policy=email.policy.default)
        return [cast("EmailMessage", read(path.read_bytes().replace(b"\r\n", b"\n"))) for path in self.list_mails()]

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Save one mail; aiosmtpd calls this."""
        content = envelope.original_content or b""
        subject = email.message_from_bytes(content, policy=email.policy.default)["subject"] or ""
        name = re.sub(r"[^A-Za-z0-9]+", "-", str(subject)).strip("-")[:60] or "no-subject"
        number = max((int(path.name[:4]) for path in self.list_mails()), default=0) + 1
        temporary = self.mail_folder / f".{number:04d}.tmp"
        temporary.write_bytes(content)
        temporary.replace(self.mail_folder / f"{number:04d}_{name}.eml")
        return "250 Message accepted for delivery"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and mechanism in ("PLAIN", "LOGIN")
        right = known and (data.login, data.password) == (self._user.encode(), self._password.encode())
        return AuthResult(success=right, handled=False) if not right else AuthResult(success=True)


class _Controller(Controller):
    """Reads the real port before aiosmtpd connects to it to check that the server runs."""

    def _trigger_server(self) -> None:
        self.port = cast("asyncio.Server", self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return the certificate and its key in `folder`; create them for 127.0.0.1 and localhost if needed."""
    certificate_path, key_path = folder / "mail_sink.crt", folder / "mail_sink.key"
    if certificate_path.exists() and key_path.exists():
        return certificate_path, key_path
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = _make_self_signed()
    _write_file(key_path, key, 0o600)
    _write_file(certificate_path, certificate, 0o644)
    return certificate_path, key_path


def _make_self_signed() -> tuple[bytes, bytes]:
    """Return a certificate for twenty years and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))])
    # before any time that a test may set
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=365 * 20))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _write_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file that never has wider permissions than `mode`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.touch(mode)
    temporary.chmod(mode)
    temporary.write_bytes(content)
    temporary.replace(path)
