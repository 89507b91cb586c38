"""Text files in the dialects of clients, each with the table it means: from a seed, knowing nothing of the reader."""

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
    """`rows`: what the file means, as text; `odd`: what it is made of."""

    name: str
    content: bytes
    columns: list[str]
    rows: list[list[str]]
    odd: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A kind of column: names it may have, and how a value is made."""

    names: tuple[str, ...]
    value: Callable[[random.Random, int], str]


KINDS = (
    Kind(("qty", "Quantity"), lambda draw, row: str(draw.randrange(1, 400))),
    Kind(("price", "Net Total"), lambda draw, row: f"{draw.randrange(1, 90000) / 100:.2f}"),
    Kind(
        ("date", "Order Date"), lambda draw, row: (date(2026, 1, 1) + timedelta(days=draw.randrange(360))).isoformat()
    ),
    Kind(("city", "Town"), lambda draw, row: draw.choice(CITIES)),
    Kind(("code", "SKU"), lambda draw, row: f"{draw.choice('ABCX')}-{draw.randrange(1000):04d}"),
    Kind(("time", "Departure"), lambda draw, row: f"{draw.randrange(24):02d}:{draw.randrange(60):02d}"),
    Kind(("status", "State"), lambda draw, row: draw.choice(STATES)),
)
ID = Kind(("id", "Order No"), lambda draw, row: str(1000 + 7 * row))
NAME = Kind(("name", "Customer"), lambda draw, row: draw.choice(NAMES))
NOTE = Kind(("note", "Comment"), lambda draw, row: draw.choice(NOTES))


def generate(seed: int, count: int) -> Iterator[DialectFile]:
    """Yield `count` files, each shape in its turn; the same ones for the same seed."""
    shapes = list(SHAPES.items())
    for number in range(count):
        draw = random.Random(f"{seed}-{number}")
        name, shape = shapes[number % len(shapes)]
        made = _table(draw)
        made.name = f"{name.replace(' ', '_')}_{number}.txt"
        made.odd.append(name)
        made.content = shape(draw, made)
        yield made


def _table(draw: random.Random) -> DialectFile:
    kinds = [ID, NAME, *draw.sample(KINDS, draw.randint(1, 4)), *([NOTE] if draw.random() < 0.6 else [])]
    if draw.random() < 0.5:
        kinds = [kinds[0], *draw.sample(kinds[1:], len(kinds) - 1)]
    count = draw.choice((1, 2, 3, 8, 20, 60))
    rows = [[kind.value(draw, row) for kind in kinds] for row in range(count)]
    return DialectFile("", b"", [draw.choice(kind.names) for kind in kinds], rows)


def _field(text: str, delimiter: str, quote: str, every: bool) -> str:
    """RFC 4180."""
    needs = every or any(mark in text for mark in (delimiter[:1], quote, "\n", "\r")) or text != text.strip()
    return quote + text.replace(quote, quote * 2) + quote if needs else text


def _written(
    draw: random.Random, made: DialectFile, delimiter: str, quote: str = '"', every: bool | None = None
) -> bytes:
    every = draw.random() < 0.3 if every is None else every
    lines = [
        delimiter.join(_field(text, delimiter, quote, every) for text in row) for row in [made.columns, *made.rows]
    ]
    return _joined(draw, lines)


def _joined(draw: random.Random, lines: list[str]) -> bytes:
    end = draw.choice(("\n", "\r\n"))
    return (end.join(lines) + draw.choice(("", end))).encode()


def _plain(made: DialectFile, without: str) -> None:
    """Take marks out of all values that a shape cannot write."""
    for row in made.rows:
        for place, text in enumerate(row):
            row[place] = "".join(letter for letter in text if letter not in without).strip()


def _apostrophe_quotes(draw: random.Random, made: DialectFile) -> bytes:
    """Quotes that nobody doubles: 'O'Brien'."""
    delimiter = draw.choice(",;\t|")
    _plain(made, delimiter if draw.random() < 0.5 else "")
    lines = [delimiter.join(f"'{text}'" for text in row) for row in [made.columns, *made.rows]]
    return _joined(draw, lines)


