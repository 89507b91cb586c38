"""Generate text files in the dialects of clients, each with the table in it, from a seed and without the reader."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

NAMES = ("Anna Berg", "Hugo O'Brien", "Zoë Müller", "Li Wei", "J. D'Angelo", "Tom Smith", "Ola Nordmann")
NOTES = (
    "",
    "",
    "call first",
    "it's late",
    "paid, late",
    "see: annex; page 2",
    "a|b",
    "don't, won't",
    "5' x 3'",
    "x\\y",
)
QUOTED = ('say "hi"', '5" pipe', 'the "big" one')
CITIES = ("Bern", "Köln", "New York", "Oslo", "Paris")
STATES = ("open", "closed", "shipped", "returned")


@dataclass
class DialectFile:
    """One file. `columns` and `rows`: the table in it, as text; `odd`: its shape."""

    name: str
    content: bytes
    columns: list[str]
    rows: list[list[str]]
    odd: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ColumnType:
    """A type of column: the names it may have, and a function that draws a value."""

    names: tuple[str, ...]
    value: Callable[[random.Random, int], str]


COLUMN_TYPES = (
    ColumnType(("qty", "Quantity"), lambda draw, row: str(draw.randrange(1, 400))),
    ColumnType(("price", "Net Total"), lambda draw, row: f"{draw.randrange(1, 90000) / 100:.2f}"),
    ColumnType(
        ("date", "Order Date"), lambda draw, row: (date(2026, 1, 1) + timedelta(days=draw.randrange(360))).isoformat()
    ),
    ColumnType(("city", "Town"), lambda draw, row: draw.choice(CITIES)),
    ColumnType(("code", "SKU"), lambda draw, row: f"{draw.choice('ABCX')}-{draw.randrange(1000):04d}"),
    ColumnType(("time", "Departure"), lambda draw, row: f"{draw.randrange(24):02d}:{draw.randrange(60):02d}"),
    ColumnType(("status", "State"), lambda draw, row: draw.choice(STATES)),
)
ID = ColumnType(("id", "Order No"), lambda draw, row: str(1000 + 7 * row))
NAME = ColumnType(("name", "Customer"), lambda draw, row: draw.choice(NAMES))
NOTE = ColumnType(("note", "Comment"), lambda draw, row: draw.choice(NOTES))


def generate(seed: int, count: int) -> Iterator[DialectFile]:
    """Yield `count` files that go through the shapes in turn, the same files for the same seed."""
    shapes = list(SHAPES.items())
    for number in range(count):
        draw = random.Random(f"{seed}-{number}")
        name, shape = shapes[number % len(shapes)]
        file = _make_table(draw)
        file.name = f"{name.replace(' ', '_')}_{number}.txt"
        file.odd.append(name)
        file.content = shape(draw, file)
        yield file


def _make_table(draw: random.Random) -> DialectFile:
    types = [ID, NAME, *draw.sample(COLUMN_TYPES, draw.randint(1, 4)), *([NOTE] if draw.random() < 0.6 else [])]
    if draw.random() < 0.5:
        types = [types[0], *draw.sample(types[1:], len(types) - 1)]
    count = draw.choice((1, 2, 3, 8, 20, 60))
    rows = [[column_type.value(draw, row) for column_type in types] for row in range(count)]
    return DialectFile("", b"", [draw.choice(column_type.names) for column_type in types], rows)


def _format_field(text: str, delimiter: str, quote: str, every: bool) -> str:
    """Return a field as in RFC 4180."""
    needs = every or any(mark in text for mark in (delimiter[:1], quote, "\n", "\r")) or text != text.strip()
    return quote + text.replace(quote, quote * 2) + quote if needs else text


def _write_table(
    draw: random.Random, file: DialectFile, delimiter: str, quote: str = '"', every: bool | None = None
) -> bytes:
    every = draw.random() < 0.3 if every is None else every
    lines = [
        delimiter.join(_format_field(text, delimiter, quote, every) for text in row)
        for row in [file.columns, *file.rows]
    ]
    return _join_lines(draw, lines)


def _join_lines(draw: random.Random, lines: list[str]) -> bytes:
    end = draw.choice(("\n", "\r\n"))
    return (end.join(lines) + draw.choice(("", end))).encode()


def _remove_marks(file: DialectFile, without: str) -> None:
    """Remove characters that a shape cannot write from all values."""
    for row in file.rows:
        for position, text in enumerate(row):
            row[position] = "".join(letter for letter in text if letter not in without).strip()


def _write_apostrophe_quotes(draw: random.Random, file: DialectFile) -> bytes:
    """Write quotes that are not doubled: 'O'Brien'."""
    delimiter = draw.choice(",;\t|")
    _remove_marks(file, delimiter if draw.random() < 0.5 else "")
    lines = [delimiter.join(f"'{text}'" for text in row) for row in [file.columns, *file.rows]]
    return _join_lines(draw, lines)


