"""Where files come from: one module for each kind, found by listing this package.

A kind is a module with two functions:
    fetch(request: Request) -> Fetched      bring what is new into file_watcher/ and give each file its ticket
    settle(ticket: files.Ticket) -> None    the file is safe here: tidy up at the source, if it is still the same there
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from systemscripts import files
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    options: dict[str, object]  # the further keys of the configuration's source
    only: Path | None = None  # this file alone
    leave: frozenset[str] = frozenset()  # names of files that are not to be taken


@dataclass
class Fetched:
    """What a source brought, and what it left for the next run, with a sentence that says why."""

    tickets: list[files.Ticket] = field(default_factory=list)
    left: dict[Path, str] = field(default_factory=dict)


def kinds() -> list[str]:
    """The kinds of sources there are."""
    return [found.name for found in pkgutil.iter_modules(__path__) if not found.ispkg]


def module(kind: str) -> ModuleType:
    """The module of a kind; raises ConfigurationError with the nearest kind."""
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), n=1)
        raise ConfigurationError(
            f"there is no source of type {kind!r}" + (f", did you mean {near[0]}?" if near else ""),
            f"There are: {', '.join(kinds())}.",
        )
    return importlib.import_module(f"{__name__}.{kind}")
