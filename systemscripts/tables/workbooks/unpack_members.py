"""Unpack several files of one archive, in a child process."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from systemscripts.errors import BadDataError
from systemscripts.tables import temporary_files
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.workbooks import parser_process, protocol

PARSERS = ("archive_parser",)


def list_members(path: Path, options: ReadingOptions = ReadingOptions()) -> dict[str, int]:
    """Return name and size of each file in a zip or tar, without readmes and the like. Raises as `unpack_members`."""
    return _ask(path, {}, options)


def unpack_members(path: Path, targets: Mapping[str, Path], options: ReadingOptions = ReadingOptions()) -> None:
    """Write some files of an archive: name in the archive -> where to.

    Raises BadDataError where it is damaged or too large, PasswordError where no password opens it.
    """
    _ask(path, targets, options)


def _ask(path: Path, targets: Mapping[str, Path], options: ReadingOptions) -> dict[str, int]:
    def take(sent: Iterator[tuple[bytes, bytes]]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        space = temporary_files.SpaceCheck(path.parent)
        paths: set[str] = set()
        file: BinaryIO | None = None
        with ExitStack() as stack:
            for frame, payload in sent:
                if frame == protocol.SHEET:
                    # one open file at a time: an archive may have more files than a process may open
                    stack.close()
                    member = json.loads(payload)
                    # a backslash is the separator of some programs
                    name = member["name"].replace("\\", "/")
                    if name in paths:
                        raise BadDataError(
                            f"{path.name} contains {name!r} twice, which may differ", "Ask the sender for another one."
                        )
                    paths.add(name)
                    sizes[member["name"]] = member["size"]
                    target = targets.get(member["name"])
                    file = stack.enter_context(target.open("wb")) if target else None
                elif frame == protocol.DATA and file is not None:
                    file.write(payload)
                    space.add(len(payload))
                elif frame == protocol.RESTART and file is not None:
                    file.seek(0)
                    file.truncate()
        return sizes

    names: Collection[str] = tuple(targets)
    request = parser_process.ParseRequest(
        path, PARSERS, "archive", options, members=True, requested_members=tuple(names)
    )
    sizes, _, _ = request.ask(take)
    return sizes
