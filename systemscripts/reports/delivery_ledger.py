"""The delivery ledger: nothing is marked sent that was not accepted, what could not go is tried again, once.

A mail is written into dba.treportdelivery before it is sent, and marked after it was accepted. A kill between the two
can repeat it at worst, with the same Message-ID; a kill anywhere else loses and repeats nothing.
"""

from __future__ import annotations

import email
import email.policy
import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import mail, settings
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import explain_unsafe_name
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.reports.content import gather
from systemscripts.reports.definition import Report
from systemscripts.reports.render import Rendered, render

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

TARGET = "target:"  # before the name of a delivery target among the recipients
ToTarget = Callable[[str, list[Path]], None]  # brings files to the target of a name


@dataclass(frozen=True)
class Delivery:
    """What became of one mail."""

    delivery_id: int
    status: str  # sent, pending (see error), or nothing
    subject: str
    recipients: list[str]
    error: str = ""
    exit_code: int = EtlError.exit_code  # of the error


def deliver(
    report: Report,
    connection: Connection,
    reader: Connection,
    run_uuid: str,
    wait_seconds: float,
    to_target: ToTarget | None = None,
) -> list[Delivery]:
    """Send what earlier runs could not, then what is new since the last report.

    `to_target`: what brings the attachments to the report's delivery targets.

    A mail that the server refuses by itself does not hold up the others; it stays pending. So does one for a recipient
    who is refused for now, and one that nobody has. A recipient who is refused for good while others have the mail is
    given up with a warning. Raises ConfigurationError (no recipients, no server, login or certificate wrong),
    TryLaterError when the server is away: all mails are kept.
    """
    # recipients who are refused for good, by address: each is asked for once a run
    gone: dict[str, Refusal] = {}
    with advisory_lock(connection, f"report {report.report_name}", wait_seconds):
        with transaction(connection) as cursor:
            waiting = _pending(cursor, report)
        done = [_send(connection, report, delivery_id, to_target, gone) for delivery_id in waiting]
        with transaction(connection) as cursor:
            made = _make(cursor, report, reader, run_uuid)
        if made.status == "pending":
            return [*done, _send(connection, report, made.delivery_id, to_target, gone)]
        return [*done, made]


def _pending(cursor: Cursor, report: Report) -> list[int]:
    cursor.execute(
        """select delivery_id from dba.treportdelivery
           where report_name = %s and status = 'pending' order by delivery_id""",
        (report.report_name,),
    )
    return [row[0] for row in cursor.fetchall()]


def _make(cursor: Cursor, report: Report, reader: Connection, run_uuid: str) -> Delivery:
    """Write the mail into the ledger before it is sent, so that a kill in between loses none."""
    content = gather(report, cursor, reader, run_uuid)
    rendered = render(report, content)
    recipients = _recipients(report)
    status = "pending" if rendered.wanted else "nothing"
    message = _compose(report, rendered, recipients) if rendered.wanted else None
    cursor.execute(
        """insert into dba.treportdelivery (report_name, status, recipients, subject, message_id, message, covered,
               run_uuid)
           values (%s, %s, %s, %s, %s, %s, %s, %s) returning delivery_id""",
        (report.report_name, status, recipients, rendered.subject, message["Message-ID"] if message else None,
         message.as_bytes() if message else None, json.dumps(content.covered), run_uuid),
    )  # fmt: skip
    row: Any = cursor.fetchone()
    return Delivery(row[0], status, rendered.subject, recipients)


def _recipients(report: Report) -> list[str]:
    addresses = report.recipients or ([] if report.targets else settings.current().report_recipients)
    named = [*addresses, *(f"{TARGET}{name}" for name in report.targets)]
    # the first of those with one address, in their order
    return list({settings.extract_address(each): each for each in reversed(named)}.values())[::-1]


