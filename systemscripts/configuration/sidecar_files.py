"""Files that a sender puts next to a file: NAME.ctl has its totals, NAME.md5 and NAME.sha256 its hash.

They are never data: they wait while their file is not there, and go with it into the archive.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

from systemscripts.directory_management import CHUNK_BYTES
from systemscripts.errors import BadDataError

CONTROL_SUFFIX = ".ctl"
# suffix -> digits of the hash
CHECKSUM_DIGITS = {".md5": 32, ".sha256": 64}
SUFFIXES = (CONTROL_SUFFIX, *CHECKSUM_DIGITS)
# a sidecar has one line for each file of a delivery
MAX_SIDECAR_BYTES = 2**20


def find_main_name(name: str) -> str:
    """Return the name of the file that a sidecar is about; "" for the name of another file."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in SUFFIXES else ""


def is_sidecar(path: Path, is_known_name: Callable[[str], object]) -> bool:
    """Return whether a file is about another one, which is in the same folder or has a name that an import knows."""
    name = find_main_name(path.name)
    return is_about_known(path.name, is_known_name) or (bool(name) and path.with_name(name).exists())


def is_about_known(name: str, is_known_name: Callable[[str], object]) -> bool:
    """Return whether a name is that of a sidecar of a file that an import knows by name."""
    main = find_main_name(name)
    return bool(main) and bool(is_known_name(main))


def find_sidecar(path: Path, suffix: str) -> Path | None:
    """Return the file that is named like `path` with a suffix, whatever letters of the suffix are capitals."""
    spellings = map("".join, itertools.product(*({letter, letter.upper()} for letter in suffix)))
    # not Path.is_file, which raises OSError for a name that is too long
    beside = (path.with_name(f"{path.name}{spelling}") for spelling in spellings)
    return next((found for found in beside if os.path.isfile(found)), None)  # noqa: PTH113


def list_sidecars(path: Path) -> list[Path]:
    """Return the files that are about `path`."""
    return [beside for suffix in SUFFIXES if (beside := find_sidecar(path, suffix))]


def refuse_wrong_checksum(path: Path, name: str) -> None:
    """Raise BadDataError where a file does not have the hash in its sidecar file.

    `name`: of the file when it came; here it may have got another one.
    """
    for suffix, digits in CHECKSUM_DIGITS.items():
        beside = find_sidecar(path, suffix)
        if beside is None:
            continue
        stated = _find_hash(read_sidecar(beside), digits, name)
        if stated is None:
            raise BadDataError(
                f"{beside.name} has no {suffix[1:]} checksum of {name}", f"Remove {beside.name}, or send it again."
            )
        found = _compute_hash(path, suffix[1:])
        if found != stated:
            raise BadDataError(
                f"checksum: {beside.name} says {stated}, the file has {found}",
                "It is damaged or not complete: send both again.",
            )


def read_sidecar(path: Path) -> str:
    """Return the text of a sidecar; raises BadDataError where it is too large to be one."""
    with path.open("rb") as stream:
        data = stream.read(MAX_SIDECAR_BYTES + 1)
    if len(data) > MAX_SIDECAR_BYTES:
        raise BadDataError(f"{path.name} is larger than a file with totals or checksums")
    return data.decode("utf-8-sig", "replace")


def _find_hash(text: str, digits: int, name: str) -> str | None:
    """Return the hash of a file among the lines `HASH  NAME`, `HASH *NAME`, `MD5 (NAME) = HASH` or only `HASH`."""
    hashes = re.compile(rf"(?<![0-9a-f])[0-9a-f]{{{digits}}}(?![0-9a-f])", re.IGNORECASE)
    lines = [line for line in text.splitlines() if hashes.search(line)]
    if len(lines) > 1:
        named = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
        lines = [line for line in lines if named.search(line)]
    match = hashes.search(lines[0]) if lines else None
    return match[0].lower() if match else None


def _compute_hash(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