def _write_unquoted_apostrophes(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    _remove_marks(file, delimiter + '"')
    return _join_lines(draw, [delimiter.join(row) for row in [file.columns, *file.rows]])


def _write_empty_columns(draw: random.Random, file: DialectFile) -> bytes:
    """Write empty columns at the beginning, in the middle or at the end, and blanks among the values."""
    delimiter = draw.choice("\t\t\t,;|")
    for row in file.rows:
        for position in range(1, len(row)):
            row[position] = "" if draw.random() < 0.3 else row[position]
    for _ in range(draw.randint(1, 2)):
        position = draw.choice((1, len(file.columns) - 1, len(file.columns)))
        file.columns.insert(position, draw.choice(("fax", "Remark 2")) + str(len(file.columns)))
        for row in file.rows:
            row.insert(position, "")
    return _write_table(draw, file, delimiter)


def _write_aligned(draw: random.Random, file: DialectFile) -> bytes:
    """Write columns that are padded with blanks, at least two between them, and perhaps numbers on the right."""
    _remove_marks(file, "")
    _fill_blanks(file)
    return _join_lines(draw, _pad_lines(draw, file, 2))


def _write_ruled(draw: random.Random, file: DialectFile) -> bytes:
    """Write columns of fixed width, one blank between them, with a line of dashes below the names."""
    header, *lines = _pad_lines(draw, file, 1)
    widths = _measure_widths(file)
    ruler = " ".join("-" * width for width in widths)
    return _join_lines(draw, [header, ruler, *lines])


def _write_fixed_width(draw: random.Random, file: DialectFile) -> bytes:
    _fill_blanks(file)
    return _join_lines(draw, _pad_lines(draw, file, 1))


def _fill_blanks(file: DialectFile) -> None:
    for row in file.rows:
        row[:] = [text or "none" for text in row]


def _measure_widths(file: DialectFile) -> list[int]:
    return [max(map(len, column)) for column in zip(file.columns, *file.rows, strict=True)]


def _pad_lines(draw: random.Random, file: DialectFile, blanks: int) -> list[str]:
    right = draw.random() < 0.5
    numbers = [
        all(row[position].replace(".", "").isdecimal() for row in file.rows) for position in range(len(file.columns))
    ]
    lines = []
    for row in [file.columns, *file.rows]:
        cells = [
            text.rjust(width) if right and number else text.ljust(width)
            for text, width, number in zip(row, _measure_widths(file), numbers, strict=True)
        ]
        lines.append((" " * blanks).join(cells).rstrip())
    return lines


def _write_several_blanks(draw: random.Random, file: DialectFile) -> bytes:
    """Write two or more blanks between values, without aligning them."""
    _fill_blanks(file)
    lines = [
        "".join(text + " " * draw.randint(2, 5) for text in row[:-1]) + row[-1] for row in [file.columns, *file.rows]
    ]
    return _join_lines(draw, lines)


def _write_decimal_commas(draw: random.Random, file: DialectFile) -> bytes:
    """Write semicolons, decimal commas, and names with commas."""
    for row in file.rows:
        row[:] = [text.replace(".", ",") if text.replace(".", "").isdecimal() else text for text in row]
    if draw.random() < 0.4:
        file.columns[1:2] = [f"{file.columns[1]}, in full"]
    return _write_table(draw, file, ";")


def _write_sep_line(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    return f"sep={delimiter}\r\n".encode() + _write_table(draw, file, delimiter)


def _write_mixed_line_ends(draw: random.Random, file: DialectFile) -> bytes:
    text = _write_table(draw, file, draw.choice(",;\t|")).decode()
    return "".join(line + draw.choice(("\n", "\r\n", "\r")) for line in text.splitlines()).encode()


def _write_pipes_with_blanks(draw: random.Random, file: DialectFile) -> bytes:
    _remove_marks(file, "|")
    _fill_blanks(file)
    return _join_lines(draw, [" | ".join(row) for row in [file.columns, *file.rows]])


def _write_rare_delimiters(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(("^", "~", "¬", "\x01", "\x1f", "§"))
    _remove_marks(file, delimiter + '"')
    return _join_lines(draw, [delimiter.join(row) for row in [file.columns, *file.rows]])


def _write_double_delimiters(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(("||", ";;", "::", "~~", "|~|"))
    _remove_marks(file, delimiter[0] + '"~')
    _fill_blanks(file)
    return _join_lines(draw, [delimiter.join(row) for row in [file.columns, *file.rows]])


def _write_trailing_delimiters(draw: random.Random, file: DialectFile) -> bytes:
    """Write one more delimiter at the end of each line: a column without name and values."""
    delimiter = draw.choice(",;\t|")
    file.columns.append("")
    for row in file.rows:
        row.append("")
    return _write_table(draw, file, delimiter)


def _write_quoted_header(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join(_format_field(text, delimiter, '"', False) for text in row) for row in file.rows]
    return _join_lines(draw, [delimiter.join(f'"{name}"' for name in file.columns), *lines])


def _write_partly_quoted(draw: random.Random, file: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    rows = [file.columns, *file.rows]
    odds = [draw.random() < 0.4 for _ in rows]
    lines = [
        delimiter.join(_format_field(text, delimiter, '"', every) for text in row)
        for row, every in zip(rows, odds, strict=True)
    ]
    return _join_lines(draw, lines)


def _write_quotes_in_text(draw: random.Random, file: DialectFile) -> bytes:
    _add_quotes(draw, file)
    return _write_table(draw, file, draw.choice(",;\t|"))


def _write_backslash_quotes(draw: random.Random, file: DialectFile) -> bytes:
    """Write quotes escaped by a backslash."""
    _remove_marks(file, "\\")
    _add_quotes(draw, file)
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join('"' + text.replace('"', '\\"') + '"' for text in row) for row in [file.columns, *file.rows]]
    return _join_lines(draw, lines)


def _write_both_escapes(draw: random.Random, file: DialectFile) -> bytes:
    """Write quotes escaped by a backslash in some rows, doubled in others."""
    _remove_marks(file, "\\")
    _add_quotes(draw, file)
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join(f'"{name}"' for name in file.columns)]
    for row in file.rows:
        escape = draw.choice(('\\"', '""'))
        lines.append(delimiter.join('"' + text.replace('"', escape) + '"' for text in row))
    return _join_lines(draw, lines)


def _add_quotes(draw: random.Random, file: DialectFile) -> None:
    for row in file.rows:
        if draw.random() < 0.5:
            row[1] = draw.choice(QUOTED)


def _write_line_break(draw: random.Random, file: DialectFile) -> bytes:
    file.rows[0][1] = "first line\nsecond line"
    return _write_table(draw, file, draw.choice(",;\t|"), every=draw.random() < 0.5)


SHAPES: dict[str, Callable[[random.Random, DialectFile], bytes]] = {
    "plain": lambda draw, file: _write_table(draw, file, draw.choice(",;\t|")),
    "apostrophes doubled": lambda draw, file: _write_table(draw, file, draw.choice(",;\t|"), "'", every=True),
    "apostrophes as quotes": _write_apostrophe_quotes,
    "apostrophes without quotes": _write_unquoted_apostrophes,
    "empty columns": _write_empty_columns,
    "aligned": _write_aligned,
    "ruled": _write_ruled,
    "fixed width": _write_fixed_width,
    "several blanks": _write_several_blanks,
    "decimal commas": _write_decimal_commas,
    "sep line": _write_sep_line,
    "mixed line ends": _write_mixed_line_ends,
    "pipes with blanks": _write_pipes_with_blanks,
    "rare delimiters": _write_rare_delimiters,
    "double delimiters": _write_double_delimiters,
    "trailing delimiters": _write_trailing_delimiters,
    "quoted header": _write_quoted_header,
    "quoted now and then": _write_partly_quoted,
    "quotes in text": _write_quotes_in_text,
    "backslash quotes": _write_backslash_quotes,
    "both escapes": _write_both_escapes,
    "line break at once": _write_line_break,
}