def _apostrophes_unquoted(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    _plain(made, delimiter + '"')
    return _joined(draw, [delimiter.join(row) for row in [made.columns, *made.rows]])


def _empty_columns(draw: random.Random, made: DialectFile) -> bytes:
    """Whole empty columns at the begin, in the middle or at the end, and blanks among the values."""
    delimiter = draw.choice("\t\t\t,;|")
    for row in made.rows:
        for place in range(1, len(row)):
            row[place] = "" if draw.random() < 0.3 else row[place]
    for _ in range(draw.randint(1, 2)):
        place = draw.choice((1, len(made.columns) - 1, len(made.columns)))
        made.columns.insert(place, draw.choice(("fax", "Remark 2")) + str(len(made.columns)))
        for row in made.rows:
            row.insert(place, "")
    return _written(draw, made, delimiter)


def _aligned(draw: random.Random, made: DialectFile) -> bytes:
    """Columns filled up with blanks, numbers on the right; two blanks between, at least."""
    _plain(made, "")
    _fill(made)
    return _joined(draw, _filled_up(draw, made, 2))


def _ruled(draw: random.Random, made: DialectFile) -> bytes:
    """Fixed width, with a line of dashes below the names; blanks are blanks, one stands between."""
    header, *lines = _filled_up(draw, made, 1)
    widths = _widths(made)
    ruler = " ".join("-" * width for width in widths)
    return _joined(draw, [header, ruler, *lines])


def _fixed_width(draw: random.Random, made: DialectFile) -> bytes:
    _fill(made)
    return _joined(draw, _filled_up(draw, made, 1))


def _fill(made: DialectFile) -> None:
    for row in made.rows:
        row[:] = [text or "none" for text in row]


def _widths(made: DialectFile) -> list[int]:
    return [max(map(len, column)) for column in zip(made.columns, *made.rows, strict=True)]


def _filled_up(draw: random.Random, made: DialectFile, blanks: int) -> list[str]:
    right = draw.random() < 0.5
    numbers = [all(row[place].replace(".", "").isdecimal() for row in made.rows) for place in range(len(made.columns))]
    lines = []
    for row in [made.columns, *made.rows]:
        cells = [
            text.rjust(width) if right and number else text.ljust(width)
            for text, width, number in zip(row, _widths(made), numbers, strict=True)
        ]
        lines.append((" " * blanks).join(cells).rstrip())
    return lines


def _several_blanks(draw: random.Random, made: DialectFile) -> bytes:
    """Two blanks or more between values, not aligned."""
    _fill(made)
    lines = [
        "".join(text + " " * draw.randint(2, 5) for text in row[:-1]) + row[-1] for row in [made.columns, *made.rows]
    ]
    return _joined(draw, lines)


def _decimal_commas(draw: random.Random, made: DialectFile) -> bytes:
    """Semicolons, decimal commas, and titles that hold commas."""
    for row in made.rows:
        row[:] = [text.replace(".", ",") if text.replace(".", "").isdecimal() else text for text in row]
    if draw.random() < 0.4:
        made.columns[1:2] = [f"{made.columns[1]}, in full"]
    return _written(draw, made, ";")


def _sep_line(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    return f"sep={delimiter}\r\n".encode() + _written(draw, made, delimiter)


def _mixed_line_ends(draw: random.Random, made: DialectFile) -> bytes:
    text = _written(draw, made, draw.choice(",;\t|")).decode()
    return "".join(line + draw.choice(("\n", "\r\n", "\r")) for line in text.splitlines()).encode()


def _pipes_with_blanks(draw: random.Random, made: DialectFile) -> bytes:
    _plain(made, "|")
    _fill(made)
    return _joined(draw, [" | ".join(row) for row in [made.columns, *made.rows]])


def _rare_delimiters(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(("^", "~", "¬", "\x01", "\x1f", "§"))
    _plain(made, delimiter + '"')
    return _joined(draw, [delimiter.join(row) for row in [made.columns, *made.rows]])


def _double_delimiters(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(("||", ";;", "::", "~~", "|~|"))
    _plain(made, delimiter[0] + '"~')
    _fill(made)
    return _joined(draw, [delimiter.join(row) for row in [made.columns, *made.rows]])


def _trailing_delimiters(draw: random.Random, made: DialectFile) -> bytes:
    """One more delimiter at the end of each line: a column without name and values."""
    delimiter = draw.choice(",;\t|")
    made.columns.append("")
    for row in made.rows:
        row.append("")
    return _written(draw, made, delimiter)


def _quoted_header(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join(_field(text, delimiter, '"', False) for text in row) for row in made.rows]
    return _joined(draw, [delimiter.join(f'"{name}"' for name in made.columns), *lines])


def _quoted_now_and_then(draw: random.Random, made: DialectFile) -> bytes:
    delimiter = draw.choice(",;\t|")
    rows = [made.columns, *made.rows]
    odds = [draw.random() < 0.4 for _ in rows]
    lines = [
        delimiter.join(_field(text, delimiter, '"', every) for text in row)
        for row, every in zip(rows, odds, strict=True)
    ]
    return _joined(draw, lines)


def _quotes_in_text(draw: random.Random, made: DialectFile) -> bytes:
    _add_quotes(draw, made)
    return _written(draw, made, draw.choice(",;\t|"))


def _backslash_quotes(draw: random.Random, made: DialectFile) -> bytes:
    """Quotes escaped by a backslash."""
    _plain(made, "\\")
    _add_quotes(draw, made)
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join('"' + text.replace('"', '\\"') + '"' for text in row) for row in [made.columns, *made.rows]]
    return _joined(draw, lines)


def _both_escapes(draw: random.Random, made: DialectFile) -> bytes:
    """Quotes escaped by a backslash in some rows, doubled in others."""
    _plain(made, "\\")
    _add_quotes(draw, made)
    delimiter = draw.choice(",;\t|")
    lines = [delimiter.join(f'"{name}"' for name in made.columns)]
    for row in made.rows:
        escape = draw.choice(('\\"', '""'))
        lines.append(delimiter.join('"' + text.replace('"', escape) + '"' for text in row))
    return _joined(draw, lines)


def _add_quotes(draw: random.Random, made: DialectFile) -> None:
    for row in made.rows:
        if draw.random() < 0.5:
            row[1] = draw.choice(QUOTED)


def _line_break_at_once(draw: random.Random, made: DialectFile) -> bytes:
    made.rows[0][1] = "first line\nsecond line"
    return _written(draw, made, draw.choice(",;\t|"), every=draw.random() < 0.5)


SHAPES: dict[str, Callable[[random.Random, DialectFile], bytes]] = {
    "plain": lambda draw, made: _written(draw, made, draw.choice(",;\t|")),
    "apostrophes doubled": lambda draw, made: _written(draw, made, draw.choice(",;\t|"), "'", every=True),
    "apostrophes as quotes": _apostrophe_quotes,
    "apostrophes without quotes": _apostrophes_unquoted,
    "empty columns": _empty_columns,
    "aligned": _aligned,
    "ruled": _ruled,
    "fixed width": _fixed_width,
    "several blanks": _several_blanks,
    "decimal commas": _decimal_commas,
    "sep line": _sep_line,
    "mixed line ends": _mixed_line_ends,
    "pipes with blanks": _pipes_with_blanks,
    "rare delimiters": _rare_delimiters,
    "double delimiters": _double_delimiters,
    "trailing delimiters": _trailing_delimiters,
    "quoted header": _quoted_header,
    "quoted now and then": _quoted_now_and_then,
    "quotes in text": _quotes_in_text,
    "backslash quotes": _backslash_quotes,
    "both escapes": _both_escapes,
    "line break at once": _line_break_at_once,
}