def _compose(report: Report, rendered: Rendered, recipients: list[str]) -> EmailMessage:
    addresses = [each for each in recipients if not each.startswith(TARGET)]
    if addresses and not mail.is_configured():
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST, or use --preview FILE.html.")
    if not recipients:
        raise ConfigurationError(
            f"report {report.report_name} has no recipients", "Set REPORT_RECIPIENTS, or recipients in its YAML."
        )
    message = mail.compose(rendered.subject, addresses, rendered.text, rendered.html)
    for file in rendered.files:
        message.add_attachment(file.content, *file.kind, filename=file.name, params=file.parameters)
    return message


def _send(
    connection: Connection, report: Report, delivery_id: int, to_target: ToTarget | None, gone: dict[str, Refusal]
) -> Delivery:
    """Send one mail, and its files, to those who have not got it yet; `gone` gets those who are refused for good."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select message, subject, recipients, accepted from dba.treportdelivery where delivery_id = %s",
            (delivery_id,),
        )
        row: Any = cursor.fetchone()
    content, subject, recipients, accepted = row
    # the recipients may have been corrected since it was made
    recipients = _recipients(report) or recipients
    known = {settings.extract_address(each) for each in accepted}
    left = [each for each in recipients if settings.extract_address(each) not in known]
    try:
        for name in [each for each in left if each.startswith(TARGET)]:
            _bring(bytes(content), name.removeprefix(TARGET), to_target)
            accepted.append(name)
            left.remove(name)
        asked = [each for each in left if settings.extract_address(each) not in gone]
        place = f"config/reports/{report.report_name}.yaml" if report.recipients else "config/.env, REPORT_RECIPIENTS"
        refused = mail.send(_read_message(bytes(content)), asked, correct_in=place) if asked else []
    except (TryLaterError, ConfigurationError) as error:
        _note(connection, delivery_id, "pending", accepted, str(error))
        raise
    except EtlError as error:
        _note(connection, delivery_id, "pending", accepted, str(error))
        return Delivery(delivery_id, "pending", subject, recipients, str(error))
    names = {refusal.mailbox for refusal in refused}
    accepted += [settings.extract_address(each) for each in asked if each not in names]
    for_now = [refusal for refusal in refused if refusal.is_temporary]
    gone |= {settings.extract_address(refusal.mailbox): refusal for refusal in refused if not refusal.is_temporary}
    given_up = [gone[address] for each in left if (address := settings.extract_address(each)) in gone]
    text = f"the mail server refused {', '.join(map(str, [*for_now, *given_up]))}"
    if for_now or not accepted:
        text += "; the others have the mail" if accepted else f"; nobody has the mail, correct the address in {place}"
        _note(connection, delivery_id, "pending", accepted, text)
        code = TryLaterError.exit_code if for_now else EtlError.exit_code
        return Delivery(delivery_id, "pending", subject, recipients, text, code)
    _note(connection, delivery_id, "sent", accepted, text if given_up else None)
    logger.info("sent %s to %s", subject, ", ".join(accepted))
    return Delivery(delivery_id, "sent", subject, recipients)


def _bring(content: bytes, target: str, to_target: ToTarget | None) -> None:
    """Deliver the attachments of a mail as files."""
    if to_target is None:
        raise ConfigurationError(f"nothing here delivers to the target {target}", "Use send_report.py.")
    message = _read_message(content)
    with tempfile.TemporaryDirectory(prefix="report_") as folder:
        paths = []
        for part in message.iter_attachments():
            name, data = part.get_filename() or "", part.get_payload(decode=True)
            if reason := explain_unsafe_name(name):
                raise ConfigurationError(f"the attachment {name!r} cannot be a file: {reason}", "Change its name.")
            paths.append(Path(folder) / name)
            paths[-1].write_bytes(data if isinstance(data, bytes) else b"")
        to_target(target, paths)


def _read_message(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def _note(connection: Connection, delivery_id: int, status: str, accepted: list[str], error: str | None) -> None:
    with transaction(connection) as cursor:
        cursor.execute(
            """update dba.treportdelivery set status = %(status)s, accepted = %(accepted)s, error = %(error)s,
                   sent_at = case when %(status)s = 'sent' then now() end,
                   message = case when %(status)s = 'sent' then null else message end
               where delivery_id = %(delivery_id)s""",
            {"status": status, "accepted": accepted, "error": error, "delivery_id": delivery_id},
        )
