"""Packed files: a child process unpacks the one file within, and that is opened as if it had come as it is."""

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
MAX_NAMES_SHOWN = 10
MAX_DEPTH = 3  # a tar.gz in a zip; more is a trap, and a gzip may even hold itself
DEPTH: ContextVar[int] = ContextVar("depth", default=0)  # how many packed files the one being opened lies in


def open_unpacked(path: Path, options: ReadingOptions, parser: str, kind: str) -> Table:
    """Open the file within `path`. Raises BadDataError when it is damaged, explodes or is packed too many times."""

    def use(inner: Path, beside: Sequence[str]) -> Table:
        table = _open(inner, options)
        left_out = f"; not read beside it: {', '.join(beside[:MAX_NAMES_SHOWN])}" if beside else ""
        table.detected.notes.insert(0, f"unpacked from {kind}: {inner.name}{left_out}")
        return table

    return _use_unpacked(path, parser, kind, use)


def use_unpacked(path: Path, parser: str, kind: str, use: Callable[[Path], Result]) -> Result:
    """Use the file within `path` while it has a name; an open table needs none any more."""
    return _use_unpacked(path, parser, kind, lambda inner, beside: use(inner))


def _use_unpacked(path: Path, parser: str, kind: str, use: Callable[[Path, Sequence[str]], Result]) -> Result:
    """Do the same, and tell the names of what lies beside the file."""
    place = spooled_table.SPOOL_DIRECTORY or temporary_files.choose_folder()
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX, place) as folder:
        if DEPTH.get() >= MAX_DEPTH:
            raise BadDataError(
                f"{path.name} is packed more than {MAX_DEPTH} times over", "Ask the sender to pack it once."
            )
        deeper = DEPTH.set(DEPTH.get() + 1)
        before = parser_process.PACKED_BYTES.set(parser_process.PACKED_BYTES.get() or path.stat().st_size)
        try:
            return use(*_unpack(path, folder, parser, kind))
        finally:
            parser_process.PACKED_BYTES.reset(before)
            DEPTH.reset(deeper)


def _open(path: Path, options: ReadingOptions) -> Table:
    from systemscripts.tables.open_table import open_table  # it lists the formats, which come here

    return open_table(path, options)


def _unpack(path: Path, folder: Path, parser: str, kind: str) -> tuple[Path, list[str]]:
    target = folder / "unpacked"

    def take(sent: Iterator[tuple[bytes, bytes]]) -> tuple[str, list[str]]:
        space, name, beside = temporary_files.SpaceCheck(folder), "", list[str]()
        with target.open("wb") as file:
            for frame, payload in sent:
                if frame == protocol.SHEET:
                    said = json.loads(payload)
                    name, beside = said["name"], said.get("beside", [])
                elif frame == protocol.DATA:
                    file.write(payload)
                    space.add(len(payload))
        return name, beside

    (name, beside), _, _ = parser_process.ParseRequest(path, (parser,), f"{kind} file", members=True).ask(take)
    return target.rename(folder / _member_name(path, name)), beside


def _member_name(path: Path, name: str) -> str:
    """The name that whoever packed it gave to a file, as one that it may have here.

    Raises BadDataError for one that means a folder.
    """
    last = name.replace("\\", "/").rpartition("/")[2] if name else path.stem
    if last in ("", ".", ".."):
        raise BadDataError(
            f"{path.name} holds a file with the name {name!r}, which no file can have",
            "Ask the sender to pack it again.",
        )
    return "data" if explain_unsafe_name(last) else last
