"""The columns of a file against those that its configuration expects and those of the last good file of its label."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from systemscripts.configuration import ImportConfig
from systemscripts.findings.finding import Finding, Severity
from systemscripts.findings.known_shape import LastFile, read_expected
from systemscripts.tables.lineage import SOURCE_SHEET

if TYPE_CHECKING:
    from systemscripts.findings.renames import Rename, Side

MAX_NAMED = 5  # columns in one sentence of information
MAX_SAMPLES = 200  # values of each side: enough for shares, and read in a few milliseconds
MAX_PAIRS = 2500  # of a missing and a new column: fifty of each, more than any table has renamed at once


@dataclass(frozen=True)
class FileShape:
    """The columns of a file and their headers, in its order, and its first values of a column."""

    columns: Sequence[str]
    headers: Sequence[str]
    samples: Callable[[str], Sequence[str]]


def judge_columns(
    config: ImportConfig, file: FileShape, last: LastFile | None, samples: Callable[[str], Sequence[str]]
) -> list[Finding]:
    """Return what is wrong with the columns of a file, and what has only changed.

    `last`: the last good file of the label, None for the first one. `samples`: values of a column of that file.
    """
    differences = _Differences(config, file, last)
    if config.guards.need_key and (other_layout := _judge_key(config, file, differences)):
        return [other_layout]
    before = [_side_before(last, column, samples) for column in differences.missing]
    now = [_side_now(file, column) for column in differences.new] if before else []
    renames, parts = _find_renames(before, now)
    renamed = {rename.missing.column: rename for rename in renames}
    findings = [
        _judge_missing(config, differences, column, renamed.get(column), parts.get(column, ""))
        for column in differences.missing
    ]
    findings += _describe_new(differences, {rename.new.column for rename in renames})
    findings += _describe_moved(file, last)
    return findings


def _find_renames(before: Sequence[Side], now: Sequence[Side]) -> tuple[list[Rename], dict[str, str]]:
    """Return which missing column may be which new one, and of those that seem to be split or joined how it goes on."""
    # where so many differ it is another table
    if not 0 < len(before) * len(now) <= MAX_PAIRS:
        return [], {}
    from systemscripts.findings.renames import propose_renames

    return propose_renames(before, now), _describe_parts(before, now)


def _describe_parts(missing: Sequence[Side], new: Sequence[Side]) -> dict[str, str]:
    """Return of each missing column that seems to be split, or joined with another, how it goes on."""
    from systemscripts.findings.renames import find_parts

    described = {}
    for column, parts in find_parts(missing, new).items():
        described[column] = f", and may be split into {' and '.join(repr(part.header) for part in parts)}"
    headers = {side.column: side.header for side in new}
    for column, parts in find_parts(new, missing).items():
        for part in parts:
            described[part.column] = f", and may be joined with another one in {headers[column]!r}"
    return described


class _Differences:
    """Which columns are missing and which are new; what the last good file lacked too is not reported."""

    def __init__(self, config: ImportConfig, file: FileShape, last: LastFile | None) -> None:
        self.expected = read_expected(config)
        present = set(file.columns)
        before = set(last.headers) if last else None
        self.missing_keys = [
            names[0]
            for names in self.expected.key
            if not present & set(names) and (before is None or before & set(names))
        ]
        # without any schema and without an earlier file nothing says what the columns should be
        if before is None and not config.declared and config.load_mode != "upsert":
            self.missing_keys = []
        declared = self.expected.declared | self.expected.required
        missing_declared = [name for name in sorted(declared - present) if before is None or name in before]
        missing_other = [name for name in (last.headers if last else ()) if name not in present | declared]
        alternatives = {name for names in self.expected.key for name in names if present & set(names)}
        missing = [*self.missing_keys, *missing_declared, *missing_other]
        self.missing = [name for name in dict.fromkeys(missing) if name not in alternatives and name != SOURCE_SHEET]
        known = declared | (before or set())
        self.new = [name for name in file.columns if name not in known and name != SOURCE_SHEET]
        self.is_first = before is None
        self.policy_of_new = config.columns.new


def _judge_key(config: ImportConfig, file: FileShape, differences: _Differences) -> Finding | None:
    """Refuse a file without any column of the key: another page or table than the import is for (guards.need_key)."""
    if any(set(names) & set(file.columns) for names in differences.expected.key):
        return None
    text = (
        f"another layout: no column of the key ({', '.join(config.key_columns)}), "
        f"only {', '.join(sorted(file.columns)[:MAX_NAMED])}; "
        "if it is the right file, list its header under reading: aliases"
    )
    return Finding("other_layout", "refuse", text)


def _judge_missing(
    config: ImportConfig, differences: _Differences, column: str, rename: Rename | None, parts: str
) -> Finding:
    is_key = column in differences.missing_keys
    is_needed = is_key or column in differences.expected.required
    is_declared = is_needed or column in differences.expected.declared
    policy = config.columns
    detail = {}
    if rename is not None:
        detail = {"renamed_to": rename.new.header, "new_column": rename.new.column, "score": rename.score}
        severity: Severity = _severity(policy.renamed, "hold" if is_declared else "inform")
        return Finding("column_renamed", severity, rename.describe(), column, detail)
    if is_needed:
        default: Severity = "refuse"
    elif is_declared:
        default = "refuse" if config.importstrategyid == 3 else "hold"
    else:
        default = "inform"
    kind = _kind(is_key, is_needed, is_declared)
    since = "" if differences.is_first else ", which the last file had"
    severity = _severity(policy.missing if is_declared else None, default)
    text = f"the {kind} {column} is missing{since}{parts}"
    return Finding("column_missing", severity, text, column, {} if parts else {"group": f"{kind}s are missing"})


def _kind(is_key: bool, is_needed: bool, is_declared: bool) -> str:
    if is_key:
        return "key column"
    return "required column" if is_needed else "declared column" if is_declared else "column"


def _severity(policy: str | None, default: Severity) -> Severity:
    """Return the severity that a policy asks for: take is information."""
    named: dict[str, Severity] = {"hold": "hold", "warn": "warn", "refuse": "refuse", "take": "inform"}
    return named[policy] if policy else default


def _describe_new(differences: _Differences, renamed: set[str]) -> Iterator[Finding]:
    """Say which columns no file had before."""
    new = [column for column in differences.new if column not in renamed]
    if differences.is_first or not new:
        return
    policy = differences.policy_of_new
    more = f" and {len(new) - MAX_NAMED} more" if len(new) > MAX_NAMED else ""
    text = f"columns that the last file did not have: {', '.join(new[:MAX_NAMED])}{more}"
    yield Finding("column_new", _severity(policy, "inform"), text, detail={"columns": new})


def _describe_moved(file: FileShape, last: LastFile | None) -> Iterator[Finding]:
    """Say that the columns stand in another order, or are spelled otherwise."""
    if last is None:
        return
    common_now = [name for name in file.columns if name in last.headers]
    common = set(common_now)
    common_before = [name for name in sorted(last.position, key=lambda name: last.position[name]) if name in common]
    if last.position and common_now != common_before:
        yield Finding("columns_moved", "inform", "the columns stand in another order than in the last file")
    spelled = [
        f"{last.headers[name]!r} is {header!r} now"
        for name, header in zip(file.columns, file.headers, strict=True)
        if name in last.headers and header != last.headers[name] and _is_same_text(header, last.headers[name])
    ]
    if spelled:
        yield Finding("header_respelled", "inform", "; ".join(spelled[:MAX_NAMED]))


def _is_same_text(one: str, other: str) -> bool:
    """Whether two headers differ only in case, blanks and accents."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum())


def _side_before(last: LastFile | None, column: str, samples: Callable[[str], Sequence[str]]) -> Side:
    from systemscripts.findings.renames import Side

    if last is None or column not in last.headers:
        return Side(column, column, [], 0.5)
    order = sorted(last.position, key=lambda name: last.position[name])
    return Side(column, last.headers[column], samples(column), *_find_place(order, column))


def _side_now(file: FileShape, column: str) -> Side:
    from systemscripts.findings.renames import Side

    header = file.headers[list(file.columns).index(column)]
    return Side(column, header, file.samples(column), *_find_place(list(file.columns), column))


def _find_place(order: list[str], column: str) -> tuple[float, tuple[object, ...]]:
    """Return where a column stands, from 0 to 1, and its slot: its neighbours, and its number among how many."""
    if column not in order:
        return 0.5, ()
    index = order.index(column)
    left, right = order[index - 1 : index], order[index + 1 : index + 2]
    slot = ((left[0] if left else None, right[0] if right else None), (index, len(order)))
    return index / max(len(order) - 1, 1), slot
