"""The delivery ledger of reports: a mail is marked sent only when it was accepted, and retried by the next run if not.

A mail is written into dba.treportdelivery before it is sent, and marked after it was accepted. A kill between the two
can at worst repeat it with the same Message-ID; a kill anywhere else neither loses nor repeats a mail. Files for a
target are put there under temporary names, that is noted, and only then they get their names: so a kill in between does
not deliver a file twice that was taken away meanwhile.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import mail, settings
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import explain_unsafe_name
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.reports import subscribers
from systemscripts.reports.content import Content, gather_content
from systemscripts.reports.definition import Report
from systemscripts.reports.render import Rendered, render_report
from systemscripts.tables import temporary_files

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

# Precedes the name of a delivery target in the list of recipients.
TARGET_PREFIX = "target:"
# What a mail notes that went to the recipients of one row of `for_each`.
OWN_RECIPIENTS = "own_recipients"
# Which user's subscription a mail answers: it is sent only while the user wants it and may read it.
SUBSCRIBER = "subscriber"
# Precedes the place and the name of a target at which the files are, but still under temporary names.
ASIDE_PREFIX = "aside:"
# Delivers files to the target with a name: see targets.deliver for mark, aside_at, note_aside.
DeliverToTarget = Callable[[str, list[Path], str, str, Callable[[str], None]], None]


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


def deliver_report(
    report: Report,
    connection: Connection,
    reader: Connection,
    run_uuid: str,
    wait_seconds: float,
    deliver_to_target: DeliverToTarget | None = None,
) -> list[Delivery]:
    """Send the mails that earlier runs could not send, then what is new since the last report.

    `deliver_to_target`: delivers the attachments to the report's targets.

    A mail that the server refuses does not hold up the others; it stays pending. So does one with a recipient who is
    refused temporarily, and one that no recipient has. A recipient who is refused permanently while others have the
    mail is dropped with a warning. Raises ConfigurationError (no recipients, no server, login or certificate wrong),
    TryLaterError if the server is away: all mails are kept.
    """
    # recipients who are refused permanently, by address: each is tried once a run
    refused: dict[str, Refusal] = {}
    with advisory_lock(connection, f"report {report.report_name}", wait_seconds):
        with transaction(connection) as cursor:
            waiting = _list_pending(cursor, report)
        deliveries = [_send_mail(connection, report, number, deliver_to_target, refused) for number in waiting]
        with transaction(connection) as cursor:
            new = _write_mails(cursor, report, reader, run_uuid)
        for delivery in new:
            if delivery.status == "pending":
                delivery = _send_mail(connection, report, delivery.delivery_id, deliver_to_target, refused)
            deliveries.append(delivery)
        return deliveries


def _list_pending(cursor: Cursor, report: Report) -> list[int]:
    cursor.execute(
        """select delivery_id from dba.treportdelivery
           where report_name = %s and status = 'pending' order by delivery_id""",
        (report.report_name,),
    )
    return [row[0] for row in cursor.fetchall()]


def _write_mails(cursor: Cursor, report: Report, reader: Connection, run_uuid: str) -> list[Delivery]:
    """Write the mail, and one for each row of `for_each`, into the ledger before they are sent.

    A kill in between does not lose one. All of them report what is new since the last delivery.
    """
    content = gather_content(report, cursor, reader, run_uuid)
    named = _list_recipients(cursor, report)
    mails = [
        _write_mail(cursor, report, gather_content(report, cursor, reader, run_uuid, each=row["name"]), run_uuid,
                    row["recipients"], {OWN_RECIPIENTS: True})
        for row in content.rows.get(report.for_each, ())
        if row["recipients"]
    ]  # fmt: skip
    has_mail = {subscribers.normalize(name) for name in named}
    for user in subscribers.list_subscribers(cursor, report):
        if subscribers.normalize(user.email) in has_mail:
            continue
        own = gather_content(report, cursor, reader, run_uuid, visibility=user.visibility)
        notes = {OWN_RECIPIENTS: True, SUBSCRIBER: user.user_name}
        mails.append(_write_mail(cursor, report, own, run_uuid, [user.email], notes))
    # the last one: the next report begins where it ends
    return [*mails, _write_mail(cursor, report, content, run_uuid, named, {})]


def _write_mail(
    cursor: Cursor, report: Report, content: Content, run_uuid: str, recipients: list[str], notes: dict[str, Any]
) -> Delivery:
    rendered = render_report(report, content)
    covered = content.covered | notes
    # without recipients it is a mistake, unless only subscribers are to get it
    is_wanted = rendered.is_wanted and (bool(recipients) or not _has_subscriptions(cursor, report))
    status = "pending" if is_wanted else "nothing"
    message = _compose_mail(report, rendered, recipients) if is_wanted else None
    cursor.execute(
        """insert into dba.treportdelivery (report_name, status, recipients, subject, message_id, message, covered,
               run_uuid)
           values (%s, %s, %s, %s, %s, %s, %s, %s) returning delivery_id""",
        (report.report_name, status, recipients, rendered.subject, message["Message-ID"] if message else None,
         message.as_bytes() if message else None, json.dumps(covered), run_uuid),
    )  # fmt: skip
    row: Any = cursor.fetchone()
    return Delivery(row[0], status, rendered.subject, recipients)


def _has_subscriptions(cursor: Cursor, report: Report) -> bool:
    cursor.execute("select 1 from dba.treportsubscription where report_name = %s limit 1", (report.report_name,))
    return cursor.fetchone() is not None


def _list_recipients(cursor: Cursor, report: Report) -> list[str]:
    """Return the named recipients, each address once, without the users who want the report no longer."""
    addresses = report.recipients or ([] if report.targets else settings.current().report_recipients)
    named = [*addresses, *(f"{TARGET_PREFIX}{name}" for name in report.targets)]
    # the first one of each address, in their order
    by_address = {settings.extract_address(name): name for name in reversed(named)}
    left = subscribers.list_left(cursor, report)
    return [name for address, name in reversed(by_address.items()) if address.lower() not in left]


def _compose_mail(report: Report, rendered: Rendered, recipients: list[str]) -> EmailMessage:
    addresses = [name for name in recipients if not name.startswith(TARGET_PREFIX)]
    if addresses and not mail.is_configured():
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST, or use --preview FILE.html.")
    if not recipients:
        raise ConfigurationError(
            f"report {report.report_name} has no recipients", "Set REPORT_RECIPIENTS, or recipients in its YAML."
        )
    message = mail.compose(rendered.subject, addresses, rendered.text, rendered.html)
    for file in rendered.files:
        message.add_attachment(file.content, *file.media_type, filename=file.name, params=file.parameters)
    return message


def _send_mail(
    connection: Connection,
    report: Report,
    delivery_id: int,
    deliver_to_target: DeliverToTarget | None,
    permanently_refused: dict[str, Refusal],
) -> Delivery:
    """Send one mail and its files to those who do not have it yet; `gone` collects the permanently refused."""
    with transaction(connection) as cursor:
        cursor.execute(
            """select message, subject, recipients, accepted, covered ? %s, covered ->> %s, message_id
               from dba.treportdelivery where delivery_id = %s""",
            (OWN_RECIPIENTS, SUBSCRIBER, delivery_id),
        )
        row: Any = cursor.fetchone()
        content, subject, recipients, accepted, has_own, subscriber, message_id = row
        # the recipients may have been corrected since it was written
        if not has_own:
            left_it = subscribers.list_left(cursor, report)
            recipients = [name for name in recipients if subscribers.normalize(name) not in left_it]
            recipients = _list_recipients(cursor, report) or recipients
        is_left = subscriber is not None and subscribers.find_subscriber(cursor, report, subscriber) is None
    if is_left or not recipients:
        text = "the user wants the report no longer, or may not read it any more" if is_left else "all have left it"
        _record_status(connection, delivery_id, "nothing", accepted, text)
        return Delivery(delivery_id, "nothing", subject, recipients)
    served = {settings.extract_address(name) for name in accepted}
    left = [name for name in recipients if settings.extract_address(name) not in served]
    try:
        for name in [name for name in left if name.startswith(TARGET_PREFIX)]:
            target = name.removeprefix(TARGET_PREFIX)

            def note_aside(place_mark: str, target: str = target) -> None:
                accepted[:] = [*_list_without_aside(accepted, target), f"{ASIDE_PREFIX}{place_mark}:{target}"]
                _record_status(connection, delivery_id, "pending", accepted, None)

            mark = hashlib.sha256(f"{message_id} {name}".encode()).hexdigest()[:16]
            aside_at = _find_aside(accepted, target)
            _deliver_files(bytes(content), target, deliver_to_target, mark, aside_at, note_aside)
            accepted[:] = [*_list_without_aside(accepted, target), name]
            left.remove(name)
            # a kill from here on does not deliver them again
            _record_status(connection, delivery_id, "pending", accepted, None)
        asked = [name for name in left if settings.extract_address(name) not in permanently_refused]
        correct_in = (
            "the import, notify"
            if has_own
            else f"config/reports/{report.report_name}.yaml"
            if report.recipients
            else "config/.env, REPORT_RECIPIENTS"
        )

        def record_accepted(refused: list[Refusal]) -> None:
            # before the rest of the session: a kill in it repeats no mail
            served = [*accepted, *_list_served(asked, refused)]
            _record_status(connection, delivery_id, "pending", served, None)

        message = _read_message(bytes(content))
        refused = mail.send(message, asked, correct_in=correct_in, on_accepted=record_accepted) if asked else []
    except (TryLaterError, ConfigurationError) as error:
        _record_status(connection, delivery_id, "pending", accepted, str(error))
        raise
    except EtlError as error:
        _record_status(connection, delivery_id, "pending", accepted, str(error))
        return Delivery(delivery_id, "pending", subject, recipients, str(error))
    accepted += _list_served(asked, refused)
    temporary = [refusal for refusal in refused if refusal.is_temporary]
    permanently_refused |= {
        settings.extract_address(refusal.mailbox): refusal for refusal in refused if not refusal.is_temporary
    }
    permanent = [
        permanently_refused[address]
        for name in left
        if (address := settings.extract_address(name)) in permanently_refused
    ]
    text = f"the mail server refused {', '.join(map(str, [*temporary, *permanent]))}"
    if temporary or not accepted:
        text += (
            "; the others have the mail" if accepted else f"; no one has the mail, correct the address in {correct_in}"
        )
        _record_status(connection, delivery_id, "pending", accepted, text)
        code = TryLaterError.exit_code if temporary else EtlError.exit_code
        return Delivery(delivery_id, "pending", subject, recipients, text, code)
    _record_status(connection, delivery_id, "sent", accepted, text if permanent else None)
    logger.info("sent %s to %s", subject, ", ".join(accepted))
    return Delivery(delivery_id, "sent", subject, recipients)


def _list_served(asked: list[str], refused: list[Refusal]) -> list[str]:
    """Return the addresses of those who were not refused."""
    names = {refusal.mailbox for refusal in refused}
    return [settings.extract_address(name) for name in asked if name not in names]


def _find_aside(accepted: list[str], target: str) -> str:
    """Return the place where the files for a target are under temporary names, "" if they are nowhere."""
    noted = [name for name in accepted if name.startswith(ASIDE_PREFIX) and name.endswith(f":{target}")]
    return noted[0].removeprefix(ASIDE_PREFIX).removesuffix(f":{target}") if noted else ""


def _list_without_aside(accepted: list[str], target: str) -> list[str]:
    return [name for name in accepted if not (name.startswith(ASIDE_PREFIX) and name.endswith(f":{target}"))]


def _deliver_files(
    content: bytes, target: str, deliver_to_target: DeliverToTarget | None, mark: str, aside_at: str,
    note_aside: Callable[[str], None],
) -> None:  # fmt: skip
    """Deliver the attachments of a mail as files."""
    if deliver_to_target is None:
        raise ConfigurationError(
            f"cannot deliver to the target {target} from here", f"Run: {format_command('send_report', 'NAME')}"
        )
    message = _read_message(content)
    with tempfile.TemporaryDirectory(dir=temporary_files.choose_folder(), prefix="report_") as folder:
        paths = []
        for part in message.iter_attachments():
            name, data = part.get_filename() or "", part.get_payload(decode=True)
            if reason := explain_unsafe_name(name):
                raise ConfigurationError(f"the attachment {name!r} cannot be a file: {reason}", "Change its name.")
            paths.append(Path(folder) / name)
            paths[-1].write_bytes(data if isinstance(data, bytes) else b"")
        deliver_to_target(target, paths, mark, aside_at, note_aside)


def _read_message(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def _record_status(
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
