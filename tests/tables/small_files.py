"""Small ugly files as clients send them, each with the table it means: from a seed, knowing nothing of the reader."""

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
# Python's name -> a language that is written in it
ENCODINGS = {
    "utf-8": "de", "utf-8-sig": "fr", "utf-16": "es", "cp1252": "de", "latin-1": "sv", "iso8859-15": "fr",
    "cp1250": "pl", "iso8859-2": "cs", "cp1251": "ru", "cp1254": "tr", "cp850": "de", "mac-roman": "de",
}  # fmt: skip
COMMENTS = ("", "", "call first", "paid, late", "see: annex; page 2")
FOOTERS = ("Source: ERP export", "* preliminary figures, subject to change")
PLACEHOLDERS = ("absent", "TBC", "sold out", "n/a", "unknown", "on request", "see note", "pending")


@dataclass
class SmallFile:
    """`rows`: what the file means, as text; `odd`: what is ugly about it; `must_warn`: somebody is to be told."""

    name: str
    content: bytes
    columns: list[str]
    rows: list[list[str]]
    odd: list[str] = field(default_factory=list)
    must_warn: bool = False
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Kind:
    """A kind of column: names it may have, its unit, and how a value is made."""

    names: tuple[str, ...]
    value: Callable[[random.Random, int], str]
    unit: str = ""
    is_number: bool = False


def _day(draw: random.Random, _: int) -> str:
    return (date(2026, 1, 1) + timedelta(days=draw.randrange(360))).isoformat()


def _amount(draw: random.Random, _: int) -> str:
    return f"{draw.randrange(1, 90000) / 100:.2f}"


KINDS = (
    Kind(("id", "Order No", "Nr", "Customer ID"), lambda draw, row: str(1000 + 7 * row + draw.randrange(5))),
    Kind(("code", "SKU", "Article"), lambda draw, row: f"{draw.choice('ABCX')}-{draw.randrange(1000):04d}"),
    Kind(("zip", "Postcode"), lambda draw, row: f"{draw.randrange(1000, 99999):05d}"),
    Kind(("amount", "Price", "Net Total"), _amount, "EUR", is_number=True),
    Kind(("qty", "Quantity", "Pieces"), lambda draw, row: str(draw.randrange(1, 400)), "pcs", is_number=True),
    Kind(("weight", "Gross Weight"), lambda draw, row: f"{draw.randrange(1, 999) / 10:.1f}", "kg", is_number=True),
    Kind(("date", "Order Date", "Valid From"), _day, "yyyy-mm-dd"),
    Kind(("active", "Paid"), lambda draw, row: draw.choice(("yes", "no"))),
    Kind(("email", "Contact"), lambda draw, row: f"user{draw.randrange(999)}@example.com"),
    Kind(("status", "State"), lambda draw, row: draw.choice(("open", "closed", "shipped", "returned"))),
    Kind(
        ("comment", "Note"), lambda draw, row: draw.choice(("", "", "call first", "paid, late", "see: annex; page 2"))
    ),
    Kind(("time", "Departure"), lambda draw, row: f"{draw.randrange(24):02d}:{draw.randrange(60):02d}"),
)


def generate(seed: int, count: int) -> Iterator[SmallFile]:
    """Yield `count` files; the same ones for the same seed."""
    for number in range(count):
        yield _one(random.Random(f"{seed}-{number}"), number)


def _one(draw: random.Random, number: int) -> SmallFile:
    encoding = draw.choice(list(ENCODINGS))
    kinds = _choose_kinds(draw)
    words = [word for word in WORDS[ENCODINGS[encoding]] if _can_be_written(word, encoding)]
    columns = [draw.choice(kind.names) for kind in kinds] + [draw.choice(("name", "City", "Currency"))]
    rows = [[kind.value(draw, row) for kind in kinds] + [draw.choice(words)] for row in range(draw.randint(1, 30))]
    made = SmallFile(f"file_{number}", b"", columns, rows)
    _add_placeholders(draw, made, kinds)
    form = draw.choices(("csv", "xlsx", "html", "json"), (70, 10, 10, 10))[0]
    if form == "json":
        made.name, made.content = made.name + ".json", _as_json(draw, made)
        return made
    lines = _add_rows_around(draw, made, kinds, form)
    writers = {"csv": _as_csv, "xlsx": _as_xlsx, "html": _as_html}
    made.name += "." + form
    made.content = writers[form](draw, made, lines, encoding)
    made.encoding = encoding if form == "csv" else made.encoding
    return made


def _choose_kinds(draw: random.Random) -> list[Kind]:
    """Two to seven columns, among them one that tells a record from a header."""
    while True:
        kinds = draw.sample(KINDS, draw.randint(2, 7))
        if any(kind.value is not KINDS[9].value and kind.value is not KINDS[10].value for kind in kinds):
            return kinds


