"""Describe an added file as values for JSON: what was found in it, and what is proposed for its import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts.configuration import ImportConfig
from systemscripts.errors import UsageError, describe_faults
from systemscripts.findings.known_shape import LastFile
from systemscripts.imports.reading_options import convert_given
from systemscripts.imports.suggest import propose_import, read_file, suggest_files
from systemscripts.tables import column_aliases
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.workbooks.sheets import list_sheet_names
from webconsole.new_files import draft_import

# of the rows that are shown, and of those whose values are converted at once after a change
SHOWN_ROWS, CHECKED_ROWS, MAX_CHECKED_VALUES = 50, 1000, 100_000
MAX_SHOWN_LETTERS = 200


def describe_file(path: Path, options: ReadingOptions) -> dict[str, Any]:
    """Read a whole file and return what was found and what is proposed."""
    facts = read_file.read_file(path, lambda done: None, options)
    proposal = propose_import.propose_import([facts], suggest_files.name_import(path))
    names = list(facts.profiles)
    columns = [
        {
            "column": proposed.column,
            "header": header,
            "declared": proposed.declared,
            "reason": proposed.reason,
            "is_new": True,
            "empty": facts.profiles[proposed.column].empty,
        }
        for proposed, header in zip(proposal.columns, facts.headers, strict=True)
    ]
    checked = max(SHOWN_ROWS, min(CHECKED_ROWS, MAX_CHECKED_VALUES // max(len(names), 1)))
    # a long text is shown and checked in part: so it cannot be a number or date
    values = [[value[:MAX_SHOWN_LETTERS] for value in facts.first[name][:checked]] for name in names]
    return {
        "file_name": path.name,
        "name": proposal.name,
        "detected": asdict(facts.detected),
        "sheets": list_sheet_names(path) if facts.detected.sheet else [],
        "rows": facts.rows,
        "headers": list(facts.headers),
        "notes": list(dict.fromkeys([*facts.detected.notes, *facts.notes])),
        "questions": proposal.questions,
        "columns": columns,
        "values": values,
        "pattern": asdict(proposal.pattern),
        "key": {**asdict(proposal.key), "is_sure": proposal.key.is_sure, "why": proposal.key.explain()}
        if proposal.key
        else None,
        "load_mode": asdict(proposal.load_mode),
        "skips": [
            {"rule": skip.rule, "reason": skip.reason, "is_sure": skip.is_sure, "rows": len(skip.rows)}
            for skip in proposal.skips
        ],
        "filled": list(proposal.filled),
        # keys of `reading` that its import needs
        "layout": proposal.layout,
    }


def list_first_rows(facts: Mapping[str, Any]) -> list[list[str]]:
    """Return the first rows of a file that was described."""
    return [list(row) for row in zip(*(values[:SHOWN_ROWS] for values in facts["values"]), strict=True)]


def describe_for_import(
    path: Path, options: ReadingOptions, config: ImportConfig, last: LastFile | None
) -> dict[str, Any]:
    """Return what `describe_file` does for a file of a known import: its columns as the import declares them.

    `last`: the last good file; a column that neither it nor the schema has is new, and keeps its proposal.
    """
    described = describe_file(path, options)
    names = [column["column"] for column in described["columns"]]
    known = set(config.declared) | set(last.headers if last else ())
    for column, name in zip(
        described["columns"],
        column_aliases.apply_aliases(names, described["headers"], config.reading.aliases),
        strict=True,
    ):
        column["column"], column["is_new"] = name, name not in known
        if name in known:
            column["declared"] = draft_import.declare_known(config, name)
    return described


def build_options(reading: Mapping[str, Any], base: ReadingOptions = ReadingOptions()) -> ReadingOptions:
    """Return the options for reading a file: those of its import, with what a person says.

    Raises UsageError for a key or value that `reading` may not have.
    """
    try:
        return replace(base, **convert_given(dict(reading)))
    except ValidationError as error:
        raise UsageError(f"reading: {describe_faults(error)}", "Correct it, then read the file again.") from error
