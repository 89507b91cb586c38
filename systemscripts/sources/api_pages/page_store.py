"""Store the pages of a download in one growing file in file_watcher/file_watcher_temp/, with a file of its state.

A page is on disk before the state that counts it. A run that resumes truncates the file to the length in the state, so
a kill at any moment costs at most one page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from systemscripts.directory_management import atomic_write
from systemscripts.summary import Code
from systemscripts.tables.parsers.json_stream import write_json

STATE_SUFFIX = ".pages.json"
# enough to tell some thousand pages apart
HASH_BYTES = 8


@dataclass
class State:
    """The state of a download."""

    # a hash of the query
    asked: str
    # of the finished file
    name: str
    # when, with zone
    begun: str
    full: bool
    # of the next page, secrets as ${SOURCE_...}
    url: str
    parameters: dict[str, Any] = field(default_factory=dict)
    # url and parameters of the first page, before the values of a key are in their places
    first: dict[str, Any] = field(default_factory=dict)
    # with for_each: the number of the key whose pages are fetched, from 0
    key: int = 0
    # pages, records and length before the first page of that key
    chain_begin: dict[str, int] = field(default_factory=lambda: {"pages": 0, "records": 0, "length": 0})
    # the path of the records that was found, None before that
    records_path: str | None = None
    # with for_each: keys that the API does not know
    missing_keys: int = 0
    pages: int = 0
    records: int = 0
    # the last pages, in a row
    empty_pages: int = 0
    # because the data moved meanwhile
    restarts: int = 0
    # SHA-256 of the previous download, if records seemed to have moved to another page
    shifted_content: str = ""
    # bytes of the complete pages
    length: int = 0
    # of all records of the chain, in the first and the last answer
    totals: list[int] = field(default_factory=list)
    # the greatest value of the incremental field
    mark: str = ""
    done: bool = False
    # the time before which the API must not be asked, with zone
    not_before: str = ""
    # about the answers, the last one of each code
    warnings: dict[Code, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A page on disk: its end in the file, a hash of its records, a hash of its position."""

    end: int
    content: str
    position: str


class Landing:
    """The growing file of one source, its state, and the list of its pages."""

    def __init__(self, folder: Path, key: str) -> None:
        self.part = folder / f"{key}.part"
        self._note = folder / f"{key}{STATE_SUFFIX}"
        self._pages_file = folder / f"{key}.seen"
        self._keys_file = folder / f"{key}.keys"
        # with for_each: one mapping of column to value each
        self.keys: list[dict[str, str]] = []
        self.pages: list[Page] = []
        # hash of records -> numbers of the pages, hash of a position -> number of its page
        self.by_content: dict[str, list[int]] = {}
        self.by_position: dict[str, int] = {}

    def load_state(self) -> State | None:
        """Return the state of a stopped download, None if it cannot be resumed."""
        try:
            state = State(**json.loads(self._note.read_bytes()))
            self.keys = [json.loads(line) for line in self._keys_file.read_text().splitlines()]
        except (OSError, ValueError, TypeError):
            return None
        length = self.part.stat().st_size if self.part.exists() else -1
        if length < state.length or not self._has_read_pages(state.pages):
            return None
        return state

    def _forget_pages(self) -> None:
        self.pages, self.by_content, self.by_position = [], {}, {}

    def _remember(self, page: Page) -> None:
        self.pages.append(page)
        self.by_content.setdefault(page.content, []).append(len(self.pages))
        self.by_position.setdefault(page.position, len(self.pages))

    def _has_read_pages(self, count: int) -> bool:
        """Read the list of pages; return whether it has all that the state counts."""
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

    def begin(self, state: State, keys: Sequence[dict[str, str]] = ()) -> None:
        """Begin an empty file; `keys`: those that are asked for, with for_each."""
        self.keys = list(keys)
        self._keys_file.write_text("".join(f"{json.dumps(key)}\n" for key in keys))
        self.part.write_bytes(b"")
        self._forget_pages()
        self._write_pages([], "w")
        self.save_state(state)

    def add(self, state: State, records: Iterable[dict[str, Any]]) -> None:
        """Write the records of a page after the complete ones, one object a line, numbers unchanged."""
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

    def describe_key(self, state: State) -> str:
        """Return the begin of a sentence about the key of a state, such as `order_id 7: `; "" without keys."""
        if not self.keys:
            return ""
        return ", ".join(f"{name} {value[:60]}" for name, value in self.keys[state.key].items()) + ": "

    def save_state(self, state: State) -> None:
        """Save the state, from which a later run resumes."""
        with atomic_write(self._note) as stream:
            stream.write(json.dumps(asdict(state), indent=1).encode())

    def cut(self, state: State) -> None:
        """Truncate the file to the complete pages, and forget the others."""
        with self.part.open("r+b") as stream:
            stream.truncate(state.length)
        self._has_read_pages(state.pages)

    def forget(self) -> None:
        """Remove the files of the download."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._pages_file.unlink(missing_ok=True)
        self._keys_file.unlink(missing_ok=True)


def hash_position(url: str, parameters: dict[str, Any]) -> str:
    """Return a hash of the position of a page."""
    text = json.dumps([url, parameters], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).hexdigest()


def _sync(stream: IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
