"""Match waiting files to imports, and report those that match none, or several."""

from __future__ import annotations

import time
from collections.abc import Iterable

from systemscripts import settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import ImportConfig, unmatched_files
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories, decode_name, is_in_progress
from systemscripts.errors import BadDataError
from systemscripts.summary import Notice, Summary, limit_per_code


def find_ambiguous_names(configs: Iterable[ImportConfig], directories: Directories) -> frozenset[str]:
    """Return the names of waiting files that match more than one active import: none of these may load them."""
    return frozenset(name for name, matching in _match_waiting_files(configs, directories).items() if len(matching) > 1)


def report_untaken_files(
    connection: Connection, directories: Directories, name: str | None, summary: Summary, ran: Iterable[str]
) -> None:
    """Report the waiting files that no import loads.

    `name`: the import of the run, None for all imports. A file that matches several imports is a warning for each of
    them; one that matches none is a warning for the run of all imports, unless it is young. The others are mentioned
    only when the run had no files to load. A file that nearly matches one of the imports `ran` is a warning, and where
    this import got no other file a problem: it is most likely the file that is missed.
    """
    warnings = []
    with_files = {row.get("import") for row in summary.rows}
    for file in unmatched_files.find_unmatched_files(connection, directories, least_age_seconds=0):
        shown = decode_name(file.path.name)
        if file.imports:
            text = f"{shown} matches more than one import, and none loads it: {', '.join(file.imports)}"
            if name is None or name in file.imports:
                warnings.append(Notice("file_ambiguous", text))
            continue
        if file.near and file.near[0] in ran and not _may_be_renamed(file):
            text = f"{file}: {file.advice}"
            if file.near[0] in with_files:
                warnings.append(Notice("file_nearly_matched", text, file.near[0]))
            else:
                summary.problem(text, BadDataError.exit_code)
            continue
        text = f"{shown} is waiting, but matches no import"
        if name is None and not file.is_young:
            warnings.append(Notice("file_unmatched", text))
        elif summary.files == 0:
            summary.details.append(text)
    summary.warn_all(limit_per_code(warnings))


def _may_be_renamed(file: unmatched_files.UnmatchedFile) -> bool:
    """Whether a file is so new that its sender may still write it under another name."""
    return file.path.stat().st_mtime > time.time() - settings.current().file_still_seconds


def _match_waiting_files(configs: Iterable[ImportConfig], directories: Directories) -> dict[str, list[str]]:
    """Return the names of the waiting files, each with the active imports that it matches."""
    active = [
        (config.config_name, compile_pattern(config.file_pattern))
        for config in configs
        if config.is_active and not config.source_directory
    ]
    names = sorted(path.name for path in directories.file_watcher.iterdir() if path.is_file())
    return {
        name: [config_name for config_name, pattern in active if pattern.fullmatch(name)]
        for name in names
        if not is_in_progress(name)
    }
