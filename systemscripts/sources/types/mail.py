"""Attachments of the mails in a mailbox, by IMAP over TLS.

sources:
  - type: mail
    host: imap.example.com
    user: orders@example.com
    password: ${SOURCE_MAIL_PASSWORD}
    senders: ['@client.example']       # whose mails count
    settle: flag                       # what to do with a mail once it is loaded: flag, move, keep
"""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from systemscripts import file_ledger, masking, settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import sidecar_files, variables
from systemscripts.configuration.source_options.mail import Options
from systemscripts.db_utils import transaction
from systemscripts.directory_management import is_in_progress
from systemscripts.errors import ConfigurationError, EtlError, describe_faults
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import size_limits
from systemscripts.sources.mailbox import attached_files, known_mails, mail_notes, sender_check
from systemscripts.sources.mailbox.known_mails import ReadMail
from systemscripts.sources.mailbox.mailbox_session import MailboxSession
from systemscripts.sources.types import local

if TYPE_CHECKING:
    from imap_tools import MailMessage

TYPE = known_mails.SOURCE_TYPE
# a mail that was read is known
LIVE = False
# mails whose headers are asked for together
HEADERS_AT_ONCE = 200
# in a dry run
PREVIEWED_MAILS = 100
_sessions: dict[str, MailboxSession] = {}
FLAGS = {"seen": r"\Seen", "flagged": r"\Flagged"}


