"""Where files come from: one module for each kind, found by listing this package.

A kind is a module with these functions:
    fetch(request: Request) -> Fetched      bring what is new into file_watcher/ and give each file its ticket
    settle(request: Request, ticket: files.Ticket) -> None
                                            the file is safe here: tidy up at the source, if it is still the same there
    probe(options) -> str                   try it once, for doctor.py, and say how it is; where the kind can be tried
    address(options) -> str                 the beginning of every `source_path` of a source with these options; needed
                                            where an import may have several sources of the kind
and, where a dry run can look at what there is, preview_files(request): a context manager that gives the files
(PREVIEW_SCOPE: which part of them, where it is not all);
and, where it never brings again what was settled, LIVE = False: an undo need not pause its imports.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from systemscripts import file_ledger, plugins
from systemscripts.configuration import ImportConfig, Source
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.sources import types
from systemscripts.summary import Code, Notice


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    options: dict[str, Any]  # the further keys of the configuration's source, as written: variables.resolved() them
    only: Path | None = None  # this file alone
    leave: frozenset[str] = frozenset()  # names of files that are not to be taken
    reload: bool = False  # what was undone is wanted again, from the archive that the source keeps


@dataclass
class Fetched:
    """What a source brought, what it left for the next run and why, warnings, and failures.

    `failures`: what could not be fetched; it keeps nothing else, but the source was not asked whole.
    """

    tickets: list[file_ledger.Ticket] = field(default_factory=list)
    left: dict[Path, Notice] = field(default_factory=dict)
    warnings: list[Notice] = field(default_factory=list)
    failures: list[EtlError] = field(default_factory=list)

    def leave(self, path: Path, text: str, code: Code = "file_not_taken") -> None:
        """Leave a file for the next run, and say why."""
        self.left[path] = Notice(code, text)

    def warn(self, code: Code, text: str) -> None:
        """Add a warning; the run writes it into its log once the source has answered."""
        self.warnings.append(Notice(code, text))


def find_source(config: ImportConfig, ticket: file_ledger.Ticket) -> Source | None:
    """The source of an import that a file came from: where there are several of its kind, the longest address wins.

    None where the import does not name it any more.
    """
    found = [source for source in config.sources if source.type == ticket.source]
    if len(found) < 2:
        return found[0] if found else None
    address = load_module(ticket.source).address
    lengths = {len(beginning): source for source in found if _begins(ticket, beginning := address(source.options))}
    return lengths[max(lengths)] if lengths else None


def _begins(ticket: file_ledger.Ticket, address: str) -> bool:
    return (ticket.source_path or "").startswith(address)


def load_module(kind: str) -> ModuleType:
    """The module of a kind; raises ConfigurationError with the nearest kind."""
    return plugins.load_module(types.__name__, kind, "source of type")
