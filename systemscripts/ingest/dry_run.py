"""Show what a run would load, without writing anything."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg2

from systemscripts import sources
from systemscripts.directory_management import decode_name
from systemscripts.errors import BadDataError, EtlError, UsageError, describe_unexpected
from systemscripts.ingest import dry_run_load, file_outcome
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context
from systemscripts.sources.arrival import archived_files
from systemscripts.summary import Summary


def preview_files(context: Context, only: Path | None, leave: frozenset[str], summary: Summary) -> None:
    """Add to the summary what a run would do with each waiting file of an import.

    `only`: the path of the one file to show. `leave`: names of files that match several imports.
    Raises UsageError when `only` does not exist.
    """
    if only is not None and not only.is_file():
        raise UsageError(f"{only} does not exist")
    with contextlib.ExitStack() as stack:
        for path in _find_files_to_preview(context, only, leave, stack, summary):
            if (name := decode_name(path.name)) == path.name:
                _preview_file(context, path, summary)
            else:
                summary.warn("file_renamed", f"the name of {name} is not UTF-8: a run renames it first")


def _find_files_to_preview(
    context: Context, only: Path | None, leave: frozenset[str], stack: contextlib.ExitStack, summary: Summary
) -> list[Path]:
    """Return the files that a run would load: those waiting or in its folders, and the first page of each API."""
    if only is not None:
        return [only.absolute()]
    local = sources.load_module("local")
    paths: list[Path] = local.list_waiting(context.config, context.directories, context.waiting)
    for source in context.config.sources:
        module = sources.load_module(source.type)
        list_files = getattr(module, "preview_files", None)
        if list_files is None:
            summary.details.append(f"a dry run does not contact sources of type {source.type}")
            continue
        try:
            request = context.ask(source, None, leave)
            files = stack.enter_context(list_files(request))
            if request.unpacking is not None:
                pattern = request.unpacking.pattern
                files = stack.enter_context(archived_files.preview_members(request, files, pattern))
            paths += files
            summary.details += request.details
            if part := getattr(module, "PREVIEW_SCOPE", ""):
                summary.details.append(f"of sources of type {source.type} a dry run requests only {part}")
        except EtlError as error:
            summary.problem(str(error), error.exit_code)
    return paths


def _preview_file(context: Context, path: Path, summary: Summary) -> None:
    try:
        shown = dry_run_load.preview_file(context, path)
    except Exception as error:
        if isinstance(error, EtlError | ImportError | psycopg2.Error) and not isinstance(error, BadDataError):
            raise
        reason = str(error) if isinstance(error, BadDataError) else describe_unexpected(error)
        summary.rows.append(
            file_outcome.outcome_as_row(context.config.config_name, Outcome(path.name, "would be refused"))
        )
        summary.problem(f"{path.name} would be refused: {reason}", BadDataError.exit_code)
        return
    summary.files += 1
    summary.counts.add(shown.outcome.counts)
    summary.rows.append(file_outcome.outcome_as_row(context.config.config_name, shown.outcome))
    summary.details += _preview_as_lines(path.name, shown)
    summary.warn_all(shown.outcome.warnings)


def _preview_as_lines(name: str, shown: dry_run_load.Preview) -> list[str]:
    detected = ", ".join(f"{key} {value!r}" for key, value in shown.detected.items() if value not in ("", None, []))
    lines = [f"{name}: {detected}"]
    lines += [f"  {c['column']} ({c['type']}) from {c['header']!r}: {c['samples']}" for c in shown.columns]
    return lines + [f"  {line}" for line in (*shown.statements, *shown.rejects)]
