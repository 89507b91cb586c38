"""A mail server with moods, and MeetMax lists without MeetMax."""

from __future__ import annotations

import contextlib
import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from demo.mail_sink import MailSink
from tests.conftest import Installation

PAGE_COLUMNS = "EventID,URL,IfExists,InvalidEventID,IsDownloadable,DownloadLink,StatusCode,Title"


class MoodySink(MailSink):
    """Accepts mail, unless told otherwise."""

    refused: frozenset[str] = frozenset()
    refused_for_now: frozenset[str] = frozenset()
    before_keeping: Callable[[], str | None] | None = None  # an answer instead of keeping the mail
    after_keeping: Callable[[], None] | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        if address in self.refused_for_now:
            return "451 greylisted, try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.before_keeping is not None and (answer := self.before_keeping()):
            return answer
        answer = await super().handle_DATA(server, session, envelope)
        with (self.mail_folder / "recipients").open("a") as stream:
            stream.write(",".join(envelope.rcpt_tos) + "\n")
        if self.after_keeping is not None:
            self.after_keeping()
        return answer

    def read(self) -> list[EmailMessage]:
        """The mails kept so far."""
        messages = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in self.list_mails()
        ]
        return [message for message in messages if isinstance(message, EmailMessage)]

    def recipients(self) -> list[str]:
        """Who each mail was accepted for, one line a mail."""
        path = self.mail_folder / "recipients"
        return path.read_text().splitlines() if path.exists() else []


class MeetMax:
    """An installation whose MeetMax lists and pages come straight from a test."""

    def __init__(self, installation: Installation, sink: MoodySink) -> None:
        self.installation, self.sink = installation, sink
        self.pages: dict[int, str] = {}

    def load(self, day: str, lists: dict[int, str]) -> list[str]:
        """Load a list for each event, as a file of that day; returns what became of them."""
        for event, text in lists.items():
            self.installation.drop(f"{day}T060000_MeetMax_{event}.xls", text)
        return [row["state"] for row in self.installation.summary("generic_import", "meetmax_events")["rows"]]

    def check(self, day: str, **rows: str) -> None:
        """Load the result of a check; event=`exists,invalid,downloadable,status,title`."""
        lines = [PAGE_COLUMNS]
        for name, text in rows.items():
            event = name.removeprefix("e")
            exists, invalid, downloadable, status, title = text.split(",")
            lines.append(f"{event},http://x/{event}/,{exists},{invalid},{downloadable},,{status},{title}")
        self.installation.drop(f"{day}T050000_MeetMaxURLCheck.csv", "\n".join(lines) + "\n")
        assert self.installation.run("generic_import", "meetmax_urls").returncode == 0

    def undo(self, dataset: int) -> None:
        assert self.installation.run("generic_import", "--undo", dataset).returncode == 0

    def send(self, **environment: str) -> EmailMessage | None:
        """Send the report; the mail that came of it, if one did."""
        before = len(self.sink.list_mails())
        done = self.installation.run("send_report", "meetmax_changes", **environment)
        assert done.returncode == 0, done.stderr
        mails = self.sink.read()
        assert len(mails) in (before, before + 1)
        return mails[-1] if len(mails) > before else None

    def text(self, **environment: str) -> str:
        """Send the report; the text of its mail, "" where there is none."""
        message = self.send(**environment)
        return part(message, "plain") if message else ""


def part(message: EmailMessage, subtype: str) -> str:
    """One part of a mail."""
    body: Any = message.get_body((subtype,))
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[MoodySink]:
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(MoodySink(tmp_path / "mails", tmp_path / "certificate", "etl", "secret"))  # type: ignore[arg-type]


@pytest.fixture
def mailing(installation: Installation, sink: MoodySink) -> Installation:
    """An installation that mails to the sink."""
    installation.write_settings(
        SMTP_HOST="127.0.0.1", SMTP_PORT=str(sink.port), SMTP_USER="etl", SMTP_PASSWORD="secret",
        SMTP_CA_FILE=str(sink.certificate), SMTP_TIMEOUT_SECONDS="5", REPORT_RECIPIENTS="analyst@example.test",
    )  # fmt: skip
    return installation


@pytest.fixture
def meetmax(mailing: Installation, sink: MoodySink) -> MeetMax:
    return MeetMax(mailing, sink)
