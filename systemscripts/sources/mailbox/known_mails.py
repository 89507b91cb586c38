"""Know a mail again, and which of its files came before: by the tickets of its files alone.

The stamp of a file has a hash of the mail, the number and the hash of the file, a hash of each pattern that the mail
was read with, and how many files of the mail the import has taken. So the tickets tell whether a mail came in whole;
with another pattern it is read again, and only what was not taken before is fetched.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from email.message import Message

from systemscripts import file_ledger
from systemscripts.db_utils import Cursor
from systemscripts.directory_management import compute_sha256
from systemscripts.sources.mailbox.attached_files import Attachment

SOURCE_TYPE = "mail"
# more than the mail sources of one import; a mail is read again for a pattern that was forgotten
MAX_PATTERNS = 20


@dataclass(frozen=True)
class ReadMail:
    """A mail: its hash, which is the same whatever pattern it is read with, its wanted files, and what to say of it."""

    mark: str
    files: list[Attachment]
    notes: list[str]
    # its Message-ID and its Date
    identity: list[str] = field(default_factory=list)


def list_identity(message: Message) -> list[str]:
    """Return the headers that name a mail, wherever it is."""
    return [str(header) for name in ("Message-ID", "Date") for header in message.get_all(name, [])]


def hash_mail(message: Message) -> str:
    """Return a hash of a mail, the same where someone has moved it or another server encodes it in another way."""
    digest = hashlib.sha256()
    for header in list_identity(message):
        digest.update(f"{header}\n".encode(errors="replace"))
    for part in message.walk():
        content: object = None if part.is_multipart() else part.get_payload(decode=True)
        if isinstance(content, bytes):
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:20]


def list_whole_mails(cursor: Cursor, config_name: str, address: str, pattern: str) -> set[str]:
    """Return the beginning of the `source_path` of each mail all of whose files came, as this pattern chooses them.

    `address`: of the mailbox; someone may move a mail from one folder to another between two patterns.
    """
    origins = file_ledger.list_origins(cursor, config_name, SOURCE_TYPE, address)
    by_mark: dict[str, set[str]] = {}
    for origin in origins:
        by_mark.setdefault(parse_mark(origin.stamp), set()).add(origin.stamp)
    whole = {mark for mark, stamps in by_mark.items() if _hash_pattern(pattern) in _list_patterns(stamps)}
    return {f"{origin.path.rsplit('/', 2)[0]}/" for origin in origins if parse_mark(origin.stamp) in whole}


def choose_new_files(
    cursor: Cursor, config_name: str, start: str, mail: ReadMail, pattern: str
) -> tuple[list[file_ledger.Origin], list[tuple[file_ledger.Origin, Attachment]]]:
    """Return the origins of the files of a mail that came before, wherever it was, and its other files with theirs.

    `start`: the `source_path` of the mail. All origins have stamps with this pattern.
    """
    digests = [compute_sha256(file.path) for file in mail.files]
    mark, known = _find_known(cursor, config_name, start, mail, digests)
    unmatched = Counter((origin.path.rpartition("/")[2], origin.stamp.split(" ")[2]) for origin in known)
    added = []
    for file, digest in zip(mail.files, (digest[:12] for digest in digests), strict=True):
        if unmatched[file.name, digest] > 0:
            unmatched[file.name, digest] -= 1
        else:
            added.append((file, digest))
    current = _hash_pattern(pattern)
    earlier = _list_patterns({origin.stamp for origin in known})
    patterns = [*(other for other in earlier if other != current), current]
    tail = f"{' '.join(patterns[-MAX_PATTERNS:])} {len(known) + len(added)}"
    last = max((int(origin.stamp.split(" ")[1]) for origin in known), default=0)
    renewed = [
        file_ledger.Origin(origin.path, origin.size, f"{' '.join(origin.stamp.split(' ')[:3])} {tail}")
        for origin in known
    ]
    new = [
        (file_ledger.Origin(f"{start}/{number}/{file.name}", file.path.stat().st_size, stamp), file)
        for number, (file, digest) in enumerate(added, last + 1)
        for stamp in [f"{mark} {number} {digest} {tail}"]
    ]
    return renewed, new


def _find_known(
    cursor: Cursor, config_name: str, start: str, mail: ReadMail, digests: list[str]
) -> tuple[str, list[file_ledger.Origin]]:
    """Return the mark by which a mail is settled and answered, for ever the same, and the origins of its known files.

    Earlier versions made it of the wanted files.
    """
    here = file_ledger.list_origins(cursor, config_name, SOURCE_TYPE, f"{start}/")
    earlier = hashlib.sha256("\n".join([*mail.identity, *digests]).encode(errors="replace")).hexdigest()[:20]
    for mark in [parse_mark(here[0].stamp)] if here else [mail.mark, earlier]:
        if known := file_ledger.list_marked_origins(cursor, config_name, SOURCE_TYPE, mark):
            return mark, known
    return mail.mark, []


def renew_known_files(cursor: Cursor, config_name: str, known: list[file_ledger.Origin]) -> None:
    """Note that files which came before were chosen again, by another pattern or beside more files."""
    for origin in known:
        before = " ".join(origin.stamp.split(" ")[:3])
        file_ledger.renew_stamps(cursor, config_name, SOURCE_TYPE, [origin.path], f"{before} ", origin.stamp)


def parse_mark(stamp: str) -> str:
    """Return the hash of the mail, which is the beginning of the stamp of each of its files."""
    return stamp.partition(" ")[0]


def parse_count(stamp: str) -> int:
    """Return the number of files of a mail, which is the end of the stamp of each."""
    return int(stamp.rpartition(" ")[2])


def _list_patterns(stamps: set[str]) -> list[str]:
    """Return the hashes of the patterns for which all files of a mail came; none after a kill before the last file.

    Earlier versions noted none.
    """
    if len(stamps) < max(map(parse_count, stamps), default=0):
        return []
    hashes = min(stamps, default="").split(" ")[3:-1]
    return [digest for digest in hashes if all(f" {digest} " in stamp for stamp in stamps)]


def _hash_pattern(pattern: str) -> str:
    return hashlib.sha256(pattern.encode()).hexdigest()[:8]
