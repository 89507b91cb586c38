"""Opens packed files: a child process unpacks the one file inside, which is then opened like any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from systemscripts.directory_management import explain_unsafe_name
from systemscripts.errors import BadDataError
from systemscripts.tables import temporary_files
from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import parser_process, protocol, spooled_table

Result = TypeVar("Result")
# stores the file inside another one in a folder; returns its path, and the names of the files beside it
Extract = Callable[[Path], tuple[Path, list[str]]]
# More names would bury the rest of the note.
MAX_NAMES_SHOWN = 10
# A tar.gz in a zip has three levels; more is a trap: a gzip may even contain itself.
MAX_DEPTH = 3
# how many packed files contain the one being opened
DEPTH: ContextVar[int] = ContextVar("depth", default=0)


def open_unpacked(path: Path, options: ReadingOptions, parser: str, type_name: str) -> Table:
    """Open the file inside `path`. Raises BadDataError where it is damaged, too large or nested too deeply."""
    return open_from(path, options, lambda folder: _unpack(path, folder, parser, type_name, options), type_name)


def open_from(path: Path, options: ReadingOptions, extract: Extract, type_name: str) -> Table:
    """Open the file that `extract` stores in a temporary folder; raises as `open_unpacked`."""

    def use(inner: Path, beside: Sequence[str]) -> Table:
        table = _open(inner, options)
        left_out = f"; also inside, not read: {', '.join(beside[:MAX_NAMES_SHOWN])}" if beside else ""
        table.detected.notes.insert(0, f"unpacked from {type_name}: {inner.name}{left_out}")
        return table

    return _use_extracted(path, extract, use)


def use_unpacked(path: Path, parser: str, type_name: str, use: Callable[[Path], Result]) -> Result:
    """Call `use` with the unpacked file; the file is deleted afterwards, but a table opened from it stays usable."""
    return _use_extracted(
        path,
        lambda folder: _unpack(path, folder, parser, type_name, ReadingOptions()),
        lambda inner, beside: use(inner),
    )


def _use_extracted(path: Path, extract: Extract, use: Callable[[Path, Sequence[str]], Result]) -> Result:
    """Call `use` with the file that `extract` stores in a temporary folder, and the names of those beside it."""
    parent = spooled_table.SPOOL_DIRECTORY or temporary_files.choose_folder()
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX, parent) as folder:
        if DEPTH.get() >= MAX_DEPTH:
            raise BadDataError(
                f"{path.name} is packed more than {MAX_DEPTH} levels deep", "Ask the sender to pack it only once."
            )
        deeper = DEPTH.set(DEPTH.get() + 1)
        before = parser_process.PACKED_BYTES.set(parser_process.PACKED_BYTES.get() or path.stat().st_size)
        try:
            return use(*extract(folder))
        finally:
            parser_process.PACKED_BYTES.reset(before)
            DEPTH.reset(deeper)


def _open(path: Path, options: ReadingOptions) -> Table:
    # late, because open_table lists the formats, which import this module
    from systemscripts.tables.open_table import open_table

    return open_table(path, options)


def _unpack(path: Path, folder: Path, parser: str, type_name: str, options: ReadingOptions) -> tuple[Path, list[str]]:
    target = folder / "unpacked"

    def take(sent: Iterator[tuple[bytes, bytes]]) -> tuple[str, list[str]]:
        space, name, beside = temporary_files.SpaceCheck(folder), "", list[str]()
        with target.open("wb") as file:
            for frame, payload in sent:
                if frame == protocol.SHEET:
                    said = json.loads(payload)
                    name, beside = said["name"], said.get("beside", [])
                    # the next password, after one that fitted only by chance
                    file.seek(0)
                    file.truncate()
                elif frame == protocol.DATA:
                    file.write(payload)
                    space.add(len(payload))
        return name, beside

    request = parser_process.ParseRequest(path, (parser,), f"{type_name} file", options, members=True)
    (name, beside), _, _ = request.ask(take)
    return target.rename(folder / _member_name(path, name)), beside


def _member_name(path: Path, name: str) -> str:
    """Return the name that the archive gives to a file, made safe for this system.

    Raises BadDataError for a name that means a folder.
    """
    last = name.replace("\\", "/").rpartition("/")[2] if name else path.stem
    if last in ("", ".", ".."):
        raise BadDataError(
            f"{path.name} contains a file named {name!r}, which is not a valid file name",
            "Ask the sender to pack it again.",
        )
    return "data" if explain_unsafe_name(last) else last
