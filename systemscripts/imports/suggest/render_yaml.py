"""Write the YAML of an import from what is proposed: short, each line with its reason, what is usual left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from systemscripts.imports.suggest.common_spellings import lift_spellings
from systemscripts.imports.suggest.import_proposal import ImportProposal

# how many remarks about reading the file are worth reading again
MAX_NOTES = 20
# a longer header is easier to copy from the file
MAX_SHOWN_HEADERS = 12

LAYOUT_REASONS = {
    "header_row": "the line of the names",
    "fixed_width": "letters of each line, from 1; widen a column that ends too early",
    "record_types": "what the records begin with; totals in the trailer: see control",
    "no_header": "no line has the names of the columns",
    "delimiter": "of the records",
    "records": "the path of the records",
    "fields": "values from around the records",
}


def render_import(proposal: ImportProposal) -> str:
    """Return the YAML of a proposed import; guesses are comments."""
    return "\n".join([*_render_head(proposal), *_render_files(proposal), *_render_rows(proposal)]) + "\n"


def _render_head(proposal: ImportProposal) -> Iterator[str]:
    names = _as_one_line(", ".join(proposal.file_names))
    yield f"# Proposed from {names}; every line says why. What is not here is as usual."
    yield from (f"# QUESTION: {question}" for question in proposal.questions[:1])
    yield from (f"# {_as_one_line(note)}" for note in proposal.notes[:MAX_NOTES])


def _render_files(proposal: ImportProposal) -> Iterator[str]:
    pattern, mode = proposal.pattern, proposal.load_mode
    yield f"# also {_as_one_line(', '.join(pattern.examples))}" if pattern.examples else "# only these names"
    yield f"file_pattern: {_quote_text(pattern.pattern)}"
    yield f"target_table: {proposal.target_table or f'public.{proposal.name}'}"
    if proposal.source_directory:
        yield f"source_directory: {dump_value(proposal.source_directory)}"
    if pattern.has_label:
        yield "metadata_label_source: filename   # the names differ there, as those of several clients"
        yield "metadata_label_location: label"
    if pattern.date_format:
        yield f"dateconfig: filename   # {pattern.day} is the {pattern.period} in the name"
        yield "datelocation: date"
        yield f"dateformat: {dump_value(pattern.date_format)}"
    elif pattern.note:
        yield f"# {pattern.note}"
    line = f"load_mode: {mode.mode}   # {mode.reason}"
    yield f"# {line}" if mode.mode == "snapshot" else line


def _render_rows(proposal: ImportProposal) -> Iterator[str]:
    if proposal.key is None:
        yield "# no column or three columns together are different in every row"
    else:
        line = f"key_columns: [{', '.join(map(dump_value, proposal.key.columns))}]   # {proposal.key.explain()}"
        yield line if proposal.key.is_sure else f"# {line}"
    common, columns = lift_spellings(proposal.columns)
    yield from _render_reading(proposal, common)
    if proposal.is_strict:
        yield "strict_mode: true   # columns that are not named here are left out"
    yield "schema:"
    for column in columns:
        declared: Any = column.declared["type"] if len(column.declared) == 1 else column.declared
        yield f"  {dump_value(column.column)}: {dump_value(declared)}   # {_as_one_line(column.reason)}"
    if proposal.filled:
        yield f"expect: {{filled: [{', '.join(map(dump_value, proposal.filled))}]}}   # warns where a value is empty"
    headers = dump_value(list(proposal.headers)) if len(proposal.headers) <= MAX_SHOWN_HEADERS else "[...]"
    yield f"# exact_header: {headers}   # would refuse any other header"
    yield "# importstrategyid: 3   # would refuse a file without one of the columns; 2: without new columns"


def _render_reading(proposal: ImportProposal, common: dict[str, object]) -> Iterator[str]:
    """Yield the key `reading`: how all numbers are written, and which rows are skipped."""
    sure = [skip for skip in proposal.skips if skip.is_sure]
    doubtful = [skip for skip in proposal.skips if not skip.is_sure]
    if common or sure or proposal.reading or proposal.layout:
        yield "reading:"
    layout = {key: value for key, value in proposal.layout.items() if key not in proposal.reading}
    yield from (f"  {key}: {dump_value(value)}   # {LAYOUT_REASONS[key]}" for key, value in layout.items())
    yield from (f"  {key}: {dump_value(value)}   # as it was chosen" for key, value in proposal.reading.items())
    yield from (f"  {key}: {dump_value(value)}   # of all numbers" for key, value in common.items())
    if sure:
        yield "  skip_if:   # these rows are not data: all that a line names must fit, * is any text"
        yield from (f"  - {dump_rule(skip.rule)}   # {_as_one_line(skip.reason)}" for skip in sure)
    elif doubtful:
        yield from ([] if common or proposal.reading or proposal.layout else ["# reading:"])
        yield "#   skip_if:"
    yield from (f"#   - {dump_rule(skip.rule)}   # {_as_one_line(skip.reason)}" for skip in doubtful)


def dump_rule(rule: dict[str, list[str]]) -> str:
    """Return a rule of skip_if as YAML on one line."""
    return dump_value({name: values[0] if len(values) == 1 else values for name, values in rule.items()})


def dump_value(value: object) -> str:
    """Return a value as YAML on one line."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=100_000, sort_keys=False)
    text = text.replace("\n...", "").strip()
    # YAML that is JSON has no line breaks
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text


def _as_one_line(text: str) -> str:
    """Return a text for a comment: without line breaks, and without characters that YAML forbids."""
    return re.sub(r"\s+", " ", "".join(letter if letter.isprintable() else " " for letter in text))


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
