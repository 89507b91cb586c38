"""What a type of source must offer, and which source a file came from.

A type is a module of sources/types with these functions:
    fetch(request: Request) -> Fetched      fetch new files into file_watcher/ and write the ticket of each
    settle(request: Request, ticket: file_ledger.Ticket) -> None
                                            clean up at the source once the file is safe, if it did not change there
    probe(options) -> str                   optional: try it once, for doctor.py, and return the result in words
    address(options) -> str                 the beginning of every `source_path` of a source with these options; needed
                                            if an import may have several sources of the type
    preview_files(request)                  optional: a context manager that yields the files for a dry run
                                            (PREVIEW_SCOPE names the part, if these are not all)
LIVE = False means that it never fetches a settled file again, so that an undo need not pause its imports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from systemscripts import file_ledger, plugins
from systemscripts.configuration import ImportConfig, Source
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.sources import types
from systemscripts.summary import Code, Notice


@dataclass(frozen=True)
class Unpacking:
    """That the files of a source are archives of which each member is a file; with what was noticed while unpacking."""

    # of the names of the members; the file_pattern of the request is that of the archives
    pattern: str
    failures: list[EtlError] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """The request to a source for its files."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    # the other keys of the source, as written: variables are not resolved
    options: dict[str, Any]
    # fetch this file alone
    only: Path | None = None
    # names of files that must not be fetched
    leave: frozenset[str] = frozenset()
    # also fetch undone content again, from where the source keeps it
    reload: bool = False
    # what waits in the folders of the imports; None: list the folder
    waiting: WaitingNames | None = None
    # lines that `preview_files` adds to a dry run
    details: list[str] = field(default_factory=list)
    # None: each file is loaded itself
    unpacking: Unpacking | None = None


@dataclass
class Fetched:
    """The files that a source fetched, those left for the next run with the reason, warnings and failures.

    `failures` are files that could not be fetched; the others were.
    """

    tickets: list[file_ledger.Ticket] = field(default_factory=list)
    left: dict[Path, Notice] = field(default_factory=dict)
    warnings: list[Notice] = field(default_factory=list)
    failures: list[EtlError] = field(default_factory=list)

    def leave(self, path: Path, text: str, code: Code = "file_not_taken") -> None:
        """Leave a file for the next run, with a notice that says why."""
        self.left[path] = Notice(code, text)

    def warn(self, code: Code, text: str) -> None:
        """Add a warning, which the run records after the source has finished."""
        self.warnings.append(Notice(code, text))


def find_source(config: ImportConfig, ticket: file_ledger.Ticket) -> Source | None:
    """Return the source of an import that a file came from, None if the import no longer names it.

    Of several sources of the type, that with the longest matching address is returned.
    """
    candidates = [source for source in config.sources if source.type == ticket.source]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    address = load_module(ticket.source).address
    by_address = {address(source.options): source for source in candidates}
    matching = [start for start in by_address if (ticket.source_path or "").startswith(start)]
    return by_address[max(matching, key=len)] if matching else None


def load_module(source_type: str) -> ModuleType:
    """Return the module of a type; raises ConfigurationError with the nearest type."""
    return plugins.load_module(types.__name__, source_type, "source of type")
