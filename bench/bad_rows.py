"""What loaders make of three bad rows among 10,000: which rows are in the table, and which values are not as sent."""

from __future__ import annotations

import csv
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import psycopg2

from bench import other_loaders, realistic_sample
from bench.installation import Bench

ROWS = 10_000
# id -> values as text
Table = dict[str, list[str | None]]
# row -> what is wrong there; a client typed a word, a day that does not exist, and a comma too many
FAULTS: Mapping[int, tuple[str, str]] = {
    2_500: ("amount", "n/a"),
    5_000: ("ordered_on", "2026-02-30"),
    7_500: ("note", "one comma, too many"),
}
HEADER = ("loader", "good file: values altered", "file with three bad rows: in the table", "what it says of the three")


def compare_loaders(bench: Bench) -> list[str]:
    """Load a good and the bad file with each loader; return the lines of a Markdown table."""
    good, bad = bench.folder / "good.csv", bench.folder / "bad_rows.csv"
    realistic_sample.generate(good, 0.1)
    expected = write_sample(bad)
    loaders = other_loaders.list_other_loaders(bench, realistic_sample.TYPES)
    lines = [f"| {' | '.join(HEADER)} |", "| --- " * len(HEADER) + "|"]
    bench.load(good, realistic_sample.SCHEMA)
    altered = _list_altered(_read_table(bench, "imported"), _read_good(good))
    bench.load(bad, realistic_sample.SCHEMA)
    rejected = bench.psql("copy (select count(*) from dba.trejectedrow where reason <> '') to stdout").output.strip()
    words = f"{rejected} rejected, each with its line and reason"
    lines.append(f"| this project | {altered} | {_count_rows(_read_table(bench, 'imported'), expected)} | {words} |")
    for name, make_command in loaders.items():
        _run(bench, make_command, good)
        altered = _list_altered(_read_table(bench, "peer"), _read_good(good))
        process = _run(bench, make_command, bad)
        said = process.stdout + process.stderr
        # some count from 0, some without the header
        named = sum(bool(re.search(rf"\b({number}|{number + 1}|{number + 2})\b", said)) for number in FAULTS)
        words = f"{named} named, exit code {process.returncode}"
        lines.append(f"| {name} | {altered} | {_count_rows(_read_table(bench, 'peer'), expected)} | {words} |")
    return lines


def _run(bench: Bench, make_command: Callable[[Path], list[str]], file: Path) -> subprocess.CompletedProcess[str]:
    other_loaders.clear(bench)
    environment = other_loaders.make_environment(bench)
    return subprocess.run(make_command(file), env=environment, capture_output=True, text=True, timeout=600, check=False)


def _read_good(file: Path) -> dict[str, list[str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return {row[0]: row for row in list(csv.reader(stream))[1:]}


def write_sample(file: Path) -> dict[str, list[str]]:
    """Write the file; return the good rows by their id."""
    realistic_sample.generate(file, 0.1, quoted=False)
    with file.open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))[: ROWS + 1]
    with file.open("w", newline="", encoding="utf-8") as stream:
        stream.write(",".join(header) + "\n")
        for number, row in enumerate(rows):
            column, value = FAULTS.get(number, ("", ""))
            # as a program without quotes writes it
            stream.write(
                ",".join(value if name == column else field for name, field in zip(header, row, strict=True)) + "\n"
            )
    return {row[0]: row for number, row in enumerate(rows) if number not in FAULTS}


def _list_altered(rows: Table, expected: Mapping[str, list[str]]) -> str:
    """Say how many values of each column are not as sent, and how many rows are missing."""
    altered: Counter[str] = Counter()
    for key, good in expected.items():
        row = rows.get(key)
        changed = [] if row is None else zip(realistic_sample.COLUMNS, good, row, strict=True)
        altered.update(["rows missing"] if row is None else [c for c, a, b in changed if not is_same(a, b)])
    return ", ".join(f"{count:,} of {name}" for name, count in altered.most_common()) or "none"


def _count_rows(rows: Table, expected: Mapping[str, list[str]]) -> str:
    good = sum(key in rows for key in expected)
    return f"{good:,} good rows, {len(rows) - good} bad ones" if rows else "nothing"


def _read_table(bench: Bench, table: str) -> Table:
    """Return the rows by their id, every value as text; without a table none."""
    columns = ", ".join(f"{name}::text" for name in realistic_sample.COLUMNS)
    with psycopg2.connect(bench.url) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(f"select {columns} from public.{table}")
        except psycopg2.Error:
            return {}
        return {str(row[0]).removesuffix(".0"): list(row) for row in cursor.fetchall()}


def is_same(sent: str, stored: str | None) -> bool:
    """Whether a stored value is what was sent: numbers and times by value, an empty field also as no value."""
    if sent == (stored or ""):
        return True
    if stored is None or sent == "" or re.fullmatch(r"0\d+", sent):
        return False
    try:
        return Decimal(sent) == Decimal(stored)
    except InvalidOperation:
        return stored.replace("T", " ").removesuffix("+00").removesuffix(" 00:00:00") == sent or stored == sent[:1]
