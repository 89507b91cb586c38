"""Report the waiting files that match no import, or several."""

from __future__ import annotations

import time
from collections.abc import Iterable

from systemscripts import settings
from systemscripts.configuration import unmatched_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.directory_management import decode_name
from systemscripts.errors import BadDataError
from systemscripts.summary import MAX_PER_CODE, Notice, Summary, limit_per_code


def report_untaken_files(waiting: WaitingNames, name: str | None, summary: Summary, ran: Iterable[str]) -> None:
    """Report the waiting files that no import loads.

    `name`: the import of the run, None for all imports. A file that matches several imports is a warning for each of
    them; one that matches none is a warning for the run of all imports, unless it is young. The others are mentioned
    only when the run had no files to load. A file that nearly matches one of the imports `ran` is a warning, and where
    this import got no other file a problem: it is most likely the file that is missed.
    """
    warnings, details = [], []
    with_files = {row.get("import") for row in summary.rows}
    for file in unmatched_files.find_unmatched_files(waiting, least_age_seconds=0):
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
            details.append(text)
    summary.details += details[:MAX_PER_CODE]
    if (more := len(details) - MAX_PER_CODE) > 0:
        summary.details.append(f"and {more} more files that match no import")
    summary.warn_all(limit_per_code(warnings))


def _may_be_renamed(file: unmatched_files.UnmatchedFile) -> bool:
    """Whether a file is so new that its sender may still write it under another name."""
    return file.path.stat().st_mtime > time.time() - settings.current().file_still_seconds
