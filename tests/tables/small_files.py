"""Generate small ugly files like those of clients, each with the table in it, from a seed and without the reader."""

from __future__ import annotations

import csv
import html
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import openpyxl

WORDS: dict[str, list[str]] = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
# Python's name -> a language to write in it
ENCODINGS = {
    "utf-8": "de", "utf-8-sig": "fr", "utf-16": "es", "cp1252": "de", "latin-1": "sv", "iso8859-15": "fr",
    "cp1250": "pl", "iso8859-2": "cs", "cp1251": "ru", "cp1254": "tr", "cp850": "de", "mac-roman": "de",
}  # fmt: skip
COMMENTS = ("", "", "call first", "paid, late", "see: annex; page 2")
FOOTERS = ("Source: ERP export", "* preliminary figures, subject to change")
PLACEHOLDERS = ("absent", "TBC", "sold out", "n/a", "unknown", "on request", "see note", "pending")


@dataclass
class SmallFile:
    """One file. `columns`, `rows`: the table in it, as text; `odd`: its oddities; `must_warn`: a warning is needed."""

    name: str
    content: bytes
    columns: list[str]
    rows: list[list[str]]
    odd: list[str] = field(default_factory=list)
    must_warn: bool = False
    encoding: str = "utf-8"


@dataclass(frozen=True)
class ColumnType:
    """A type of column: the names it may have, its unit, and a function that draws a value."""

    names: tuple[str, ...]
    value: Callable[[random.Random, int], str]
    unit: str = ""
    is_number: bool = False


def _draw_day(draw: random.Random, _: int) -> str:
    return (date(2026, 1, 1) + timedelta(days=draw.randrange(360))).isoformat()


def _draw_amount(draw: random.Random, _: int) -> str:
    return f"{draw.randrange(1, 90000) / 100:.2f}"


COLUMN_TYPES = (
    ColumnType(("id", "Order No", "Nr", "Customer ID"), lambda draw, row: str(1000 + 7 * row + draw.randrange(5))),
    ColumnType(("code", "SKU", "Article"), lambda draw, row: f"{draw.choice('ABCX')}-{draw.randrange(1000):04d}"),
    ColumnType(("zip", "Postcode"), lambda draw, row: f"{draw.randrange(1000, 99999):05d}"),
    ColumnType(("amount", "Price", "Net Total"), _draw_amount, "EUR", is_number=True),
    ColumnType(("qty", "Quantity", "Pieces"), lambda draw, row: str(draw.randrange(1, 400)), "pcs", is_number=True),
    ColumnType(
        ("weight", "Gross Weight"), lambda draw, row: f"{draw.randrange(1, 999) / 10:.1f}", "kg", is_number=True
    ),
    ColumnType(("date", "Order Date", "Valid From"), _draw_day, "yyyy-mm-dd"),
    ColumnType(("active", "Paid"), lambda draw, row: draw.choice(("yes", "no"))),
    ColumnType(("email", "Contact"), lambda draw, row: f"user{draw.randrange(999)}@example.com"),
    ColumnType(("status", "State"), lambda draw, row: draw.choice(("open", "closed", "shipped", "returned"))),
    ColumnType(
        ("comment", "Note"), lambda draw, row: draw.choice(("", "", "call first", "paid, late", "see: annex; page 2"))
    ),
    ColumnType(("time", "Departure"), lambda draw, row: f"{draw.randrange(24):02d}:{draw.randrange(60):02d}"),
)


def generate(seed: int, count: int) -> Iterator[SmallFile]:
    """Yield `count` files, the same ones for the same seed."""
    for number in range(count):
        yield _make_file(random.Random(f"{seed}-{number}"), number)


def _make_file(draw: random.Random, number: int) -> SmallFile:
    encoding = draw.choice(list(ENCODINGS))
    types = _choose_column_types(draw)
    words = [word for word in WORDS[ENCODINGS[encoding]] if _can_be_written(word, encoding)]
    columns = [draw.choice(column_type.names) for column_type in types] + [draw.choice(("name", "City", "Currency"))]
    rows = [
        [column_type.value(draw, row) for column_type in types] + [draw.choice(words)]
        for row in range(draw.randint(1, 30))
    ]
    file = SmallFile(f"file_{number}", b"", columns, rows)
    _add_placeholders(draw, file, types)
    form = draw.choices(("csv", "xlsx", "html", "json"), (70, 10, 10, 10))[0]
    if form == "json":
        file.name, file.content = file.name + ".json", _write_json(draw, file)
        return file
    lines = _add_rows_around(draw, file, types, form)
    writers = {"csv": _write_csv, "xlsx": _write_xlsx, "html": _write_html}
    file.name += "." + form
    file.content = writers[form](draw, file, lines, encoding)
    file.encoding = encoding if form == "csv" else file.encoding
    return file


def _choose_column_types(draw: random.Random) -> list[ColumnType]:
    """Draw two to seven columns, with at least one that distinguishes a record from a header."""
    while True:
        types = draw.sample(COLUMN_TYPES, draw.randint(2, 7))
        if any(
            column_type.value is not COLUMN_TYPES[9].value and column_type.value is not COLUMN_TYPES[10].value
            for column_type in types
        ):
            return types