def fetch(request: Request) -> Fetched:
    """Fetch the attachments of every new mail of a listed sender.

    An error is a failure in the result: what came before is kept.
    """
    fetched = Fetched()
    if request.only is not None:
        return fetched
    options = _parse_options(request.options, f"import {request.config.config_name}, source mail")
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    mail_notes.check_mail_server(options)
    session = _open_session(options)
    try:
        mail_notes.send_answers(request)
        for mail_folder in options.folders:
            _note_gone_mails(request, options, session, mail_folder)
            for head in _list_new(request, options, session, mail_folder, fetched):
                _fetch_mail(request, options, session, mail_folder, head, folder, fetched)
    except EtlError as error:
        if request.connection.closed:
            raise
        fetched.failures.append(error)
    return fetched


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Flag or move the mail of a file once all of its files are safe here; never delete it.

    Raises EtlError if the server refuses; the next run tries again.
    """
    options = _parse_options(request.options, f"import {request.config.config_name}, source mail")
    if not (is_refused := _find_refusal(request, ticket)):
        return
    if options.settle != "keep":
        _settle_mail(options, ticket, is_refused)
    if options.answer:
        mail_notes.write_answer(request, options, known_mails.parse_mark(ticket.source_stamp or ""))
        mail_notes.send_answers(request)


def _settle_mail(options: Options, ticket: file_ledger.Ticket, is_refused: str) -> None:
    folder, uid_validity, uid = (ticket.source_path or "").removeprefix(options.address).rsplit("/", 4)[:3]
    target = options.refused_folder if is_refused == "refused" else options.done_folder
    session = _open_session(options)
    session.call(folder, f"the folder {folder}", lambda mailbox: None)
    # the numbers of before mean other mails now
    if session.uid_validity != uid_validity:
        return
    if options.settle == "flag":
        _store_flag(session, folder, uid, FLAGS.get(options.flag, options.flag))
    else:
        _move_mail(session, folder, uid, target)


@contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """Yield the attachments of the new mails, for a dry run, and name the mails; all is removed afterwards.

    Nothing is changed or noted in the mailbox or here.
    """
    options = _parse_options(request.options, f"import {request.config.config_name}, source mail")
    session = _open_session(options)
    fetched, paths, count = Fetched(), [], 0
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name:
        for mail_folder in options.folders:
            for head in _list_new(request, options, session, mail_folder, fetched):
                count += 1
                if count > PREVIEWED_MAILS:
                    continue
                folder = Path(name) / str(count)
                folder.mkdir()
                paths += _preview_mail(request, options, session, mail_folder, head, folder)
        request.details.extend(notice.text for notice in fetched.left.values())
        if count > PREVIEWED_MAILS:
            request.details.append(f"and {count - PREVIEWED_MAILS:,} more mails, which a dry run does not read")
        yield paths


def _preview_mail(
    request: Request, options: Options, session: MailboxSession, mail_folder: str, head: MailMessage, folder: Path
) -> list[Path]:
    """Return the new files of one mail, written below `folder`, and name them in the details of the run."""
    read = _read_mail(request, options, session, mail_folder, head, folder)
    start, pattern = _build_path(options, session, mail_folder, head), options.pattern or request.config.file_pattern
    with transaction(request.connection) as cursor:
        _, new = known_mails.choose_new_files(cursor, request.config.config_name, start, read, pattern)
    names = ", ".join(file.name for _, file in new) or "nothing for this import"
    request.details.append(f"the mail {_describe(head)} from {head.from_} in {mail_folder}: {names}")
    request.details.extend(f"  {note}" for note in read.notes)
    return [file.path for _, file in new]


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return _parse_options(written, "source mail").address


def probe(written: dict[str, Any]) -> str:
    """Log in once and count the mails, for doctor.py, and return the result in words; raises EtlError."""
    options = _parse_options(written, "source mail")
    session = MailboxSession(options)
    try:
        counts = [
            f"{folder} has {session.call(folder, 'the list of mails', lambda box: len(box.numbers('ALL', None)))} mails"
            for folder in options.folders
        ]
    finally:
        session.close()
    return f"{options.name}: login succeeded; {', '.join(counts)}"


def _parse_options(written: dict[str, Any], where: str) -> Options:
    resolved = variables.resolve_variables(written, where)
    masking.register_secrets(str(resolved[key]) for key in ("password", "token") if resolved.get(key))
    try:
        return Options.model_validate(resolved)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {describe_faults(error, 'source')}") from error


def _open_session(options: Options) -> MailboxSession:
    """Return the connection to a mailbox, kept for the whole run because mails are settled one by one."""
    if options.address not in _sessions:
        _sessions[options.address] = MailboxSession(options)
        atexit.register(_sessions[options.address].close)
    return _sessions[options.address]


def _note_gone_mails(request: Request, options: Options, session: MailboxSession, folder: str) -> None:
    """Note which mails are no longer in a folder, whatever their age and state, so that retention may forget them."""
    uids = session.call(folder, "the list of mails", lambda mailbox: mailbox.uids("ALL", None))
    start = f"{options.address}{folder}/"
    present = [f"{start}{session.uid_validity}/{uid}" for uid in uids]
    with transaction(request.connection) as cursor:
        mail_notes.note_gone_mails(cursor, request.config.config_name, start, present)


def _list_new(
    request: Request, options: Options, session: MailboxSession, folder: str, fetched: Fetched
) -> Iterator[MailMessage]:
    """Yield the headers of the mails in a folder that count and were not fetched before, the oldest first."""
    criteria = "UNDELETED"
    if options.days:
        criteria += f" SINCE {settings.now() - timedelta(days=options.days):%d-%b-%Y}"
    uids = session.call(folder, "the list of mails", lambda mailbox: mailbox.uids(criteria, None))
    start = f"{options.address}{folder}/{session.uid_validity}/"
    pattern = options.pattern or request.config.file_pattern
    with transaction(request.connection) as cursor:
        known = known_mails.list_whole_mails(cursor, request.config.config_name, options.address, pattern)
        without = mail_notes.list_without_files(cursor, request.config.config_name, start, pattern)
    for uid in uids:
        _say(fetched, folder, uid, without.get(f"{start}{uid}/", []))
    known |= without.keys()
    new = [uid for uid in uids if f"{start}{uid}/" not in known]
    for first in range(0, len(new), HEADERS_AT_ONCE):
        some = new[first : first + HEADERS_AT_ONCE]
        heads = session.call(
            folder, "the headers of mails",
            lambda mailbox, some=some: list(  # type: ignore[misc]
                mailbox.fetch(uid_list=some, headers_only=True, mark_seen=False, bulk=HEADERS_AT_ONCE)
            ),
        )  # fmt: skip
        for head in heads:
            if _is_meant(options, head, folder, fetched):
                yield head


def _is_meant(options: Options, head: MailMessage, folder: str, fetched: Fetched) -> bool:
    """Return whether a mail is of a listed sender and subject; a sender that may be false is noted."""
    sender = sender_check.find_sender(head.obj)
    if not sender_check.is_listed(sender, options):
        return False
    if options.subject and not compile_pattern(f"(?s:.*?(?:{options.subject}).*)").fullmatch(head.subject):
        return False
    verdict = sender_check.judge_authentication(head.obj, sender, options.authentication_server)
    if verdict == "passed" or (verdict == "unknown" and not options.require_authenticated):
        return True
    why = "SPF, DKIM or DMARC failed" if verdict == "failed" else "the server gives no result of SPF, DKIM or DMARC"
    text = f"a mail that names {sender} as its sender was left in {folder}: {why} ({_describe(head)})"
    fetched.leave(Path(f"{folder}/{head.uid}"), text)
    return False


def _fetch_mail(
    request: Request, options: Options, session: MailboxSession, mail_folder: str, head: MailMessage, folder: Path,
    fetched: Fetched,
) -> None:  # fmt: skip
    """Land the wanted attachments of one mail."""
    what = f"the mail {_describe(head)}"
    if not size_limits.SizeLimits(request, fetched).try_admit(f"{what} in {options.name}", head.size_rfc822):
        return
    name, start = request.config.config_name, _build_path(options, session, mail_folder, head)
    pattern = options.pattern or request.config.file_pattern
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as working:
        read = _read_mail(request, options, session, mail_folder, head, Path(working))
        said = [f"{what} in {mail_folder} of {options.name}: {note}" for note in read.notes]
        _say(fetched, mail_folder, str(head.uid), said)
        with transaction(request.connection) as cursor:
            known, new = known_mails.choose_new_files(cursor, name, start, read, pattern)
            known_mails.renew_known_files(cursor, name, known)
        arrived = [(origin, _write_part(request, origin, file.path)) for origin, file in new]
    with transaction(request.connection) as cursor:
        # the tickets of the same mail are elsewhere where someone moved it
        if not arrived and not any(origin.path.startswith(f"{start}/") for origin in known):
            mail_notes.note_without_files(cursor, name, start, pattern, said)
        elif arrived and options.answer:
            mark = known_mails.parse_mark(arrived[0][0].stamp)
            mail_notes.note_answer(cursor, name, options, start, mark, head.obj)
    fetched.tickets += arrival.land_files(request, TYPE, arrived, folder)


def _say(fetched: Fetched, folder: str, uid: str, notes: list[str]) -> None:
    for number, note in enumerate(notes):
        fetched.leave(Path(f"{folder}/{uid}/{number}"), note)


def _read_mail(
    request: Request, options: Options, session: MailboxSession, mail_folder: str, head: MailMessage, folder: Path
) -> ReadMail:
    """Return one mail with its wanted attachments; nothing if it was moved meanwhile.

    The attachments are written below `folder`.
    """
    uid = str(head.uid)
    whole = session.call(
        mail_folder, f"the mail {_describe(head)}",
        lambda mailbox: list(mailbox.fetch(uid_list=[uid], mark_seen=False, bulk=False)),
    )  # fmt: skip
    if not whole:
        return ReadMail("", [], [])
    shelf = attached_files.Shelf(folder, [])
    pattern = compile_pattern(options.pattern or request.config.file_pattern)

    def is_wanted(name: str) -> bool:
        is_sidecar = sidecar_files.is_about_known(name, pattern.fullmatch)
        return bool(pattern.fullmatch(name)) and not is_in_progress(name) and not is_sidecar

    files = list(attached_files.list_attachments(whole[0].obj, is_wanted, shelf))
    if not files and not shelf.notes:
        shelf.notes.append(f"it has no attachment that matches {options.pattern or request.config.file_pattern}")
    message = whole[0].obj
    return ReadMail(known_mails.hash_mail(message), files, shelf.notes, known_mails.list_identity(message))


def _build_path(options: Options, session: MailboxSession, mail_folder: str, head: MailMessage) -> str:
    """Return the beginning of the `source_path` of the files of a mail."""
    return f"{options.address}{mail_folder}/{session.uid_validity}/{head.uid}"


def _write_part(request: Request, origin: file_ledger.Origin, path: Path) -> Path:
    part = arrival.get_part_path(request, origin)
    path.replace(part)
    return part


def _find_refusal(request: Request, ticket: file_ledger.Ticket) -> str:
    """Return "refused" or "loaded" for the mail of a ticket, "" while one of its files is not safe here."""
    stamp = ticket.source_stamp or ""
    with transaction(request.connection) as cursor:
        states = file_ledger.list_archived_states(cursor, ticket.config_name, TYPE, known_mails.parse_mark(stamp))
    if len(states) < known_mails.parse_count(stamp):
        return ""
    return "refused" if "refused" in states else "loaded"


def _store_flag(session: MailboxSession, folder: str, uid: str, flag: str) -> None:
    # not imap_tools' flag: it also removes what others have marked as deleted
    status, answer = session.call(
        folder, "the flag of a mail", lambda mailbox: mailbox.client.uid("STORE", uid, "+FLAGS", f"({flag})")
    )
    if status != "OK":
        raise EtlError(f"the mail server refused the flag {flag}: {answer}", "Set flag or settle: keep in the source.")


def _move_mail(session: MailboxSession, folder: str, uid: str, target: str) -> None:
    from imap_tools import BaseMailBox
    from imap_tools.utils import encode_folder

    def move(mailbox: BaseMailBox) -> None:
        # without MOVE a mail can only be copied and deleted, and nothing is deleted; some tell it only after the login
        if b"MOVE" not in mailbox.client.capability()[1][0].split():
            raise ConfigurationError("the mail server cannot move mails", "Set settle: flag in the source.")
        if not mailbox.folder.exists(target):
            mailbox.folder.create(target)
        status, answer = mailbox.client.uid("MOVE", uid, encode_folder(target).decode())
        if status != "OK":
            raise EtlError(f"the mail server refused to move a mail to {target}: {answer}", "Check its rights there.")

    session.call(folder, f"moving a mail to {target}", move)


def _describe(head: MailMessage) -> str:
    """Return subject, date and number of a mail in one line, for messages."""
    subject = "".join(letter if letter.isprintable() else " " for letter in head.subject)[:80]
    return f"{subject!r} of {head.date:%Y-%m-%d %H:%M} (UID {head.uid})"
