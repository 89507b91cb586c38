"""Finds the one table in an archive, apart from what systems and senders add to it."""

from __future__ import annotations

from collections.abc import Sequence

from systemscripts.errors import BadDataError

# More names would bury the message.
MAX_NAMES_SHOWN = 10
# What systems add to archives.
DEBRIS = (".ds_store", "thumbs.db", "desktop.ini")
DEBRIS_FOLDER = "__macosx/"
# The resource fork of a file on a Mac.
DEBRIS_BEGIN = "._"
# What senders add: checksums, signatures, markers of a complete delivery, descriptions.
COMPANIONS = (
    ".md5", ".sha1", ".sha256", ".sha512", ".sig", ".asc", ".done", ".ok", ".trg", ".pdf", ".docx", ".md", ".xsd",
    ".png", ".jpg",
)  # fmt: skip
COMPANION_NAMES = ("readme", "readme.txt", "license", "license.txt", "_success", "manifest.txt")
# The files to send of an archive with several; set by parser_child.
WANTED: list[str] = []


def find_only_table(name: str, type_name: str, members: Sequence[str]) -> tuple[int, list[str]]:
    """Return the position of the one table among the files of an archive, and the names of the other files.

    Raises BadDataError, which lists the files, where there is not exactly one table.
    """
    kept = [index for index, member in enumerate(members) if not _is_debris(member)]
    tables = [index for index in kept if not _is_companion(members[index])]
    if len(tables) == 1 or len(kept) == 1:
        only = tables[0] if tables else kept[0]
        return only, [members[index] for index in kept if index != only]
    names = ", ".join(members[index] for index in kept[:MAX_NAMES_SHOWN]) + (
        ", ..." if len(kept) > MAX_NAMES_SHOWN else ""
    )
    if not kept:
        raise BadDataError(f"{name} is an empty {type_name} archive")
    raise BadDataError(
        f"{name} is a {type_name} archive of {len(kept)} files ({names})",
        "Ask the sender to send each file separately.",
    )


def is_extra(name: str) -> bool:
    """Return whether a file of an archive is not data: added by a system, or a readme, checksum and the like."""
    return _is_debris(name) or _is_companion(name)


def _is_debris(name: str) -> bool:
    folder, last = _split_name(name)
    return folder.startswith(DEBRIS_FOLDER) or last in DEBRIS or last.startswith(DEBRIS_BEGIN)


def _is_companion(name: str) -> bool:
    last = _split_name(name)[1]
    return last.endswith(COMPANIONS) or last in COMPANION_NAMES


def _split_name(name: str) -> tuple[str, str]:
    name = name.replace("\\", "/").lower().removeprefix("./")
    return name, name.rpartition("/")[2]
