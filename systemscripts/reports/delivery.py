"""The delivery ledger: nothing is marked sent that was not accepted, what could not go is tried again, once."""

from __future__ import annotations

import email
import email.policy
import json
import logging
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from systemscripts import mail, settings
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.reports.definition import Report
from systemscripts.reports.rendering import Rendered, render

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What became of one mail."""

    delivery_id: int
    status: str  # sent, or nothing
    subject: str
    recipients: list[str]


def deliver(
    report: Report, connection: Connection, reader: Connection, run_uuid: str, wait_seconds: float
) -> list[Delivery]:
    """Send what earlier runs could not, then what is new since the last report.

    Raises ConfigurationError (no recipients, no server), TryLaterError when the server is away: the mail is kept.
    """
    with advisory_lock(connection, f"report {report.report_name}", wait_seconds):
        with transaction(connection) as cursor:
            waiting = _pending(cursor, report)
        done = [_send(connection, delivery_id) for delivery_id in waiting]
        with transaction(connection) as cursor:
            made = _make(cursor, report, reader, run_uuid)
        if made.status == "pending":
            return [*done, _send(connection, made.delivery_id)]
        return [*done, made]


def covered_until(cursor: Cursor, report: Report) -> int:
    """The newest dataset that a delivery of this report has covered."""
    cursor.execute(
        "select coalesce(max((covered ->> 'dataset_id')::integer), 0) from dba.treportdelivery where report_name = %s",
        (report.report_name,),
    )
    row: Any = cursor.fetchone()
    return int(row[0])


def newest_dataset(cursor: Cursor) -> int:
    """The newest dataset there is."""
    cursor.execute("select coalesce(max(dataset_id), 0) from dba.tdataset")
    row: Any = cursor.fetchone()
    return int(row[0])


def _pending(cursor: Cursor, report: Report) -> list[int]:
    cursor.execute(
        """select delivery_id from dba.treportdelivery
           where report_name = %s and status = 'pending' order by delivery_id""",
        (report.report_name,),
    )
    return [row[0] for row in cursor.fetchall()]


def _make(cursor: Cursor, report: Report, reader: Connection, run_uuid: str) -> Delivery:
    """Write the mail into the ledger before it is sent, so that a kill in between loses none."""
    since, until = covered_until(cursor, report), newest_dataset(cursor)
    rendered = render(report, reader, since, until)
    recipients = report.recipients or settings.current().report_recipients
    status = "pending" if rendered.wanted else "nothing"
    message = _compose(report, rendered, recipients) if rendered.wanted else None
    cursor.execute(
        """insert into dba.treportdelivery (report_name, status, recipients, subject, message_id, message, covered,
               run_uuid)
           values (%s, %s, %s, %s, %s, %s, %s, %s) returning delivery_id""",
        (report.report_name, status, recipients, rendered.subject, message["Message-ID"] if message else None,
         message.as_bytes() if message else None, json.dumps({"dataset_id": until}), run_uuid),
    )  # fmt: skip
    row: Any = cursor.fetchone()
    return Delivery(row[0], status, rendered.subject, recipients)


def _compose(report: Report, rendered: Rendered, recipients: list[str]) -> EmailMessage:
    if not mail.configured():
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST, or use --preview FILE.html.")
    if not recipients:
        raise ConfigurationError(
            f"report {report.report_name} has no recipients", "Set REPORT_RECIPIENTS, or recipients in its YAML."
        )
    return mail.compose(rendered.subject, recipients, rendered.text, rendered.html)


def _send(connection: Connection, delivery_id: int) -> Delivery:
    with transaction(connection) as cursor:
        cursor.execute(
            "select message, subject, recipients from dba.treportdelivery where delivery_id = %s", (delivery_id,)
        )
        row: Any = cursor.fetchone()
    message = email.message_from_bytes(bytes(row[0]), policy=email.policy.default)
    try:
        mail.send(message)
    except EtlError as error:
        with transaction(connection) as cursor:
            cursor.execute(
                "update dba.treportdelivery set error = %s where delivery_id = %s", (str(error), delivery_id)
            )
        raise
    with transaction(connection) as cursor:
        cursor.execute(
            """update dba.treportdelivery set status = 'sent', sent_at = now(), message = null, error = null
               where delivery_id = %s""",
            (delivery_id,),
        )
    logger.info("sent %s to %s", row[1], ", ".join(row[2]))
    return Delivery(delivery_id, "sent", row[1], row[2])
