"""What is noted about mails besides their files: those without a file, and the answers to their senders.

A mail is noted before its files are, its answer is written once all of them are safe here, and marked as sent after the
mail server accepted it. A kill between the last two can at worst repeat an answer with the same Message-ID.
"""

from __future__ import annotations

import logging
from email.message import Message

from systemscripts import mail, masking, settings
from systemscripts.configuration.source_options.mail import Options
from systemscripts.db_utils import Cursor, transaction
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.sources import Request
from systemscripts.sources.mailbox import automatic_mail, sender_check

logger = logging.getLogger(__name__)
# people read less of a reason
MAX_REASON_LETTERS = 1000


def list_without_files(cursor: Cursor, config_name: str, start: str, pattern: str) -> dict[str, list[str]]:
    """Return the mails of a folder that have no file for a pattern, and what to say about each.

    By the beginning of `source_path`.
    """
    cursor.execute(
        """select source_path, notes from dba.tmail
           where config_name = %s and starts_with(source_path, %s) and pattern = %s""",
        (config_name, start, pattern),
    )
    return {f"{path}/": notes for path, notes in cursor.fetchall()}


def note_without_files(cursor: Cursor, config_name: str, source_path: str, pattern: str, notes: list[str]) -> None:
    """Note that a mail has no file for the import, so that it is not downloaded again for the same pattern."""
    cursor.execute(
        """insert into dba.tmail (config_name, source_path, mark, pattern, notes)
           select %(config)s, %(path)s, '', %(pattern)s, %(notes)s
           where not exists (select from dba.tmail where config_name = %(config)s and source_path = %(path)s
                             and pattern = %(pattern)s)""",
        {"config": config_name, "path": source_path, "pattern": pattern, "notes": notes},
    )


def note_gone_mails(cursor: Cursor, config_name: str, folder: str, present: list[str]) -> None:
    """Note which of the noted mails of a folder are no longer there, and which are again.

    `folder`: the beginning of each `source_path` in it; `present`: those of the mails that are there.
    """
    cursor.execute(
        """update dba.tmail set gone_at = case when gone_at is null then %s end
           where config_name = %s and starts_with(source_path, %s) and (gone_at is not null) = (source_path = any(%s))
             -- UIDVALIDITY and UID: not in a folder within this one
             and cardinality(string_to_array(substr(source_path, length(%s) + 1), '/')) = 2""",
        (settings.now(), config_name, folder, present, folder),
    )


def check_mail_server(options: Options) -> None:
    """Raise ConfigurationError if senders are to be answered without a mail server."""
    if options.answer and not mail.is_configured():
        raise ConfigurationError(
            "a source of type mail has `answer`, but no mail server is configured", "Set SMTP_HOST in config/.env."
        )


def note_answer(cursor: Cursor, config_name: str, options: Options, source_path: str, mark: str, head: Message) -> None:
    """Note whom to answer once the files of a mail are safe, before they are fetched."""
    why_not = automatic_mail.explain_silence(head, options)
    if why_not:
        logger.info("%s: its sender gets no answer: %s", source_path, why_not)
    cursor.execute(
        """insert into dba.tmail (config_name, source_path, mark, answer, recipient, subject, in_reply_to, message_id)
           select %(config)s, %(path)s, %(mark)s, %(answer)s, %(recipient)s, %(subject)s, %(in_reply_to)s, %(id)s
           where not exists (select from dba.tmail where config_name = %(config)s and mark = %(mark)s)
           on conflict (config_name, source_path) where pattern is null do update
           set mark = excluded.mark, answer = excluded.answer, recipient = excluded.recipient,
               subject = excluded.subject, in_reply_to = excluded.in_reply_to, message_id = excluded.message_id""",
        {
            "config": config_name, "path": source_path, "mark": mark, "answer": "none" if why_not else "waiting",
            "recipient": sender_check.find_sender(head), "subject": _to_line(head.get("Subject", "")),
            "in_reply_to": _to_line(head.get("Message-ID", "")), "id": mail.make_message_id(),
        },
    )  # fmt: skip


