"""Find the attachments of a mail, also in forwarded mails and in zips, which a child process unpacks."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import errors
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from systemscripts import settings
from systemscripts.directory_management import explain_unsafe_arrival, explain_write_error
from systemscripts.errors import BadDataError, PasswordError
from systemscripts.tables.workbooks import unpack_members

# a mail in a mail in a mail: forwarded more often it is a circle
MAX_DEPTH = 8
# each takes two processes, so that thousands of small ones would keep all other imports waiting
MAX_ZIPS = 200
TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
_CUT = (errors.CloseBoundaryNotFoundDefect, errors.InvalidBase64LengthDefect, errors.StartBoundaryNotFoundDefect)


@dataclass(frozen=True)
class Attachment:
    """A file in a mail, and where it was written."""

    name: str
    path: Path


@dataclass
class Shelf:
    """The folder for the attachments of one mail, the notes about them, and what came out of all of its zips."""

    folder: Path
    notes: list[str]
    number_of_paths: int = 0
    number_of_zips: int = 0
    unpacked_bytes: int = 0

    def make_path(self, name: str) -> Path:
        """Return a path for a file that may have the name of another one."""
        self.number_of_paths += 1
        own = self.folder / str(self.number_of_paths)
        own.mkdir()
        return own / name

    def write(self, name: str, content: bytes) -> Path:
        """Write a file and return its path; raises EtlError where the disk is full."""
        path = self.make_path(name)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise explain_write_error(path, error) from error
        return path


def list_attachments(
    message: Message, is_wanted: Callable[[str], bool], shelf: Shelf, depth: int = 0
) -> Iterator[Attachment]:
    """Yield the attachments of a mail whose names are wanted; what cannot be taken is said in the notes of `shelf`."""
    notes = shelf.notes
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
                yield Attachment(name, shelf.write(name, content))
        elif name.lower().endswith(".eml") and depth < MAX_DEPTH:
            yield from list_attachments(email.message_from_bytes(content), is_wanted, shelf, depth + 1)
        elif content.startswith(b"PK"):
            yield from _unpack(name, content, is_wanted, shelf)


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


def _unpack(name: str, content: bytes, is_wanted: Callable[[str], bool], shelf: Shelf) -> Iterator[Attachment]:
    """Yield the wanted files of a zip, all of them or none."""
    shelf.number_of_zips += 1
    if shelf.number_of_zips > MAX_ZIPS:
        shelf.notes.append(f"{name} was not taken: the mail has more than {MAX_ZIPS} zips")
        return
    archive = shelf.write(name, content)
    targets: dict[str, Path] = {}
    try:
        sizes = unpack_members.list_members(archive)
        for member in sizes:
            parts = member.split("/")
            plain = parts[-1]
            reason = explain_unsafe_arrival(plain) or ("it contains a path" if {"", ".."} & set(parts) else "")
            if reason:
                shelf.notes.append(f"{repr(member)[1:-1]} in {name} was not taken: its name is not allowed, {reason}")
            elif is_wanted(plain):
                targets[member] = shelf.make_path(plain)
        shelf.unpacked_bytes += sum(sizes[member] for member in targets)
        max_gb = settings.current().max_unpacked_gb
        if shelf.unpacked_bytes > max_gb * 2**30:
            text = f"{name} was not taken: the zips of the mail would unpack to {shelf.unpacked_bytes / 2**30:.1f} GB"
            shelf.notes.append(f"{text}, MAX_UNPACKED_GB allows {max_gb:g}; ask the sender for smaller files")
            return
        if targets:
            unpack_members.unpack_members(archive, targets)
    except BadDataError as error:
        shelf.notes.append(str(error))
        return
    except PasswordError:
        shelf.notes.append(f"{name} is protected by a password; let pattern match {name} itself")
        return
    finally:
        archive.unlink()
    for target in targets.values():
        yield Attachment(target.name, target)
