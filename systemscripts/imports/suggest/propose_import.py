"""Put together the proposal for the files of an import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from systemscripts import settings
from systemscripts.configuration.column_schema import Column
from systemscripts.imports.suggest import infer_types
from systemscripts.imports.suggest.file_layout import propose_layout
from systemscripts.imports.suggest.file_pattern import propose_pattern
from systemscripts.imports.suggest.import_proposal import ImportProposal
from systemscripts.imports.suggest.infer_types import Proposal
from systemscripts.imports.suggest.join_proposals import join_proposals
from systemscripts.imports.suggest.keys import KeyCandidate, find_key
from systemscripts.imports.suggest.load_mode import propose_load_mode
from systemscripts.imports.suggest.read_file import FileFacts
from systemscripts.imports.suggest.report_rows import SkipProposal
from systemscripts.imports.values import convert_values

# from how many rows on a column without an empty value tells something
MIN_FILLED_ROWS = 10


def propose_import(files: Sequence[FileFacts], name: str) -> ImportProposal:
    """Return the proposal for an import, given what was read of some of its files."""
    columns = _infer_columns(files)
    first, types = files[0], {proposal.column: str(proposal.declared["type"]) for proposal in columns}
    key = _find_key(files, types)
    pattern = propose_pattern([file.path.name for file in files], settings.now().date(), _find_order(columns))
    mode = propose_load_mode(
        pattern, [_list_keys(file, key) for file in files] if len(files) > 1 else [], _find_days(first, columns)
    )
    required = set(key.columns) if key and key.is_sure else set()
    filled = [
        column
        for column in types
        if column not in required
        and all(column in file.profiles and file.profiles[column].is_filled for file in files)
        and first.rows >= MIN_FILLED_ROWS
    ]
    return ImportProposal(
        name,
        [file.path.name for file in files],
        pattern,
        infer_types.require_keys(columns, sorted(required)),
        first.headers,
        key,
        mode,
        _join_skips(files),
        filled,
        [f"{file.path.name}: {note}" if len(files) > 1 else note for file in files for note in file.notes],
        layout=propose_layout(files),
    )


def _infer_columns(files: Sequence[FileFacts]) -> list[Proposal]:
    """Return the proposals for all columns, each for all files."""
    proposals: dict[str, Proposal] = {}
    for file in files:
        inferred = infer_types.infer_columns(list(file.profiles), list(file.profiles.values()), file.detected.delimiter)
        for proposal in inferred:
            if proposal.column in file.types:
                declared = file.types[proposal.column]
                proposal = replace(proposal, declared=declared, reason="its type in the file")
            known = proposals.get(proposal.column)
            proposals[proposal.column] = join_proposals(known, proposal) if known else proposal
    return list(proposals.values())


def _find_key(files: Sequence[FileFacts], types: dict[str, str]) -> KeyCandidate | None:
    """Return the key of the first file that is one in all of them."""
    first = files[0]
    unique = [
        column
        for column in first.profiles
        if all(column in file.profiles and file.profiles[column].is_unique for file in files)
    ]
    return find_key(types, unique, first.first, first.rows)


def _list_keys(file: FileFacts, key: KeyCandidate | None) -> frozenset[object]:
    """Return what identifies the first rows of a file: their keys, else all of their values."""
    names = key.columns if key and all(column in file.first for column in key.columns) else tuple(file.first)
    return frozenset(zip(*(file.first[name] for name in names), strict=True))


def _find_order(columns: Sequence[Proposal]) -> bool | None:
    """Return whether the file writes the month before the day where it is clear; None if it does not show."""
    formats = [
        str(proposal.declared["formats"][0])  # type: ignore[index]
        for proposal in columns
        if proposal.declared.get("formats") and "AMBIGUOUS" not in proposal.reason
    ]
    orders = {text.find("M") < text.find("d") for text in formats if "MMM" not in text and not text.startswith("y")}
    return orders.pop() if len(orders) == 1 else None


def _find_days(file: FileFacts, columns: Sequence[Proposal]) -> tuple[date, date] | None:
    """Return the first and the last day in the first column of dates that is always filled."""
    for proposal in columns:
        values = file.first.get(proposal.column, [])
        if proposal.declared["type"] in ("date", "timestamp", "timestamptz") and values and all(map(str.strip, values)):
            convert = convert_values.make_converter(Column.model_validate(proposal.declared), None)
            try:
                days = [date.fromisoformat(convert(value)[:10]) for value in set(values)] if convert else []
            except ValueError:
                continue
            return (min(days), max(days)) if days else None
    return None


def _join_skips(files: Sequence[FileFacts]) -> list[SkipProposal]:
    """Return the rules of all files, each once."""
    return list({str(skip.rule): skip for file in reversed(files) for skip in file.skips}.values())
