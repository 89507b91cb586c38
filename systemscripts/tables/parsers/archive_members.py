"""Which file of an archive is the table: the only one beside what systems and senders add to it."""

from __future__ import annotations

from collections.abc import Sequence

from systemscripts.errors import BadDataError

MAX_NAMES_SHOWN = 10
# What systems add beside the files.
DEBRIS = (".ds_store", "thumbs.db", "desktop.ini")
DEBRIS_FOLDER = "__macosx/"
# The other half of a file on a Mac.
DEBRIS_BEGIN = "._"
# What senders add: checksums, signatures, marks that all is sent, descriptions.
COMPANIONS = (
    ".md5", ".sha1", ".sha256", ".sha512", ".sig", ".asc", ".done", ".ok", ".trg", ".pdf", ".docx", ".md", ".xsd",
    ".png", ".jpg",
)  # fmt: skip
COMPANION_NAMES = ("readme", "readme.txt", "license", "license.txt", "_success", "manifest.txt")


def find_only_table(name: str, kind: str, members: Sequence[str]) -> tuple[int, list[str]]:
    """Return the position of the one table among the files of an archive, and the names of its companions.

    Raises BadDataError, naming what is inside, when there is not exactly one.
    """
    kept = [place for place, member in enumerate(members) if not _is_debris(member)]
    tables = [place for place in kept if not _is_companion(members[place])]
    if len(tables) == 1 or len(kept) == 1:
        only = tables[0] if tables else kept[0]
        return only, [members[place] for place in kept if place != only]
    names = ", ".join(members[place] for place in kept[:MAX_NAMES_SHOWN]) + (
        ", ..." if len(kept) > MAX_NAMES_SHOWN else ""
    )
    if not kept:
        raise BadDataError(f"{name} is an empty {kind}")
    raise BadDataError(f"{name} is a {kind} archive of {len(kept)} files ({names})", "Send each file by itself.")


def _is_debris(name: str) -> bool:
    folder, last = _split_name(name)
    return folder.startswith(DEBRIS_FOLDER) or last in DEBRIS or last.startswith(DEBRIS_BEGIN)


def _is_companion(name: str) -> bool:
    last = _split_name(name)[1]
    return last.endswith(COMPANIONS) or last in COMPANION_NAMES


def _split_name(name: str) -> tuple[str, str]:
    name = name.replace("\\", "/").lower().removeprefix("./")
    return name, name.rpartition("/")[2]
