"""Where pages land: one growing file in file_watcher/file_watcher_temp/, and beside it how far it is.

A page is written and on disk before the note of it is; what stands behind the noted length is cut off when a stopped
run goes on. So a kill at any instant costs at most one page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from systemscripts.directory_management import atomic_write
from systemscripts.tables.parsers.json_stream import written

ENDING = ".pages.json"


@dataclass
class State:
    """How far a download is."""

    asked: str  # fingerprint of what is asked for
    name: str  # of the finished file
    begun: str  # when, with zone
    full: bool
    url: str  # of the next page, secrets as ${SOURCE_...}
    parameters: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    records: int = 0
    length: int = 0  # bytes that are noted
    totals: list[int] = field(default_factory=list)  # that the first and the last answer named
    mark: str = ""  # greatest value of the incremental field
    done: bool = False
    not_before: str = ""  # until when the API wants not to be asked, with zone


class Landing:
    """The growing file of one source and its state."""

    def __init__(self, folder: Path, key: str) -> None:
        self.part = folder / f"{key}.part"
        self._note = folder / f"{key}{ENDING}"

    def state(self) -> State | None:
        """What an earlier run has left, None where it is nothing that can be gone on with."""
        try:
            found = State(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        length = self.part.stat().st_size if self.part.exists() else -1
        return found if length >= found.length else None

    def begin(self, state: State) -> None:
        """Start anew."""
        self.part.write_bytes(b"")
        self.note(state)

    def add(self, state: State, records: Iterable[dict[str, Any]]) -> None:
        """Write the records of a page behind what is noted, one object a line, numbers as they came."""
        with self.part.open("r+b") as stream:
            stream.truncate(state.length)
            stream.seek(state.length)
            for record in records:
                stream.write(written(record).encode("utf-8", "backslashreplace") + b"\n")
            _sync(stream)
            state.length = stream.tell()

    def note(self, state: State) -> None:
        """Note how far it is; from here a later run goes on."""
        with atomic_write(self._note) as stream:
            stream.write(json.dumps(asdict(state), indent=1).encode())

    def cut(self, state: State) -> None:
        """Cut off what is not noted."""
        with self.part.open("r+b") as stream:
            stream.truncate(state.length)

    def forget(self) -> None:
        """The file is in its place, or what is there is of no use."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _sync(stream: IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