def _can_be_written(word: str, encoding: str) -> bool:
    try:
        word.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _add_placeholders(draw: random.Random, made: SmallFile, kinds: list[Kind]) -> None:
    """Words in a column of numbers or dates, often in the first record."""
    typed = [position for position, kind in enumerate(kinds) if kind.is_number or kind.unit]
    if not typed or len(made.rows) < 5 or draw.random() > 0.25:
        return
    made.odd.append("words in number columns")
    position = draw.choice(typed)
    for row in draw.sample(range(len(made.rows)), max(1, len(made.rows) // 10)) + [0] * (draw.random() < 0.5):
        made.rows[row][position] = draw.choice(PLACEHOLDERS)


def _add_rows_around(draw: random.Random, made: SmallFile, kinds: list[Kind], form: str) -> list[list[str]]:
    """All rows of the file: titles, header of one or two rows or with units, records, the header again, notes."""
    width = len(made.columns)
    header = [list(made.columns)]
    dice = draw.random()
    units = [kind.unit for kind in kinds] + [""]
    if dice < 0.06 and sum(map(bool, units)) >= 2 and len(made.rows) > 3:
        made.odd.append("units row")
        made.must_warn = True
        header.append(units)
        made.columns = [f"{name} {unit}".strip() for name, unit in zip(made.columns, units, strict=True)]
    elif dice < 0.12 and width >= 5 and len(made.rows) > 3:
        made.odd.append("two-row header")
        made.must_warn = True
        header.insert(0, _groups(made, width))
    elif dice < 0.16 and len(made.rows) > 1:
        made.odd.append("header twice")
        made.must_warn = True
        header.append(list(made.columns))
    lines = header + made.rows
    if draw.random() < 0.06 and len(made.rows) >= 6:
        made.odd.append("header again below")
        made.must_warn = True
        at = len(header) + draw.randrange(3, len(made.rows) - 2)
        lines = [*lines[:at], header[-1], *lines[at:]]
    if draw.random() < 0.15:
        made.odd.append("titles")
        made.must_warn = True
        titles = [["Sales report 2026"], ["Created: 2026-11-02", "by finance"][: draw.randint(1, 2)]][
            : draw.randint(1, 2)
        ]
        titles += [[]] * draw.randint(0, 1)
        lines = titles + lines
    if draw.random() < 0.12 and len(made.rows) > 2:
        made.odd.append("notes below")
        made.must_warn = True
        lines = lines + [[]] * draw.randint(0, 1) + [[draw.choice(FOOTERS)]]
    return lines


def _groups(made: SmallFile, width: int) -> list[str]:
    """Labels over the columns 1 to 2 and 3 to the last; the first one stands by itself."""
    labels = ["", "Order", "", "Customer"] + [""] * (width - 4)
    filled = ["", "Order", "Order"] + ["Customer"] * (width - 3)
    made.columns = [f"{group} {name}".strip() for group, name in zip(filled, made.columns, strict=True)]
    return labels


def _as_csv(draw: random.Random, made: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    delimiter = draw.choice((",", ";", "\t", "|", ","))
    quote = draw.choices(('"', "'"), (92, 8))[0]
    every = draw.random() < 0.3
    blank = draw.random() < 0.06
    if quote == "'":
        made.odd.append("single quotes")
        every = True
    if blank:
        made.odd.append("blanks around quotes")
    output = io.StringIO(newline="")
    end = draw.choice(("\n", "\r\n", "\r\n"))
    style = csv.QUOTE_ALL if every or blank else csv.QUOTE_MINIMAL
    width = len(made.rows[0])
    full = draw.random() < 0.3  # titles and notes as wide as the table, as spreadsheets write them
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


def _as_xlsx(draw: random.Random, made: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _as_html(draw: random.Random, made: SmallFile, lines: list[list[str]], encoding: str) -> bytes:
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>\n" for line in lines if line
    )
    charset = "utf-8" if encoding.startswith("utf") else encoding
    known = charset in ("utf-8", "cp1252", "cp1250", "cp1251", "cp1254", "latin-1", "iso8859-2", "iso8859-15")
    charset = charset if known else "utf-8"
    label = charset.replace("cp125", "windows-125").replace("latin-1", "iso-8859-1").replace("iso8859", "iso-8859")
    page = f'<html><head><meta charset="{label}"></head><body><table>\n{rows}</table></body></html>'
    return page.encode(charset, errors="xmlcharrefreplace")


def _as_json(draw: random.Random, made: SmallFile) -> bytes:
    records = [dict(zip(made.columns, row, strict=True)) for row in made.rows]
    if draw.random() < 0.3:
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    return json.dumps(records, ensure_ascii=draw.random() < 0.5, indent=draw.choice((None, 2))).encode()