def write_answer(request: Request, options: Options, mark: str) -> None:
    """Write the answer to the sender of a mail all of whose files are safe, unless it was written before."""
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select distinct on (f.source_stamp) f.name, f.status, coalesce(f.reason, ''), coalesce(d.status, '')
               from dba.tfile f left join dba.tdataset d using (dataset_id)
               where f.config_name = %s and f.source = 'mail' and starts_with(f.source_stamp, %s)
               order by f.source_stamp, f.file_id desc""",
            (request.config.config_name, f"{mark} "),
        )
        files = cursor.fetchall()
        outcomes = [_find_outcome(status, dataset_status) for _, status, _, dataset_status in files]
        is_wanted = bool(set(outcomes) & set(options.answer))
        lines = [
            f"{name}: {_describe(outcome, reason)}"
            for (name, _, reason, _), outcome in zip(files, outcomes, strict=True)
        ]
        cursor.execute(
            """update dba.tmail set answer = %s, answer_text = %s
               where config_name = %s and mark = %s and answer = 'waiting'""",
            ("due" if is_wanted else "none", "\n".join(lines), request.config.config_name, mark),
        )


def send_answers(request: Request) -> None:
    """Send the answers that are due; those that cannot be sent now are tried again by the next run, with a warning."""
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select mail_id, recipient, subject, in_reply_to, message_id, answer_text from dba.tmail
               where config_name = %s and answer = 'due' order by mail_id""",
            (request.config.config_name,),
        )
        due = cursor.fetchall()
    for mail_id, recipient, subject, in_reply_to, message_id, text in due:
        try:
            settings.parse_mailbox(recipient)
        except ValueError as error:
            # it can never be sent
            logger.warning("there is no answer to a mail: %s", error, extra={"code": "recipient_refused"})
            _note_outcome(request, mail_id, "refused")
            continue
        try:
            refused = _send(recipient, subject, in_reply_to, message_id, text)
        except EtlError as error:
            logger.warning(
                "the answer to %s was not sent, the next run tries again: %s", recipient, error,
                extra={"code": "answer_not_sent"},
            )  # fmt: skip
            if isinstance(error, (TryLaterError, ConfigurationError)):
                return
            # the server refused this mail, not all
            continue
        if not any(refusal.is_temporary for refusal in refused):
            _note_outcome(request, mail_id, "refused" if refused else "sent")


def _note_outcome(request: Request, mail_id: int, answer: str) -> None:
    with transaction(request.connection) as cursor:
        cursor.execute("update dba.tmail set answer = %s, answered_at = now() where mail_id = %s", (answer, mail_id))


def _send(recipient: str, subject: str, in_reply_to: str, message_id: str, text: str) -> list[mail.Refusal]:
    body = f"Your mail {subject!r} has arrived.\n\n{text}\n\nThis is an automatic answer.\n"
    message = mail.compose(f"Auto: {subject}", [recipient], masking.mask(body), is_for_client=True)
    for name, value in (
        ("Message-ID", message_id), ("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"),
    ):  # fmt: skip
        del message[name]
        message[name] = value
    if in_reply_to:
        message["In-Reply-To"] = message["References"] = in_reply_to
    return mail.send(message, [recipient], correct_in="senders of the source")


def _find_outcome(status: str, dataset_status: str) -> str:
    if status == "refused":
        return "refused"
    return "held" if dataset_status == "held" else "loaded"


def _describe(outcome: str, reason: str) -> str:
    if outcome == "loaded":
        return "loaded"
    shown = reason if len(reason) <= MAX_REASON_LETTERS else f"{reason[:MAX_REASON_LETTERS]}..."
    if outcome == "held":
        return f"held, a person decides about it: {shown}"
    return f"refused, nothing of it is loaded: {shown}"


def _to_line(value: object) -> str:
    """Return a header in one line of printable letters: it becomes a header of the answer."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())[:200]
