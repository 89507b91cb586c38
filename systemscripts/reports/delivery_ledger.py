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
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import mail, settings
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import explain_unsafe_name
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.reports import subscribers, written_mails
from systemscripts.reports.content import Content, gather_content
from systemscripts.reports.definition import Report
from systemscripts.reports.render import Rendered, render_report
from systemscripts.reports.written_mails import OWN_RECIPIENTS, SUBSCRIBER, TARGET_PREFIX, Delivery
from systemscripts.tables import temporary_files

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

# Precedes the place and the name of a target at which the files are, but still under temporary names.
ASIDE_PREFIX = "aside:"
# Delivers files to the target with a name: see targets.deliver for mark, aside_at, note_aside.
DeliverToTarget = Callable[[str, list[Path], str, str, Callable[[str], None]], None]


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
    named = written_mails.list_recipients(cursor, report)
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
    """Send one mail and its files to those who do not have it yet; collect who is refused permanently."""
    with transaction(connection) as cursor:
        written = written_mails.read_mail(cursor, report, delivery_id)
    if written.needless:
        written.note(connection, "nothing", written.needless)
        return written.conclude("nothing")
    left = written.list_left()
    correct_in = _name_place(report, written)
    try:
        for name in [name for name in left if name.startswith(TARGET_PREFIX)]:
            _send_to_target(connection, written, name, deliver_to_target)
            left.remove(name)
        asked = [name for name in left if settings.extract_address(name) not in permanently_refused]
        refused = _send_to_mailboxes(connection, written, asked, correct_in) if asked else []
    except (TryLaterError, ConfigurationError) as error:
        written.note(connection, "pending", str(error))
        raise
    except EtlError as error:
        written.note(connection, "pending", str(error))
        return written.conclude("pending", str(error))
    written.accepted += _list_served(asked, refused)
    permanently_refused |= {
        settings.extract_address(refusal.mailbox): refusal for refusal in refused if not refusal.is_temporary
    }
    return _finish_mail(connection, written, left, refused, permanently_refused, correct_in)


def _name_place(report: Report, written: written_mails.WrittenMail) -> str:
    """Return where the recipients of a mail are named."""
    if written.has_own_recipients:
        return "the import, notify"
    return f"config/reports/{report.report_name}.yaml" if report.recipients else "config/.env, REPORT_RECIPIENTS"


def _send_to_target(
    connection: Connection, written: written_mails.WrittenMail, name: str, deliver_to_target: DeliverToTarget | None
) -> None:
    """Deliver the files of a mail to a target, and note that; `name`: with its prefix."""
    target = name.removeprefix(TARGET_PREFIX)

    def note_aside(place_mark: str) -> None:
        aside = f"{ASIDE_PREFIX}{place_mark}:{target}"
        written.accepted = [*_list_without_aside(written.accepted, target), aside]
        written.note(connection, "pending")

    mark = hashlib.sha256(f"{written.message_id} {name}".encode()).hexdigest()[:16]
    aside_at = _find_aside(written.accepted, target)
    _deliver_files(written.content, target, deliver_to_target, mark, aside_at, note_aside)
    written.accepted = [*_list_without_aside(written.accepted, target), name]
    # a kill from here on does not deliver them again
    written.note(connection, "pending")


def _send_to_mailboxes(
    connection: Connection, written: written_mails.WrittenMail, asked: list[str], correct_in: str
) -> list[Refusal]:
    """Send a mail, and note who has it as soon as the server accepted it; return who was refused."""

    def record_accepted(refused: list[Refusal]) -> None:
        # before the rest of the session: a kill in it repeats no mail
        served = [*written.accepted, *_list_served(asked, refused)]
        written_mails.record_status(connection, written.delivery_id, "pending", served, None)

    message = _read_message(written.content)
    return mail.send(message, asked, correct_in=correct_in, on_accepted=record_accepted)


def _finish_mail(
    connection: Connection,
    written: written_mails.WrittenMail,
    left: list[str],
    refused: list[Refusal],
    permanently_refused: dict[str, Refusal],
    correct_in: str,
) -> Delivery:
    """Note how it ended; it stays pending for who was refused temporarily, or if no one has it."""
    temporary = [refusal for refusal in refused if refusal.is_temporary]
    permanent = [
        permanently_refused[address]
        for name in left
        if (address := settings.extract_address(name)) in permanently_refused
    ]
    text = f"the mail server refused {', '.join(map(str, [*temporary, *permanent]))}"
    if temporary or not written.accepted:
        rest = "; no one has the mail, correct the address in " + correct_in
        text += "; the others have the mail" if written.accepted else rest
        written.note(connection, "pending", text)
        return written.conclude("pending", text, TryLaterError.exit_code if temporary else EtlError.exit_code)
    written.note(connection, "sent", text if permanent else None)
    logger.info("sent %s to %s", written.subject, ", ".join(written.accepted))
    return written.conclude("sent")


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


def _list_served(asked: list[str], refused: list[Refusal]) -> list[str]:
    """Return the addresses of those who were not refused."""
    names = {refusal.mailbox for refusal in refused}
    return [settings.extract_address(name) for name in asked if name not in names]
