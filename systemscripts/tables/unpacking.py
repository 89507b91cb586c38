"""Packed files: a child process unpacks the one file within, and that is opened as if it had come as it is."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from systemscripts.errors import BadDataError
from systemscripts.tables import asking, frames, spooled
from systemscripts.tables.model import ReadingOptions, Table

Result = TypeVar("Result")
PREFIX = "unpacked-"
DEEPEST = 2  # a gzip in a zip; more is a trap


def open_unpacked(path: Path, options: ReadingOptions, parser: str, kind: str) -> Table:
    """Open the file within `path`. Raises BadDataError when it is damaged, explodes or is packed more than twice."""

    def use(inner: Path) -> Table:
        table = _open(inner, options)
        table.detected.notes.insert(0, f"unpacked from {kind}: {inner.name}")
        return table

    return within(path, parser, kind, use)


def within(path: Path, parser: str, kind: str, use: Callable[[Path], Result]) -> Result:
    """Use the file within `path` while it has a name; an open table needs none any more."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=spooled.SPOOL_DIRECTORY) as folder:
        if str(path).count(PREFIX) >= DEEPEST:
            raise BadDataError(f"{path.name} is packed more than {DEEPEST} times over")
        return use(_unpack(path, Path(folder), parser, kind))


def _open(path: Path, options: ReadingOptions) -> Table:
    from systemscripts.tables import reading  # it lists the formats, which come here

    return reading.open_table(path, options)


def _unpack(path: Path, folder: Path, parser: str, kind: str) -> Path:
    question = asking.Question(path, (parser,), f"{kind} file", members=True)
    deadline = time.monotonic() + asking.LIMITS.seconds_for(path)
    target = folder / "data"
    try:
        with target.open("wb") as file:
            for frame, payload in question.frames(parser, deadline):
                if frame == frames.SHEET:
                    name = json.loads(payload)["name"]
                elif frame == frames.DATA:
                    file.write(payload)
    except asking.NextParserError as error:
        raise asking.refusal(question, [str(error)]) from error
    return target.rename(folder / (name or path.stem))
