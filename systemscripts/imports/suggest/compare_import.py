"""Compare a proposal with the import that exists: what would change, as a short list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import ImportConfig, read_document, validate_document
from systemscripts.configuration.column_schema import Column
from systemscripts.configuration.import_parts import Reading
from systemscripts.imports.suggest.import_proposal import ImportProposal
from systemscripts.imports.suggest.infer_types import Proposal
from systemscripts.imports.suggest.render_yaml import dump_rule, dump_value

# what the values of a file can tell about a column; everything else is the decision of a person
_TOLD_BY_VALUES = (
    "type",
    "formats",
    "decimal",
    "thousands",
    "currency",
    "percent",
    "negative",
    "language",
    "true_words",
    "false_words",
)
# a wider type that someone chose is as good
_WIDER = {
    "integer": ("bigint", "numeric"),
    "bigint": ("numeric",),
    "date": ("timestamp", "timestamptz"),
    "timestamp": ("timestamptz",),
}


def list_changes(proposal: ImportProposal, path: Path) -> list[str]:
    """Return a line for each difference: + is new in the file, - is not in the file, ~ is declared in another way.

    Raises ConfigurationError when the YAML is invalid.
    """
    config = validate_document(read_document(path), ImportConfig, config_name=proposal.name)
    return [*_compare_names(proposal, config), *_compare_rows(proposal, config), *_compare_columns(proposal, config)]


def _compare_names(proposal: ImportProposal, config: ImportConfig) -> Iterator[str]:
    if others := [name for name in proposal.file_names if not compile_pattern(config.file_pattern).fullmatch(name)]:
        yield f"~ file_pattern: {', '.join(others)} does not fit"
        yield f"    now:      {config.file_pattern}"
        yield f"    proposed: {proposal.pattern.pattern}"


def _compare_rows(proposal: ImportProposal, config: ImportConfig) -> Iterator[str]:
    if not config.reading.skip_if:
        yield from (
            f"+ reading.skip_if: {dump_rule(skip.rule)}   # {skip.reason}" for skip in proposal.skips if skip.is_sure
        )
    known = {column.column for column in proposal.columns}
    for name in config.key_columns:
        if not set(name.split("|")) & known:
            yield f"- key_columns: {name} is not in the file"


def _compare_columns(proposal: ImportProposal, config: ImportConfig) -> Iterator[str]:
    aliases = {name for column, headers in config.reading.aliases.items() for name in (column, *headers)}
    in_file = {column.column: column for column in proposal.columns}
    for name, declared in config.declared.items():
        if name in in_file:
            yield from _compare_column(in_file[name], declared, config.reading)
        elif not (declared.fill or declared.from_column) and name not in aliases:
            yield f"- {name}: {declared.type}   # not in the file"
    for name, column in in_file.items():
        if name not in config.declared and name not in aliases and config.declared:
            yield f"+ {name}: {dump_value(column.declared)}   # {column.reason}"


def _compare_column(proposal: Proposal, declared: Column, reading: Reading) -> Iterator[str]:
    """Yield the change of a column if its values say something else than its declaration."""
    proposed = Column.model_validate(proposal.declared).with_defaults(reading)
    usual = declared.with_defaults(reading)
    if declared.type in _WIDER.get(proposed.type, ()) or (declared.values and declared.type == proposed.type):
        return
    before = {key: getattr(usual, key) for key in _TOLD_BY_VALUES}
    after = {key: getattr(proposed, key) for key in _TOLD_BY_VALUES}
    if before != after and not (proposed.type == declared.type and set(proposed.formats) < set(declared.formats)):
        shown = {"type": declared.type} | declared.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        yield f"~ {proposal.column}: {dump_value(shown)} -> {dump_value(proposal.declared)}   # {proposal.reason}"
