"""A mail server of plain SMTP whose every answer a test can choose, also those that no library would give."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Self


@dataclass
class Delivered:
    """One mail that was accepted: for whom (of the envelope), and its bytes."""

    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        message = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def text(self) -> str:
        """The text of the mail."""
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class SmtpServer:
    """Accepts mail on loopback. `answers`: of RCPT by address. `at_end`: what follows the 250 for a mail."""

    answers: dict[str, str] = field(default_factory=dict)
    at_end: str = "221 bye"  # or: reset, silent, garbage, continued
    extensions: tuple[str, ...] = ("SIZE 10000000",)
    delivered: list[Delivered] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # what clients said, but for the mails themselves
    greeting: str = "220 test"
    # accepts connections without a greeting
    is_hanging: bool = False

    def __enter__(self) -> Self:
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                owner.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_hanging = False
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The settings that name this server."""
        return {
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.port), "SMTP_SECURITY": "none",
            "SMTP_TIMEOUT_SECONDS": "2", "MAIL_FROM": "ETL <etl@example.com>",
        }  # fmt: skip

    def list_recipients(self) -> list[str]:
        """Every recipient of every mail, in order."""
        return [recipient for mail in self.delivered for recipient in mail.recipients]

    def converse(self, handler: socketserver.StreamRequestHandler) -> None:
        """One session."""

        def say(text: str) -> None:
            handler.wfile.write(text.encode() + b"\r\n")

        while self.is_hanging:
            time.sleep(0.02)
        recipients: list[str] = []
        say(self.greeting)
        if not self.greeting.startswith("2"):
            return
        while line := handler.rfile.readline().decode("utf-8", "replace").strip():
            self.lines.append(line)
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                offered = ["test", *self.extensions]
                for number, name in enumerate(offered, 1):
                    say(f"250{' ' if number == len(offered) else '-'}{name}")
            elif word == "MAIL":
                recipients = []
                say("250 ok")
            elif word == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                answer = self.answers.get(address, "250 ok")
                if answer.startswith("2"):
                    recipients.append(address)
                say(answer)
            elif word == "DATA":
                say("354 go on")
                content = b""
                while (part := handler.rfile.readline()) not in (b".\r\n", b""):
                    content += part[1:] if part.startswith(b".") else part
                self.delivered.append(Delivered(recipients, content))
                say("250-queued" if self.at_end == "continued" else "250 queued")
                if self.at_end in ("reset", "continued"):
                    return
            elif word == "QUIT":
                if self.at_end == "silent":
                    time.sleep(3)
                say("\x00garbage" if self.at_end == "garbage" else self.at_end)
                return
            else:
                say("250 ok")
