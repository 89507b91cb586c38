"""Find the attachments of a mail, also in forwarded mails and in zips."""

from __future__ import annotations

import email
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import errors
from email.header import decode_header, make_header
from email.message import Message

from systemscripts.directory_management import explain_unsafe_arrival
from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.unpack_limits import refuse_bomb

# a mail in a mail in a mail: forwarded more often it is a circle
MAX_DEPTH = 8
TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
# of zipfile: the member is encrypted
ENCRYPTED = 0x1
_CUT = (errors.CloseBoundaryNotFoundDefect, errors.InvalidBase64LengthDefect, errors.StartBoundaryNotFoundDefect)


@dataclass(frozen=True)
class Attachment:
    """A file in a mail."""

    name: str
    content: bytes


def list_attachments(
    message: Message, is_wanted: Callable[[str], bool], notes: list[str], depth: int = 0
) -> Iterator[Attachment]:
    """Yield the attachments of a mail whose names are wanted; what cannot be taken is said in `notes`."""
    # `walk` also enters forwarded mails
    for part in message.walk():
        if part.is_multipart():
            _note_cut(part, "", notes)
            continue
        name = _get_name(part)
        if part.get_content_type() in TNEF_TYPES or name.lower() == "winmail.dat":
            notes.append(f"{name or 'winmail.dat'} is not read; ask the sender to send mails as HTML or plain text")
            continue
        if not name:
            continue
        if reason := explain_unsafe_arrival(name):
            notes.append(f"{repr(name)[1:-1]} was not taken: its name is not allowed, {reason}")
            continue
        content: object = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if is_wanted(name):
            if not _note_cut(part, name, notes):
                yield Attachment(name, content)
        elif name.lower().endswith(".eml") and depth < MAX_DEPTH:
            yield from list_attachments(email.message_from_bytes(content), is_wanted, notes, depth + 1)
        elif content.startswith(b"PK"):
            yield from _unpack(name, content, is_wanted, notes)


def _note_cut(part: Message, name: str, notes: list[str]) -> bool:
    """Add a note if the end of a part is missing, and return whether it is."""
    if not any(isinstance(defect, _CUT) for defect in part.defects):
        return False
    notes.append(f"{name or 'the mail'} is incomplete: its end is missing; ask the sender to send it again")
    return True


def _get_name(part: Message) -> str:
    """Return the file name of a part in plain text, "" without one."""
    name = str(part.get_filename("") or "")
    try:
        # many senders encode it like a subject
        return str(make_header(decode_header(name))) if "=?" in name else name
    except (ValueError, LookupError, errors.HeaderParseError):
        return name


def _unpack(name: str, content: bytes, is_wanted: Callable[[str], bool], notes: list[str]) -> Iterator[Attachment]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = [info for info in packed.infolist() if not info.is_dir()]
            for info in members:
                plain = info.filename.rpartition("/")[2]
                parts = info.filename.split("/")
                reason = explain_unsafe_arrival(plain) or ("it contains a path" if {"", ".."} & set(parts) else "")
                if reason:
                    notes.append(
                        f"{repr(info.filename)[1:-1]} in {name} was not taken: its name is not allowed, {reason}"
                    )
                elif not is_wanted(plain):
                    continue
                elif info.flag_bits & ENCRYPTED:
                    notes.append(f"{plain} in {name} is protected by a password; let pattern match {name} itself")
                else:
                    refuse_bomb(f"{plain} in {name}", sum(one.file_size for one in members), len(content))
                    yield Attachment(plain, packed.read(info))
    except BadDataError as error:
        notes.append(str(error))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        notes.append(f"{name} cannot be unpacked: {error}")
