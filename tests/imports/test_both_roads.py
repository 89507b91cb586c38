"""A value is stored or rejected alike on both roads: PostgreSQL as the judge of a clean block, and value by value."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import configuration
from systemscripts.configuration import ImportConfig
from systemscripts.directory_management import Directories
from systemscripts.imports import column_layout, copy_rows
from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values import row_hashes
from systemscripts.ingest import run_imports
from systemscripts.tables.lineage import define_columns
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.text import text_file
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
REJECTED = "rejected"
# column -> a clean value, one that only the careful road takes, and what spellings become (None: no value)
NUMBERS = {
    "+1": "1", "007": "7", " 5 ": "5", "\u00a05": "5", "": None, "  ": None, "--1": REJECTED, "1 000": REJECTED,
    "\uff11\uff12": REJECTED, "\u0661\u0662": REJECTED, "1_000": REJECTED, "0x1F": REJECTED, "NaN": REJECTED,
    "infinity": REJECTED, "1,5": REJECTED, "\u22125": "-5", "- 5": "-5", "-+5": REJECTED, "1\u200b": REJECTED,
    "9" * 5000: REJECTED,
}  # fmt: skip
FRACTIONS = {".5": "0.5", "5.": "5", "1e3": "1000", "1E-2": "0.01", ".": REJECTED, "e5": REJECTED, "1e": REJECTED}
WHOLE = {".5": REJECTED, "5.": REJECTED, "1e5": REJECTED, "5.0": REJECTED, "00000000000000000000000007": "7"}
DATES = {
    "2024-02-29": "2024-02-29", "2025-02-29": REJECTED, "2026-02-30": REJECTED, "2026-13-01": REJECTED,
    "1899-12-30": "1899-12-30", "2199-01-01": "2199-01-01", "9999-12-31": "9999-12-31", "0026-01-05": REJECTED,
    "0000-01-01": REJECTED, "26-01-05": REJECTED, "2026-1-5": REJECTED, "20260105": REJECTED, "2026-W02-1": REJECTED,
    "today": REJECTED, "infinity": REJECTED, "2026-01-05 00:00": "2026-01-05", "2026-01-05 07:30": REJECTED,
    "2026-01-05 00:00+02": REJECTED, "\u0662\u0660\u0662\u0666-01-05": REJECTED, "Jan 5 2026": REJECTED,
    "2026-01-05 BC": REJECTED, " 2026-01-05\u00a0": "2026-01-05", " ": None, "epoch": REJECTED,
}  # fmt: skip
TIMES = {
    "24:00": REJECTED, "24:00:00": REJECTED, "23:59:60": REJECTED, "10:60": REJECTED, "10:00+02": REJECTED,
    "10:00Z": REJECTED, "10": REJECTED, "1000": REJECTED, "7:30": REJECTED, "07:30": "07:30:00",
    "07:30:15.25": "07:30:15.25", "07:30:15.1234567": REJECTED, "07:30:15.1234560": "07:30:15.123456",
    "07:30 PM": REJECTED, "allballs": REJECTED, "now": REJECTED, "00:00": "00:00:00",
}  # fmt: skip
STAMPS = {
    **{f"2026-01-05 {time}": value and (value if value == REJECTED else f"2026-01-05 {value}")
       for time, value in TIMES.items()},
    **{f"2026-01-05T{time}": value and (value if value == REJECTED else f"2026-01-05 {value}")
       for time, value in TIMES.items()},
    "2026-01-05": "2026-01-05 00:00:00", "2026-01-05x07:30": REJECTED, "0026-01-05 07:30": REJECTED,
    "2025-02-29 07:30": REJECTED, "2026-03-29 02:30": "2026-03-29 02:30:00",
}  # fmt: skip
ZONED = {
    "2026-03-29 02:30": REJECTED, "2026-03-29 03:30": "2026-03-29 01:30:00+00",
    "2026-03-29 01:59": "2026-03-29 00:59:00+00",
    "2026-10-25 02:30": "2026-10-25 00:30:00+00", "2026-10-25 02:30+01": "2026-10-25 01:30:00+00",
    "2026-01-05 10:00+02": "2026-01-05 08:00:00+00", "2026-01-05T10:00:00Z": "2026-01-05 10:00:00+00",
    "2026-01-05 10:00+16": REJECTED, "2026-01-05 24:00": REJECTED, "9999-12-31 23:59": "9999-12-31 22:59:00+00",
    "2026-01-05 10:00 Europe/Paris": REJECTED, "2026-01-05 10:00:60+00": REJECTED,
    "2026-01-05 10:00+0530": "2026-01-05 04:30:00+00",
}  # fmt: skip
COMPACT = {
    "20260105": "2026-01-05", "2026105": REJECTED, "2026015": REJECTED, "202601050": REJECTED, "00260105": REJECTED,
    "20260229": REJECTED, "2026-01-05": REJECTED,
}  # fmt: skip
SLASHES = {"05/01/2026": "2026-01-05", "5/1/2026": "2026-01-05", "31/02/2026": REJECTED, "05/01/26": REJECTED}
DAY_AND_TIME = {
    "05/01/2026 07:30": REJECTED, "05/01/2026 00:00": "2026-01-05", "05/01/2026 24:00": REJECTED,
    "05/01/2026 07:60": REJECTED, "05/01/2026 7:30": REJECTED,
}  # fmt: skip
BOOLEANS = {
    "TRUE": "true", "t": "true", "1": "true", "Yes": "true", "off": "false", "0": "false", " true ": "true",
    "false\u00a0": "false", "tru": REJECTED, "2": REJECTED, "\uff11": REJECTED, "": None, " ": None,
}  # fmt: skip
LONG = "1234567890123456789012345"
COLUMNS: dict[str, tuple[dict[str, Any], str, str, dict[str, str | None]]] = {
    "integer": (
        {"type": "integer"}, "1", " 2 ",
        NUMBERS | WHOLE | {"2147483648": REJECTED, "-2147483648": "-2147483648"},
    ),
    "bigint": ({"type": "bigint"}, "1", " 2 ", NUMBERS | WHOLE | {"9223372036854775808": REJECTED}),
    "numeric": ({"type": "numeric"}, "1.5", " 2 ", NUMBERS | FRACTIONS | {"9" * 5000: "9" * 5000}),
    "scaled": (
        {"type": "numeric", "scale": 2}, "1.5", " 2 ",
        {"1.005": REJECTED, "1.500": "1.5", "1e-2": "0.01", "1e-3": REJECTED, "9" * 16: "9" * 16, "9" * 17: REJECTED},
    ),
    "wide": (
        {"type": "numeric", "scale": 10}, "1.5", " 2 ",
        {f"{LONG}.12345678901": REJECTED, f"{LONG}.1234567890": f"{LONG}.123456789"},
    ),
    "thousands": (
        {"type": "numeric", "thousands": " ", "decimal": ","}, "1", "2e0",
        {
            "1 000,5": "1000.5", "1\u2009000 000": "1000000", "- 1 000,5": "-1000.5", "1.000": REJECTED, "5,": "5",
            ",5": "0.5", "1 000 ,5": REJECTED, "1,000 5": REJECTED, "1e3": "1000", "1\u00a0000,5": "1000.5",
            "1\u202f000": "1000", "1 00": REJECTED, "10 00 000": REJECTED,
        },
    ),
    "boolean": ({"type": "boolean"}, "true", " true ", BOOLEANS),
    "date": ({"type": "date"}, "2026-01-05", " 2026-01-06", DATES),
    "compact": ({"type": "date", "formats": "yyyyMMdd"}, "20260101", " 20260102", COMPACT),
    "slashes": ({"type": "date", "formats": "dd/MM/yyyy"}, "01/01/2026", " 02/01/2026", SLASHES),
    "day_and_time": (
        {"type": "date", "formats": "dd/MM/yyyy HH:mm"}, "01/01/2026 00:00", " 02/01/2026 00:00", DAY_AND_TIME,
    ),
    "time": ({"type": "time"}, "07:30", " 08:30", TIMES),
    "timestamp": ({"type": "timestamp"}, "2026-01-05 07:30", " 2026-01-06 07:30", STAMPS),
    "timestamptz": ({"type": "timestamptz"}, "2026-01-05 07:30", " 2026-01-06 07:30", ZONED),
    "email": (
        {"type": "text", "checks": {"email": True}}, "a@b.co", "a!b@c.co",
        {"a@-b.com": REJECTED, "a@b-.com": REJECTED, "a@b-c.com": "a@b-c.com", "a..b@c.co": REJECTED, "": None},
    ),
    "required": (
        {"type": "text", "required": True}, "x", "y", {" ": REJECTED, "\u00a0": REJECTED, "": REJECTED, " x": " x"},
    ),
    "american": (
        {"type": "numeric", "thousands": ",", "currency": ["$", "USD"], "negative": "brackets"}, "$1.50", "$2e0",
        {
            "$1,234.56": "1234.56", "(45.00)": "-45", "($45)": "-45", "$(45)": "-45", "(45) USD": "-45", "-$5": "-5",
            "$-5": "-5", "$ \u22125": "-5", "$.50": "0.5", "$5 usd": "5", "5USD": "5", "12,34,567.5": "1234567.5",
            "1234": "1234", "$1e3": "1000", "": None, "(-5)": REJECTED, "-(5)": REJECTED, "((5))": REJECTED,
            "(5": REJECTED, "5)": REJECTED, "()": REJECTED, "$": REJECTED, "$$5": REJECTED, "$5$": REJECTED,
            "USD5 USD": REJECTED, "5-": REJECTED, "\u20ac5": REJECTED, "5%": REJECTED, "1,23": REJECTED,
            "1,,234": REJECTED, "USD.5": REJECTED, "--5": REJECTED, "-$-5": REJECTED, "1.234,5": REJECTED,
        },
    ),
    "european": (
        {"type": "numeric", "scale": 2, "thousands": ".", "currency": "\u20ac", "negative": "after"}, "1,50", "2e0",
        {
            "1.234,56 \u20ac": "1234.56", "45,00-": "-45", "45,00 -": "-45", "45-\u20ac": "-45", "45\u20ac-": "-45",
            "45+": "45", "-45": "-45", "\u20ac 1.000.000": "1000000", "12,-": REJECTED, "-45-": REJECTED,
            "1.234,567": REJECTED, "1.50": REJECTED, "12,34,567": REJECTED, "(45)": REJECTED, "45 EUR": REJECTED,
            "1e2": "100", "1e-2": "0.01", "1e2-": "-100",
        },
    ),
    "percent": (
        {"type": "numeric", "percent": True, "negative": ["brackets", "after"]}, "1%", "2e0",
        {
            "12.5%": "12.5", "12.5 %": "12.5", "%12.5": "12.5", "12.5": "12.5", "-3%": "-3", "(3%)": "-3",
            "(3)%": "-3", "3%-": "-3", "3-%": "-3", "%": REJECTED, "3%%": REJECTED, "%3%": REJECTED,
            "3\u2030": REJECTED,
        },
    ),
    "swiss": (
        {"type": "integer", "thousands": "'", "currency": ["CHF", "Fr."]}, "1", "0000000002",
        {
            "1'234'567": "1234567", "CHF 1\u2019234": "1234", "Fr.5": "5", "2'147'483'648": REJECTED,
            "2'147'483'647": "2147483647", "5.0": REJECTED, "1'23": REJECTED,
        },
    ),
    "german_date": (
        {"type": "date", "formats": ["d. MMMM yyyy", "dd.MM.yy"], "language": "de", "pivot": 30},
        "1. Mai 2026", "02.01.26",
        {
            "5. M\u00e4rz 2026": "2026-03-05", "05. MAERZ 2026": "2026-03-05", "5. Dez. 2026": "2026-12-05",
            "5.  sept 2026": "2026-09-05", "5. Foo 2026": REJECTED, "30. Februar 2026": REJECTED,
            "5. May 2026": REJECTED,
            "01.02.29": "2029-02-01", "01.02.30": "1930-02-01", "5. M\u00e4rz 26": REJECTED, "1.2.2029": REJECTED,
        },
    ),
    "twelve_hours": (
        {"type": "timestamp", "formats": "EEE M/d/yyyy h:mm:ss a"},
        "Mon 1/5/2026 7:30:00 AM", "Mon 1/5/2026 7:30:00 am",
        {
            "Mon 1/5/2026 12:00:00 AM": "2026-01-05 00:00:00", "mon 01/05/2026 12:30:00 pm": "2026-01-05 12:30:00",
            "Monday 1/5/2026 07:30:00\u202fp.m.": "2026-01-05 19:30:00", "Tue 1/5/2026 7:30:00 AM": REJECTED,
            "Mon 1/5/2026 13:00:00 PM": REJECTED, "Mon 1/5/2026 0:30:00 AM": REJECTED,
            "Mon 1/5/2026 7:30:00": REJECTED,
        },
    ),
    "offsets": (
        {"type": "timestamptz", "formats": "yyyy-MM-dd HH:mm:ss.SSS X"},
        "2026-01-05 10:00:00.000 Z", "2026-01-05 10:00:00.0 Z",
        {
            "2026-01-05 10:00:00.25 +02:00": "2026-01-05 08:00:00.25+00",
            "2026-01-05 10:00:00.123456 UTC": "2026-01-05 10:00:00.123456+00",
            "2026-01-05 10:00:00.1234560 -05": "2026-01-05 15:00:00.123456+00",
            "2026-01-05 10:00:00.1234567 Z": REJECTED, "2026-01-05 10:00:00.25": REJECTED,
            "2026-01-05 10:00:00.25 +16": REJECTED, "2026-01-05 10:00:00.25 CET": REJECTED,
        },
    ),
    "words": (
        {"type": "boolean", "true": ["Ja", "X"], "false": ["Nein", ""]}, "Ja", "x",
        {
            "ja": "true", " X ": "true", "NEIN": "false", "": "false", "  ": "false", "yes": REJECTED, "1": REJECTED,
            "true": REJECTED,
        },
    ),
    "nines": (
        {"type": "integer", "null": ["9999", "-"]}, "1", " 2 ",
        {"9999": None, " 9999 ": None, "-": None, "99999": "99999", "": None},
    ),
    "dashes": ({"type": "integer", "null": ["-"]}, "1", " 2 ", {"-": None, " - ": None, "--": REJECTED}),
}  # fmt: skip


class Roads:
    """Loads the values of one column into a table of the session, by the very code that loads files."""

    def __init__(self, cursor: Any, folder: Path, dataset_id: int, file_id: int) -> None:
        self._cursor, self._folder, self._ids = cursor, folder, (dataset_id, file_id)

    def load(self, column: dict[str, Any], values: list[str], convert_all: bool = False) -> list[str | None]:
        """Return what each value became: its text in PostgreSQL, None, or REJECTED.

        `convert_all`: a rule for rows, which skips none here, keeps every row from being copied as it is.
        """
        stream = io.StringIO(newline="")
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
            [["v", "w"], *((v, "x") for v in values)]
        )
        path = self._folder / "roads.csv"
        path.write_text(stream.getvalue(), newline="")
        config = ImportConfig.model_validate(
            {
                "config_name": "roads",
                "file_pattern": ".*",
                "target_table": "pg.roads",
                "schema": {"v": column},
                "reading": {"skip_if": {"w": ["never"]}} if convert_all else {},
            }
        )
        shape = column_layout.build_layout(config, ["v", "w"], ["v", "w"])
        type_name = shape.types["v"]
        self._cursor.execute(
            f"drop table if exists roads; "
            f"create temporary table roads (dataset_id int, source_row int, v {type_name}, w text)"
        )
        result = Plan("pg_temp", "roads", shape.names, shape.types, {}, shape)
        options = ReadingOptions(header_row=1, delimiter=",", quote='"', encoding="utf-8")
        with open_table(path, options) as table:
            rules = shape.rules(ZoneInfo("Europe/Copenhagen"), {})
            counts, _ = copy_rows.copy_table(
                self._cursor, copy_rows.Load(table, result, rules, *self._ids), lambda _: None
            )
        assert counts.read == len(values) == counts.loaded + counts.rejected
        plain = "trim_scale(v)" if type_name == "numeric" else "v"
        self._cursor.execute(f"select source_row, {plain}::text from roads")
        actual = dict(self._cursor.fetchall())
        return [actual.get(row, REJECTED) for row in range(2, len(values) + 2)]

    def load_table(
        self, content: bytes, options: ReadingOptions, convert_all: bool = False, load_mode: str = "append"
    ) -> tuple[Any, ...]:
        """Return the stored rows, and line, reason, raw text and column of the rejects of a file."""
        path = self._folder / "many.csv"
        path.write_bytes(content)
        never = {"skip_if": {"v": ["never"]}} if convert_all else {}
        config = ImportConfig.model_validate(
            {
                "config_name": "many", "file_pattern": ".*", "target_table": "pg.many", "schema": MANY,
                "reading": never, "load_mode": load_mode,
            }
        )  # fmt: skip
        names = list(MANY)
        shape = column_layout.build_layout(config, names, names)
        types = ", ".join(f"{name} {shape.types[name]}" for name in names)
        self._cursor.execute(
            f"drop table if exists many; create temporary table many ({define_columns(shape.hashed)}, {types})"
        )
        plan = Plan("pg_temp", "many", shape.names, shape.types, {}, shape)
        with open_table(path, options) as table:
            rules = shape.rules(ZoneInfo("Europe/Copenhagen"), {})
            counts, rejects = copy_rows.copy_table(
                self._cursor, copy_rows.Load(table, plan, rules, *self._ids), lambda _: None
            )
        self._cursor.execute("select * from many order by source_row")
        return counts, self._cursor.fetchall(), sorted(rejects.first, key=lambda reject: reject.source_row)


@pytest.fixture
def roads(here: Installation, tmp_path: Path) -> Iterator[Roads]:
    here.configure("things", load_mode="append")
    here.drop("things.csv", "a\n1\n")
    with contextlib.closing(psycopg2.connect(here.url)) as connection:
        config = configuration.load_import(connection, "things")
        summary = run_imports.run_imports(
            connection, [config], Directories(here.data).create(), RUN, run_imports.Options()
        )
        with connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'; select file_id from dba.tfile")
            yield Roads(cursor, tmp_path, summary.rows[0]["dataset"], cursor.fetchone()[0])


def test_every_spelling_is_stored_or_rejected_by_one_rule_whatever_stands_beside_it(roads: Roads) -> None:
    wrong = []
    for name, (column, clean, careful, expected) in COLUMNS.items():
        values = list(expected)
        together = roads.load(column, [careful, *values], convert_all=True)[1:]
        alone = [roads.load(column, [clean, value, clean])[1] for value in values]
        for value, of_all, of_one in zip(values, together, alone, strict=True):
            if (of_all, of_one) != (expected[value], expected[value]):
                wrong.append((name, value[:40], expected[value], of_all, of_one))
    assert wrong == []


def change_a_letter(name: str) -> st.SearchStrategy[tuple[str, str]]:
    """Return a column with one of its spellings, in which one letter is another."""
    _, clean, careful, actual = COLUMNS[name]

    def change(text: str, position: int, letter: str) -> tuple[str, str]:
        position %= len(text) + 1
        return name, text[:position] + letter + text[position + 1 :]

    texts = st.sampled_from([clean, careful, *(text for text in actual if len(text) < 100)])
    unchanged = st.tuples(st.just(name), texts)
    return unchanged | st.builds(
        change, texts, st.integers(0, 30), st.sampled_from(list("0123456789+-.: \u00a0\u0661"))
    )


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changed=st.sampled_from(sorted(COLUMNS)).flatmap(change_a_letter))
def test_any_text_is_stored_or_rejected_alike_on_both_roads(roads: Roads, changed: tuple[str, str]) -> None:
    name, text = changed
    column, clean, careful, _ = COLUMNS[name]
    expected = roads.load(column, [careful, text], convert_all=True)[1:]
    # among many rows that match, one that does not is converted alone
    assert roads.load(column, [clean, text])[1:] == roads.load(column, [*[clean] * 9, text])[9:] == expected


MANY = {
    "n": {"type": "integer", "null": ["-", "9999"]}, "d": {"type": "date", "formats": "dd/MM/yyyy"},
    "t": {"type": "timestamp", "formats": "dd.MM.yyyy HH:mm"}, "e": {"checks": {"email": True}}, "b": "boolean",
    "a": {"type": "numeric", "scale": 2}, "i": "date", "x": {"null": ["n/a"]}, "r": {"required": True}, "v": "text",
}  # fmt: skip
USUAL = ("1", "31/01/2026", "02.03.2026 07:30", "jo.e@a-b.example.org", "true", "-1.50", "2026-01-05", "x", "y", "z")
UNUSUAL = {
    "n": ["-", "9999", "", " 2 ", "x"], "d": ["", "31/02/2026", "1/2/2026", "12/13/2026"],
    "t": ["", "02.03.2026", "30.02.2026 07:30", "02.03.2026 24:00"], "e": ["", "no", "a!b@c.co", f"{'a' * 50}@b.co"],
    "b": ["0", "maybe"], "a": ["", "1e2", "1.005"], "i": ["today", "2026-02-30"], "x": ["n/a", "-", ""],
    "r": [" ", ""], "v": ['say "so"', "two\nlines", "two\r\nlines", "a,b;c\td", "n/a", "-", "caf\u00e9", ""],
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Return rows of which most are usual, so that whole blocks of them match."""
    rows = [list(USUAL) for _ in range(120)]
    for _ in range(draw(st.integers(0, 8))):
        column = draw(st.sampled_from(sorted(UNUSUAL)))
        rows[draw(st.integers(0, 119))][list(MANY).index(column)] = draw(st.sampled_from(UNUSUAL[column]))
    return rows


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=tables(), delimiter=st.sampled_from(",;\t"), line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "cp1252"]), load_mode=st.sampled_from(["append", "new_rows"]),
)  # fmt: skip
def test_a_table_of_many_blocks_is_stored_and_rejected_alike_on_both_roads(
    roads: Roads, rows: list[list[str]], delimiter: str, line_end: str, encoding: str, load_mode: str
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=line_end).writerows([list(MANY), *rows])
    content = stream.getvalue().encode(encoding)
    options = ReadingOptions(header_row=1, delimiter=delimiter, quote='"', encoding=encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_file, "FIRST_CHUNK_BYTES", 1000)
        patch.setattr(text_file, "CHUNK_BYTES", 2000)
        patch.setattr(row_hashes, "MIN_RECORDS", 1)
        straight = roads.load_table(content, options, load_mode=load_mode)
        assert straight == roads.load_table(content, options, convert_all=True, load_mode=load_mode)
