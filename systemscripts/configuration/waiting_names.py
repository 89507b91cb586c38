"""The names that wait in the folders of the imports: each folder is listed once, each name compared to few patterns."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import near_names
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, is_in_progress

# Letters that a pattern compares with an ASCII letter if case does not matter.
_AS_ASCII = str.maketrans("ıİſK", "iisk")


@dataclass(frozen=True)
class KnownImport:
    """An import as far as names of files go."""

    name: str
    file_pattern: str
    is_active: bool

    def matches(self, file_name: str) -> bool:
        """Return whether a name is one of this import; check_config reports an invalid pattern."""
        try:
            return compile_pattern(self.file_pattern).fullmatch(file_name) is not None
        except (re.error, RecursionError, OverflowError):
            return False

    def is_near(self, variants: set[str]) -> bool:
        """Return whether one of the variants of a name is one of this import, whatever its case."""
        try:
            return near_names.matches_any(variants, self.file_pattern)
        except (re.error, RecursionError, OverflowError):
            return False


class KnownImports:
    """The imports whose files wait in one folder, found by the letters with which their names begin."""

    def __init__(self) -> None:
        self._by_start: dict[str, list[KnownImport]] = defaultdict(list)
        self._by_lower_start: dict[str, list[KnownImport]] = defaultdict(list)
        self._lengths: set[int] = set()

    def add(self, known: KnownImport) -> None:
        """Add an import."""
        start = _find_start(known.file_pattern)
        self._by_start[start].append(known)
        self._by_lower_start[start.lower()].append(known)
        self._lengths.add(len(start))

    def match(self, file_name: str) -> list[KnownImport]:
        """Return the imports that a name matches, by their names."""
        starts = {file_name[:length] for length in self._lengths}
        matching = [known for start in starts for known in self._by_start.get(start, ()) if known.matches(file_name)]
        return sorted(matching, key=_get_name) if len(matching) > 1 else matching

    def find_near(self, file_name: str) -> KnownImport | None:
        """Return the first active import that a name nearly matches."""
        # without blanks, variants of a name differ from it in case and towards its end only
        if near_names.is_plain(file_name) and not self._list_by_start({file_name}):
            return None
        variants = near_names.list_variants(file_name)
        near = [known for known in self._list_by_start(variants) if known.is_active and known.is_near(variants)]
        return min(near, key=_get_name, default=None)

    def _list_by_start(self, names: set[str]) -> list[KnownImport]:
        """Return the imports whose names may begin like one of these, whatever its case."""
        starts = {name.translate(_AS_ASCII).lower()[:length] for name in names for length in self._lengths}
        return [known for start in starts for known in self._by_lower_start.get(start, ())]


def _get_name(known: KnownImport) -> str:
    return known.name


def _find_start(pattern: str) -> str:
    """Return letters with which every name begins that a pattern matches."""
    # what is in brackets, or behind a backslash, says nothing about alternatives of the whole pattern
    plain = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "", pattern, flags=re.DOTALL)
    while (inner := re.sub(r"\([^()]*\)", "", plain)) != plain:
        plain = inner
    letters = re.match("[A-Za-z0-9_-]*", pattern)
    if letters is None or "|" in plain:
        return ""
    start = letters[0]
    # the last letter may be repeated, or absent
    return start[:-1] if pattern[len(start) : len(start) + 1] in ("?", "*", "+", "{") else start


@dataclass
class _Folder:
    """The names in a folder: those of each import, and those that match no import, or several active ones."""

    by_import: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unmatched: list[str] = field(default_factory=list)
    ambiguous: dict[str, list[str]] = field(default_factory=dict)


class WaitingNames:
    """What waits in the folders of the imports, as it was when each folder was first asked for."""

    def __init__(self, connection: Connection, directories: Directories) -> None:
        self.known: dict[Path, KnownImports] = {directories.file_watcher: KnownImports()}
        self._folders: dict[Path, _Folder] = {}
        with transaction(connection) as cursor:
            cursor.execute(
                "select config_name, file_pattern, is_active, source_directory from dba.timportconfig"
                " order by config_name"
            )
            for name, pattern, is_active, folder in cursor.fetchall():
                path = directories.data / folder if folder else directories.file_watcher
                self.known.setdefault(path, KnownImports()).add(KnownImport(name, pattern, is_active))

    def list_names(self, folder: Path, import_name: str) -> list[str]:
        """Return the names in a folder that match the pattern of an import, also of folders and unfinished files."""
        return self._list_folder(folder).by_import.get(import_name, [])

    def list_ambiguous(self, folder: Path) -> dict[str, list[str]]:
        """Return the names that match several active imports, each with these."""
        return self._list_folder(folder).ambiguous

    def list_unmatched(self, folder: Path) -> list[str]:
        """Return the names that match no import."""
        return self._list_folder(folder).unmatched

    def _list_folder(self, folder: Path) -> _Folder:
        if folder not in self._folders:
            self._folders[folder] = self._match_folder(folder)
        return self._folders[folder]

    def _match_folder(self, folder: Path) -> _Folder:
        names, known = _Folder(), self.known[folder]
        for name in _list_names(folder):
            matching = known.match(name)
            for one in matching:
                names.by_import[one.name].append(name)
            if is_in_progress(name):
                continue
            active = [one.name for one in matching if one.is_active]
            if not matching:
                names.unmatched.append(name)
            # a file that matches only a paused import waits for it
            elif len(active) > 1:
                names.ambiguous[name] = active
        return names


def _list_names(folder: Path) -> Iterator[str]:
    try:
        yield from sorted(os.listdir(folder))  # noqa: PTH208 - a Path for each of 100,000 names takes a second
    except (FileNotFoundError, NotADirectoryError):
        return
