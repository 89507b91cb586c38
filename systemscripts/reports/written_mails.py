"""A mail in the delivery ledger: who is to get it, who has it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from systemscripts import settings
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import EtlError
from systemscripts.reports import subscribers
from systemscripts.reports.definition import Report

# Precedes the name of a delivery target in the list of recipients.
TARGET_PREFIX = "target:"
# What a mail notes that went to the recipients of one row of `for_each`.
OWN_RECIPIENTS = "own_recipients"
# Which user's subscription a mail answers: it is sent only while the user wants it and may read it.
SUBSCRIBER = "subscriber"


@dataclass(frozen=True)
class Delivery:
    """The result of one mail."""

    delivery_id: int
    # sent, pending (see error), or nothing
    status: str
    subject: str
    recipients: list[str]
    error: str = ""
    # of the error
    exit_code: int = EtlError.exit_code


@dataclass
class WrittenMail:
    """A mail of the ledger: its message, who is to get it, and who has it already (`accepted`)."""

    delivery_id: int
    content: bytes
    subject: str
    message_id: str
    recipients: list[str]
    accepted: list[str]
    # its recipients are those of a row of `for_each`, or one subscriber
    has_own_recipients: bool
    # why no one is to get it any more, "" if someone is
    needless: str

    def list_left(self) -> list[str]:
        """Return those who do not have it yet."""
        served = {settings.extract_address(name) for name in self.accepted}
        return [name for name in self.recipients if settings.extract_address(name) not in served]

    def note(self, connection: Connection, status: str, error: str | None = None) -> None:
        """Write its status, and who has it, into the ledger."""
        record_status(connection, self.delivery_id, status, self.accepted, error)

    def conclude(self, status: str, error: str = "", exit_code: int = EtlError.exit_code) -> Delivery:
        """Return its result."""
        return Delivery(self.delivery_id, status, self.subject, self.recipients, error, exit_code)


def read_mail(cursor: Cursor, report: Report, delivery_id: int) -> WrittenMail:
    """Return a mail of the ledger with the recipients of today: they may have been corrected since it was written."""
    cursor.execute(
        """select message, subject, message_id, recipients, accepted, covered ? %s, covered ->> %s
           from dba.treportdelivery where delivery_id = %s""",
        (OWN_RECIPIENTS, SUBSCRIBER, delivery_id),
    )
    row: Any = cursor.fetchone()
    content, subject, message_id, recipients, accepted, has_own, subscriber = row
    if not has_own:
        left_it = subscribers.list_left(cursor, report)
        recipients = [name for name in recipients if subscribers.normalize(name) not in left_it]
        recipients = list_recipients(cursor, report) or recipients
    needless = "" if recipients else "all have left it"
    if subscriber is not None and subscribers.find_subscriber(cursor, report, subscriber) is None:
        needless = "the user wants the report no longer, or may not read it any more"
    return WrittenMail(delivery_id, bytes(content), subject, message_id, recipients, accepted, has_own, needless)


def list_recipients(cursor: Cursor, report: Report) -> list[str]:
    """Return the named recipients, each address once, without the users who want the report no longer."""
    addresses = report.recipients or ([] if report.targets else settings.current().report_recipients)
    named = [*addresses, *(f"{TARGET_PREFIX}{name}" for name in report.targets)]
    # the first one of each address, in their order
    by_address = {settings.extract_address(name): name for name in reversed(named)}
    left = subscribers.list_left(cursor, report)
    return [name for address, name in reversed(by_address.items()) if address.lower() not in left]


def record_status(
    connection: Connection, delivery_id: int, status: str, accepted: list[str], error: str | None
) -> None:
    with transaction(connection) as cursor:
        cursor.execute(
            """update dba.treportdelivery set status = %(status)s, accepted = %(accepted)s, error = %(error)s,
                   sent_at = case when %(status)s = 'sent' then now() end,
                   message = case when %(status)s <> 'pending' then null else message end
               where delivery_id = %(delivery_id)s""",
            {"status": status, "accepted": accepted, "error": error, "delivery_id": delivery_id},
        )
