"""Where pages land: one growing file in file_watcher/file_watcher_temp/, and beside it how far it is.

A page is written and on disk before the note of it is; what stands behind the noted length is cut off when a stopped
run goes on. So a kill at any instant costs at most one page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from systemscripts.directory_management import atomic_write
from systemscripts.summary import Code
from systemscripts.tables.parsers.json_stream import write_json

ENDING = ".pages.json"
HASH_BYTES = 8  # of some thousand pages: no two are taken for one


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
    empty_pages: int = 0  # in a row, the last ones
    restarts: int = 0  # because the data moved meanwhile
    shifted_content: str = ""  # SHA-256 of the download before, where records seemed to have moved onto another page
    length: int = 0  # bytes that are noted
    totals: list[int] = field(default_factory=list)  # that the first and the last answer named
    mark: str = ""  # greatest value of the incremental field
    done: bool = False
    not_before: str = ""  # until when the API wants not to be asked, with zone
    warnings: dict[Code, str] = field(default_factory=dict)  # about what came, the last one of each code


@dataclass(frozen=True)
class Page:
    """A page that was written: where it ends in the file, a hash of its records, a hash of where it was asked for."""

    end: int
    content: str
    position: str


class Landing:
    """The growing file of one source, its state, and what is remembered of each page."""

    def __init__(self, folder: Path, key: str) -> None:
        self.part = folder / f"{key}.part"
        self._note = folder / f"{key}{ENDING}"
        self._pages_file = folder / f"{key}.seen"
        self.pages: list[Page] = []
        # numbers of the pages that hold the same records, number of the page that was asked for at a position
        self.by_content: dict[str, list[int]] = {}
        self.by_position: dict[str, int] = {}

    def state(self) -> State | None:
        """What an earlier run has left, None where it is nothing that can be gone on with."""
        try:
            found = State(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        length = self.part.stat().st_size if self.part.exists() else -1
        if length < found.length or not self._read_pages(found.pages):
            return None
        return found

    def _forget_pages(self) -> None:
        self.pages, self.by_content, self.by_position = [], {}, {}

    def _remember(self, page: Page) -> None:
        self.pages.append(page)
        self.by_content.setdefault(page.content, []).append(len(self.pages))
        self.by_position.setdefault(page.position, len(self.pages))

    def _read_pages(self, count: int) -> bool:
        """Read what is remembered of the noted pages; returns whether all of them are there."""
        try:
            lines = self._pages_file.read_text().splitlines()[:count]
            self._forget_pages()
            for end, content, position in map(str.split, lines):
                self._remember(Page(int(end), content, position))
        except (OSError, ValueError):
            return False
        self._write_pages(self.pages, "w")
        return len(self.pages) == count

    def _write_pages(self, pages: list[Page], mode: Literal["w", "a"]) -> None:
        with self._pages_file.open(mode) as stream:
            stream.writelines(f"{page.end} {page.content} {page.position}\n" for page in pages)

    def begin(self, state: State) -> None:
        """Start from scratch."""
        self.part.write_bytes(b"")
        self._forget_pages()
        self._write_pages([], "w")
        self.note(state)

    def add(self, state: State, records: Iterable[dict[str, Any]]) -> None:
        """Write the records of a page behind what is noted, one object a line, numbers as they came."""
        digest = hashlib.blake2b(digest_size=HASH_BYTES)
        with self.part.open("r+b") as stream:
            stream.truncate(state.length)
            stream.seek(state.length)
            for record in records:
                line = write_json(record).encode("utf-8", "backslashreplace") + b"\n"
                digest.update(line)
                stream.write(line)
            _sync(stream)
            state.length = stream.tell()
        page = Page(state.length, digest.hexdigest(), hash_position(state.url, state.parameters))
        self._remember(page)
        self._write_pages([page], "a")

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
        self._pages_file.unlink(missing_ok=True)


def hash_position(url: str, parameters: dict[str, str]) -> str:
    """Return a short name of where a page is asked for."""
    asked = json.dumps([url, parameters], sort_keys=True)
    return hashlib.blake2b(asked.encode(), digest_size=HASH_BYTES).hexdigest()


def _sync(stream: IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
