"""Judge what suggest_import.py proposes for columns whose values are known.

    PYTHONPATH=. .venv/bin/python -m bench.suggest_accuracy
    PYTHONPATH=. .venv/bin/python -m bench.suggest_accuracy --files 200 --write docs/robustness.md

Each file has columns in spellings of one country (bench/column_spellings), with up to 2 % of dirt. Each column is
converted by the load's code under the proposed declaration, and every value is compared with the true one. A question
("AMBIGUOUS") is right only if two readings fit every value of the column. The seeds are new ones at every run, and are
printed; `--first-seed` repeats them. `--show` prints each column that is not right.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.column_spellings.labels import MISFIT, Column, Value
from bench.labelled_files import LabelledFile, write_files
from bench.robustness import format_share, render_table, write_tables
from jobscripts.suggest_import import suggest_import
from systemscripts import configuration
from systemscripts.configuration import ImportConfig
from systemscripts.errors import EtlError
from systemscripts.imports import column_layout
from systemscripts.imports.values.validate_rows import RowChecker
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table

OUTCOMES = (
    "right", "stays text", "needless question", "wrong type", "rejected", "unsaid", "refused",
    "silently wrong",
)  # fmt: skip
"""Right; text where a type was possible; a needless question; a type that keeps the values but is not right; good
values are rejected; misfits that the reason does not tell; the file was not read; a value that is not the true one."""
TYPES = ("integer", "bigint", "numeric", "boolean", "date", "time", "timestamp", "timestamptz", "text", "question")
# times without a zone are in this one; any will do
ZONE = ZoneInfo("UTC")
REJECTED = object()
# what PostgreSQL reads as true (PostgreSQL docs, 8.6 Boolean Type)
PG_TRUE = ("true", "t", "yes", "y", "on", "1")


@dataclasses.dataclass
class Verdict:
    """How one column was judged."""

    column: Column
    file: LabelledFile
    proposed: str
    outcome: str
    why: str


def judge_file(file: LabelledFile) -> list[Verdict]:
    """Suggest an import for a file and judge each of its columns."""
    output = file.path.with_suffix(".yaml")
    try:
        suggest_import.function(files=[file.path], name="labelled", output=output)
        document = configuration.read_document(output)
        config = configuration.validate_document(document, ImportConfig, config_name="labelled")
        converted = convert_columns(file, config)
    except EtlError as error:
        return [Verdict(column, file, "text", "refused", str(error)) for column in file.columns]
    reasons = read_reasons(output.read_text())
    verdicts = []
    names = make_column_names([column.header for column in file.columns])
    for name, column in zip(names, file.columns, strict=True):
        declared = config.declared.get(name)
        type_name, why = declared.type if declared else "text", reasons.get(name, "")
        is_question = "ambiguous" in why.lower()
        outcome = judge_column(column, type_name, is_question, why, converted.get(name))
        verdicts.append(Verdict(column, file, "question" if is_question else type_name, outcome, why))
    return verdicts


def read_reasons(text: str) -> dict[str, str]:
    """Return column -> its line of the YAML, with the comment lines above it."""
    reasons, above = {}, ""
    for line in text.splitlines():
        if match := re.match(r"  ([\"']?)([a-z_][a-z0-9_]*)\1:", line):
            reasons[match[2]] = above + line
            above = ""
        else:
            above = f"{above}{line}\n" if re.match(r"  +#", line) else ""
    return reasons


def convert_columns(file: LabelledFile, config: ImportConfig) -> dict[str, list[object]]:
    """Return for each column what the load would store for each row of the file."""
    options = config.reading.model_dump(include=set(ReadingOptions.__dataclass_fields__), exclude_defaults=True)
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    with open_table(file.path, ReadingOptions(**options)) as table:
        names = make_column_names(table.columns)
        layout = column_layout.build_layout(config, names, table.columns)
        blocks = list(table.blocks())
        # a row without any value may be skipped
        default = {
            line: REJECTED if any(table.parse(record)) else ""
            for block in blocks
            for record, line in zip(block.records, block.rows, strict=True)
        }
        result = {}
        for part in layout.fields:
            rules = dataclasses.replace(layout.rules(ZONE, {}), fields=[part], equations=[], hashed=False)
            checker = RowChecker(rules)
            stored: dict[int, object] = dict(default)
            for block in blocks:
                checked = checker.check(block, table)
                stored.update(zip(checked.rows, checked.columns[0], strict=True))
            result[part.name] = list(stored.values())
    return result


def judge_column(column: Column, type_name: str, is_question: bool, why: str, stored: list[object] | None) -> str:
    """Return the outcome of one column; `stored`: what the load would store for each row."""
    if stored is None or len(stored) != len(column.cells):
        return "refused"
    if is_question:
        return "right" if column.has_two_readings else "needless question"
    if type_name == "text":
        as_written = all(text in (str(cell or ""), "") for text, cell in zip(stored, column.cells, strict=True))
        is_kept = column.number_format != "General" or as_written
        return "silently wrong" if not is_kept else "right" if "text" in column.types else "stays text"
    if type_name not in column.types and all(
        text is REJECTED or text == str(cell or "") for text, cell in zip(stored, column.cells, strict=True)
    ):
        return "wrong type"
    values = [text if text is REJECTED else read_stored(type_name, str(text)) for text in stored]
    pairs = list(zip(values, column.values, strict=True))
    if any(value is not REJECTED and not is_same(value, true) for value, true in pairs):
        return "silently wrong"
    if type_name not in column.types:
        return "wrong type"
    if any(value is REJECTED and true is not MISFIT for value, true in pairs):
        return "rejected"
    misfits = sum(true is MISFIT for true in column.values)
    is_said = (not misfits or "fit" in why) and column.hint in why.lower()
    return "right" if is_said else "unsaid"


def is_same(value: object, true: Value) -> bool:
    """Return whether a stored value is the true one; a blank that means false may also be stored as no value."""
    return value == true if true is not False else value in (False, None)


def read_stored(type_name: str, text: str) -> Value:
    """Return the value that PostgreSQL would store."""
    if text == "":
        return None
    if type_name in ("integer", "bigint", "numeric"):
        return Decimal(text)
    if type_name == "boolean":
        return text.lower() in PG_TRUE
    if type_name == "date":
        return date.fromisoformat(text)
    if type_name == "time":
        return datetime.fromisoformat(f"2000-01-01 {text}").time()
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment


def describe(verdict: Verdict) -> str:
    """Return what is wrong with a proposal, and some values of its column."""
    column, file = verdict.column, verdict.file
    where = f"{column.spelling} ({file.country.locale}, {file.delimiter!r})"
    return f"{verdict.outcome}: {where}: {column.cells[:3]}\n    {verdict.why.strip()}"


def render_seeds(verdicts: dict[int, list[Verdict]]) -> str:
    """Return the outcomes of each seed."""
    rows = []
    for seed, judged in [*verdicts.items(), ("all", [v for group in verdicts.values() for v in group])]:
        counts = Counter(verdict.outcome for verdict in judged)
        share = format_share(counts["right"], len(judged))
        rows.append([seed, len(judged), share, *(counts[outcome] for outcome in OUTCOMES[1:])])
    return render_table(["seed", "columns", *OUTCOMES], rows)


def render_confusion(verdicts: Sequence[Verdict]) -> str:
    """Return what was proposed for each family of spellings."""
    rows = []
    for family in dict.fromkeys(verdict.column.family for verdict in verdicts):
        part = [verdict for verdict in verdicts if verdict.column.family == family]
        counts = Counter(verdict.proposed for verdict in part)
        right = sum(verdict.outcome == "right" for verdict in part)
        spellings = len({verdict.column.spelling for verdict in part})
        rows.append(
            [family, spellings, len(part), *(counts[name] or "" for name in TYPES), format_share(right, len(part))]
        )
    return render_table(["written", "spellings", "columns", *TYPES, "right"], sorted(rows))


def measure(seeds: Iterable[int], files: int, max_rows: int) -> dict[int, list[Verdict]]:
    """Return the verdicts of the columns of each seed."""
    verdicts: dict[int, list[Verdict]] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            for file in write_files(Path(folder), seed, files, max_rows):
                verdicts.setdefault(seed, []).extend(judge_file(file))
    return verdicts


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all columns, and print the tables or write them to a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=int(time.time()) % 10**6, help="by default a new one")
    parser.add_argument("--files", type=int, default=100, help="number of files of each seed")
    parser.add_argument("--rows", type=int, default=2000, help="the most rows of a file")
    parser.add_argument("--show", action="store_true", help="print each column that is not right")
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced")
    options = parser.parse_args(arguments)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    by_seed = measure(seeds, options.files, options.rows)
    verdicts = [verdict for group in by_seed.values() for verdict in group]
    for verdict in verdicts if options.show else ():
        if verdict.outcome != "right":
            print(describe(verdict))
    tables = {"suggest-seeds": render_seeds(by_seed), "suggest-confusion": render_confusion(verdicts)}
    if options.write:
        write_tables(options.write, tables)
    print("\n".join(tables.values()))


if __name__ == "__main__":
    main()
