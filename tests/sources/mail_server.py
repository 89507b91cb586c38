"""A real Dovecot on loopback with a mailbox of its own, and mails to put there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from systemscripts.sources.types import mail
from tests.conftest import Installation
from tests.sources.door_matrix import Door, wait_until
from tests.ssh.servers import free_port, wait_for_port

DOVECOT = Path("/usr/sbin/dovecot")
USER, PASSWORD, TOKEN = "orders", "right-Password-1", "right-token-1"
SENDER = "reports@client.example"
_CONFIGURATION = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
auth_mechanisms = plain xoauth2
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:~/Maildir
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%u
}}
"""


@dataclass
class MailServer:
    """The mailbox of one user."""

    folder: Path
    port: int

    @property
    def inbox(self) -> Path:
        return self.folder / "mail" / USER / "Maildir"

    def options(self, port: int = 0, **more: Any) -> dict[str, Any]:
        """The source as a configuration names it."""
        login = {"host": "localhost", "port": port or self.port, "user": USER, "password": "${SOURCE_MAIL_PASSWORD}"}
        return {"type": "mail", **login, "ca_file": str(self.folder / "server.pem"), "senders": [SENDER]} | more

    def door(self, port: int = 0, **more: Any) -> Door:
        return Door(lambda: self.options(port, **more), self.put, self.list_unsettled, self.port)

    def put(self, name: str, content: bytes) -> None:
        """Deliver a mail with one attachment."""
        self.deliver(make_mail({name: content}))

    def deliver(self, message: EmailMessage) -> None:
        """Put a mail into the mailbox, as an MTA does."""
        for part in (self.inbox.parent, self.inbox, *(self.inbox / name for name in ("new", "cur", "tmp"))):
            part.mkdir(exist_ok=True, parents=True)
            shutil.chown(part, "mail", "mail")
        path = self.inbox / "tmp" / f"{time.time_ns()}.test"
        path.write_bytes(message.as_bytes())
        shutil.chown(path, "mail", "mail")
        path.rename(self.inbox / "new" / path.name)

    def create_folder(self, name: str) -> None:
        """Make another empty folder."""
        for part in ("", "new", "cur", "tmp"):
            (self.inbox / f".{name}" / part).mkdir()
            shutil.chown(self.inbox / f".{name}" / part, "mail", "mail")

    def list_mails(self, folder: str = "") -> dict[str, str]:
        """Return the mails of a folder: names of their attachments -> flags of Maildir."""
        import email

        mails = {}
        for path in [*(self.inbox / folder).glob("new/*"), *(self.inbox / folder).glob("cur/*")]:
            names = [part.get_filename() for part in email.message_from_bytes(path.read_bytes()).walk()]
            mails[",".join(filter(None, names))] = path.name.partition(":2,")[2]
        return mails

    def list_unsettled(self) -> list[str]:
        """Return the names of the attachments of mails that are not marked as seen."""
        return sorted(name for name, flags in self.list_mails().items() if "S" not in flags)

    def count_bodies(self) -> int:
        """End the sessions of this process, and return how many whole mails were downloaded so far."""
        sessions = list(mail._sessions.values())
        mail._sessions.clear()
        log = self.folder / "dovecot.log"
        ended = log.read_text().count("body_count=")
        for session in sessions:
            session.close()
        # the line of a session is written when it ends
        wait_until(lambda: log.read_text().count("body_count=") >= ended + len(sessions))
        return sum(map(int, re.findall(r"body_count=(\d+)", log.read_text())))

    def clear(self) -> None:
        """Remove all mails, and all that the server knows of them."""
        shutil.rmtree(self.folder / "mail")
        (self.folder / "mail").mkdir()
        shutil.chown(self.folder / "mail", "mail", "mail")


def make_mail(files: dict[str, bytes], sender: str = SENDER, subject: str = "Orders", **headers: str) -> EmailMessage:
    """Return a mail with attachments."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "orders@example.com", subject
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = f"<{time.time_ns()}@client.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Please find attached.")
    for name, content in files.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename="x")
        *_, part = message.iter_attachments()
        # as a broken or hostile program writes it
        part.replace_header("Content-Disposition", "attachment")
        part.set_param("filename", name, "Content-Disposition", charset=None if name.isascii() else "utf-8")
    return message


@contextlib.contextmanager
def running_dovecot() -> Iterator[MailServer]:
    """A Dovecot with one user, whose token is checked by a web server as OAuth2 has it."""
    missing = "" if DOVECOT.exists() else "Dovecot"
    missing = missing or ("" if os.geteuid() == 0 else "root")
    if missing and missing != "root" and os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(f"{missing} is missing")
    if missing:
        pytest.skip(f"needs {missing}")
    # other users must reach it: not below the private folder of pytest
    folder = Path(tempfile.mkdtemp(prefix="dovecot_"))
    folder.chmod(0o755)
    tokens = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    server = MailServer(folder, free_port())
    try:
        make_certificate(folder / "server")
        (folder / "mail").mkdir()
        server.clear()
        (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (folder / "oauth2.conf").write_text(
            f"tokeninfo_url = http://127.0.0.1:{tokens.server_address[1]}/?token=\nusername_attribute = user\n"
        )
        (folder / "dovecot.conf").write_text(_CONFIGURATION.format(folder=folder, port=server.port))
        with (folder / "out.log").open("wb") as log:
            process = subprocess.Popen([DOVECOT, "-F", "-c", folder / "dovecot.conf"], stdout=log, stderr=log)
            try:
                wait_for_port(server.port, lambda: process.poll() is None, folder / "out.log")
                yield server
            finally:
                process.terminate()
                process.wait(30)
    finally:
        tokens.shutdown()
        tokens.server_close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[MailServer]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def box(dovecot: MailServer, installation: Installation) -> MailServer:
    """The empty mailbox, whose password the installation has."""
    dovecot.clear()
    installation.write_settings(SOURCE_MAIL_PASSWORD=PASSWORD, FILE_STILL_SECONDS="0")
    return dovecot


def make_certificate(path: Path, name: str = "localhost") -> None:
    """Write a self-signed certificate and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
    more = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{path}.key", "-out", f"{path}.pem"]
    subprocess.run([*command, *more], check=True, capture_output=True)
    Path(f"{path}.pem").chmod(0o644)


class _Tokens(BaseHTTPRequestHandler):
    """Says whose token it is."""

    def do_GET(self) -> None:
        is_right = self.path.endswith(TOKEN)
        self.send_response(200 if is_right else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"user": USER} if is_right else {"error": "invalid"}).encode())

    def log_message(self, *arguments: object) -> None:
        pass