def _can_be_written(word: str, encoding: str) -> bool:
    try:
        word.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _add_placeholders(draw: random.Random, file: SmallFile, types: list[ColumnType]) -> None:
    """Write words into a column of numbers or dates, often into the first record."""
    typed = [position for position, column_type in enumerate(types) if column_type.is_number or column_type.unit]
    if not typed or len(file.rows) < 5 or draw.random() > 0.25:
        return
    file.odd.append("words in number columns")
    position = draw.choice(typed)
    for row in draw.sample(range(len(file.rows)), max(1, len(file.rows) // 10)) + [0] * (draw.random() < 0.5):
        file.rows[row][position] = draw.choice(PLACEHOLDERS)


def _add_rows_around(draw: random.Random, file: SmallFile, types: list[ColumnType], form: str) -> list[list[str]]:
    """Return all rows: titles, a header of one or two rows or with units, records, a repeated header, notes."""
    width = len(file.columns)
    header = [list(file.columns)]
    dice = draw.random()
    units = [column_type.unit for column_type in types] + [""]
    if dice < 0.06 and sum(map(bool, units)) >= 2 and len(file.rows) > 3:
        file.odd.append("units row")
        file.must_warn = True
        header.append(units)
        file.columns = [f"{name} {unit}".strip() for name, unit in zip(file.columns, units, strict=True)]
    elif dice < 0.12 and width >= 5 and len(file.rows) > 3:
        file.odd.append("two-row header")
        file.must_warn = True
        header.insert(0, _add_group_labels(file, width))
    elif dice < 0.16 and len(file.rows) > 1:
        file.odd.append("header twice")
        file.must_warn = True
        header.append(list(file.columns))
    lines = header + file.rows
    if draw.random() < 0.06 and len(file.rows) >= 6:
        file.odd.append("header again below")
        file.must_warn = True
        at = len(header) + draw.randrange(3, len(file.rows) - 2)
        lines = [*lines[:at], header[-1], *lines[at:]]
    if draw.random() < 0.15:
        file.odd.append("titles")
        file.must_warn = True
        titles = [["Sales report 2026"], ["Created: 2026-11-02", "by finance"][: draw.randint(1, 2)]][
            : draw.randint(1, 2)
        ]
        titles += [[]] * draw.randint(0, 1)
        lines = titles + lines
    if draw.random() < 0.12 and len(file.rows) > 2:
        file.odd.append("notes below")
        file.must_warn = True
        lines = lines + [[]] * draw.randint(0, 1) + [[draw.choice(FOOTERS)]]
    return lines


def _add_group_labels(file: SmallFile, width: int) -> list[str]:
    """Return labels over the columns 1 to 2 and 3 to the last. The first column has none."""
    labels = ["", "Order", "", "Customer"] + [""] * (width - 4)
    filled = ["", "Order", "Order"] + ["Customer"] * (width - 3)
    file.columns = [f"{group} {name}".strip() for group, name in zip(filled, file.columns, strict=True)]
    return labels


def _write_csv(draw: random.Random, file: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    delimiter = draw.choice((",", ";", "\t", "|", ","))
    quote = draw.choices(('"', "'"), (92, 8))[0]
    every = draw.random() < 0.3
    blank = draw.random() < 0.06
    if quote == "'":
        file.odd.append("single quotes")
        every = True
    if blank:
        file.odd.append("blanks around quotes")
    output = io.StringIO(newline="")
    end = draw.choice(("\n", "\r\n", "\r\n"))
    style = csv.QUOTE_ALL if every or blank else csv.QUOTE_MINIMAL
    width = len(file.rows[0])
    # Spreadsheets write titles and notes as wide as the table.
    full = draw.random() < 0.3
    for line in lines:
        if line == [] and not full:
            output.write(end)
            continue
        padded = line + [""] * (width - len(line)) if full else line
        record = io.StringIO(newline="")
        csv.writer(record, delimiter=delimiter, quotechar=quote, quoting=style, lineterminator="").writerow(padded)
        text = record.getvalue()
        if blank and delimiter != "\t" and len(padded) > 1:
            text = text.replace(f"{quote}{delimiter}{quote}", f"{quote}{delimiter} {quote}")
        output.write(text + end)
    return output.getvalue().encode(encoding, errors="replace")


def _write_xlsx(draw: random.Random, file: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _write_html(draw: random.Random, file: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>\n" for line in lines if line
    )
    charset = "utf-8" if encoding.startswith("utf") else encoding
    known = charset in ("utf-8", "cp1252", "cp1250", "cp1251", "cp1254", "latin-1", "iso8859-2", "iso8859-15")
    charset = charset if known else "utf-8"
    label = charset.replace("cp125", "windows-125").replace("latin-1", "iso-8859-1").replace("iso8859", "iso-8859")
    page = f'<html><head><meta charset="{label}"></head><body><table>\n{rows}</table></body></html>'
    return page.encode(charset, errors="xmlcharrefreplace")


def _write_json(draw: random.Random, file: SmallFile) -> bytes:
    records = [dict(zip(file.columns, row, strict=True)) for row in file.rows]
    if draw.random() < 0.3:
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    return json.dumps(records, ensure_ascii=draw.random() < 0.5, indent=draw.choice((None, 2))).encode()
