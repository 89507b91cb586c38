"""Reading eight times as much takes about eight times as long, for everything that can grow."""

from __future__ import annotations

import io
import json
import math
import random
import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest
import xlwt

from systemscripts.errors import EtlError
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table

TIMES, MAX_TIMES = 8, 12
# Other work on the machine only adds to a time, so the shortest of three counts.
ROUNDS = 3
# Starting and the smallest files take this long, so a shorter time shows nothing about growth.
MIN_SECONDS = 0.06


def _make_record_types(count: int) -> bytes:
    """Return records of four types in turn, as mainframes and EDI systems write them."""
    draw = random.Random(1)
    lines = []
    for number in range(count):
        lines += [
            f"HDR,{number},ACME,2026-01-02",
            f"LIN,{number},A-{draw.randrange(999)},{draw.randrange(99)},pcs,{draw.random():.2f}",
            f"TXT,{number},call first",
            f"SUM,{number},{draw.random():.2f},EUR,open,7,x",
        ]
    return "\n".join(lines).encode()


def _make_csv(count: int, line: str, head: str = "id,name,price\n") -> bytes:
    return (head + "".join(line.replace("N", str(number)) for number in range(count))).encode()


def _make_wide(count: int) -> bytes:
    rows = [
        [f"column {number}" for number in range(count)],
        *([str(number) for number in range(count)] for _ in "abcd"),
    ]
    return "\n".join(",".join(row) for row in rows).encode()


def _make_workbook(count: int, merged: bool) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "name", "price"])
    for number in range(count):
        sheet.append([number, f"name {number}", number / 100])
        if merged:
            sheet.merge_cells(start_row=number + 2, start_column=2, end_row=number + 2, end_column=3)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _make_sheets(count: int) -> bytes:
    book = openpyxl.Workbook()
    for number in range(count):
        sheet = book.create_sheet(f"s{number}")
        sheet.append(["id", f"name {number}"])
        sheet.append([number, "x"])
    del book["Sheet"]
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _make_equal_sheets(count: int) -> bytes:
    """Return a workbook with a fixed number of sheets that have the same columns."""
    book = openpyxl.Workbook()
    for number in range(4):
        sheet = book.create_sheet(f"s{number}")
        for row in [["id", "name"], *([row, f"name {row}"] for row in range(count))]:
            sheet.append(row)
    del book["Sheet"]
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _make_xls(count: int) -> bytes:
    book = xlwt.Workbook()
    sheet, moment = book.add_sheet("List"), xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM")
    for column, name in enumerate(["id", "name", "at"]):
        sheet.write(0, column, name)
    for row in range(1, count + 1):
        sheet.write(row, 0, row)
        sheet.write(row, 1, f"name {row}")
        sheet.write(row, 2, 40_000 + row / 4, moment)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _make_xml_spreadsheet(count: int, attribute: str = "") -> bytes:
    cells = '<Cell{}><Data ss:Type="Number">{}</Data></Cell><Cell><Data ss:Type="String">name {}</Data></Cell>'
    rows = "".join(f"<Row>{cells.format(attribute, number, number)}</Row>" for number in range(count))
    header = '<Row><Cell><Data ss:Type="String">id</Data></Cell><Cell><Data ss:Type="String">name</Data></Cell></Row>'
    begin = (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="List"><Table>'
    )
    return f"{begin}{header}{rows}</Table></Worksheet></Workbook>".encode()


def _make_html(count: int, row: str) -> bytes:
    rows = "".join(row.replace("N", str(number)) for number in range(count))
    return f"<html><table><tr><th>id<th>name</tr>{rows}</table></html>".encode()


def _make_json(count: int, own_keys: bool) -> bytes:
    return json.dumps([{"id": n, f"key {n}" if own_keys else "name": "x"} for n in range(count)]).encode()


# what grows -> the smaller size, and the file of a size
FILES: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "surplus delimiters": (1_500, lambda n: _make_csv(n, 'N,"a, b",1.5,\n')),
    "record types": (450, _make_record_types),
    "repeated headers": (450, lambda n: _make_csv(n, "N,abc,1.5\nN,def,2.5\nid,name,price\n")),
    "headers again over first records": (450, lambda n: _make_csv(n, "1,abc,1.5\nid,name,price\n")),
    "blank rows": (1_500, lambda n: _make_csv(n, "N,abc,1.5\n\n")),
    "rows of delimiters": (1_500, lambda n: _make_csv(n, "N,abc,1.5\n,,\n")),
    "rows of delimiters at the end": (1_500, lambda n: _make_csv(20, "N,abc,1.5\n") + b",,\n" * n),
    "words under values after blank rows": (750, lambda n: _make_csv(n, "N,abc,1.5\n\nno,abc,absent\nN,a,2\n")),
    "ragged rows": (1_000, lambda n: _make_csv(n, "N,abc,1.5\nN,abc\nN,abc,1,2,3,4\n")),
    "stray quotes": (1_500, lambda n: _make_csv(n, 'N,5" pipe,1.5\n')),
    "opening quotes": (750, lambda n: _make_csv(n, 'N,"pipe,1.5\n')),
    "loose quotes": (750, lambda n: _make_csv(n, 'N,"say "N", then, go",1.5\n')),
    "stray quotes in one record": (750, lambda n: b'id,name,price\n1,"' + b'a" b, ' * n + b'",3\n2,b,3\n'),
    "quoted line breaks": (1_500, lambda n: _make_csv(n, 'N,"a\nb",1.5\n')),
    "line breaks in one field": (1_500, lambda n: b'id,name\n1,"' + b"a\n" * n + b'"\n2,b\n'),
    "columns": (200, _make_wide),
    "blank columns": (1_000, lambda n: b"id,name" + b"," * n + b"\n1,a" + b"," * n + b"\n2,b" + b"," * n),
    "equal names": (200, lambda n: b",".join([b"name"] * n) + b"\n" + b",".join([b"1"] * n) + b"\n"),
    "one line": (30_000, lambda n: b"id,name\n1," + b"word " * n + b"\n2,b\n"),
    "accents in one line": (30_000, lambda n: b"id,name\n1," + b"\xe9t\xe9 " * n + b"\n2,b\n"),
    "accents without a break": (2_000, lambda n: b"id,name\n1," + b"\xe9" * n + b"\n2,b\n"),
    "capitals without a break": (2_000, lambda n: b"id,name\n1," + bytes(range(0xC0, 0xD6)) * (n // 20) + b"\n2,b\n"),
    "accents": (2_500, lambda n: b"id,name\n" + b"1,caf\xe9\n" * n),
    "damaged letters": (2_500, lambda n: "id,name\n1,für\n".encode() + b"1,\xfc\xc3\xbc\n" * n),
    "words between spaces": (750, lambda n: _make_csv(n, "N 2026-01-02 some words N 7\n", "id date name qty\n")),
    "blanks in one line": (50_000, lambda n: b"id  name   qty\n1   a   2\n2   b" + b" " * n + b"3\n3   c   4\n"),
    "aligned columns": (1_000, lambda n: _make_csv(n, "N    abc  def     1.5\n", "id   name         price\n")),
    "apostrophes": (1_500, lambda n: _make_csv(n, "'N','O'Brien','it''s'\n", "'id','name','note'\n")),
    "backslashes": (1_500, lambda n: _make_csv(n, '"N","say \\"hi\\"",1\n')),
    "backslashes in one field": (15_000, lambda n: b'id,name\n1,"' + b'\\"' * n + b'"\n2,b\n'),
    "titles": (10, lambda n: b"Some title\n" * n + _make_csv(1000, "N,abc,1.5\n")),
    "notes below": (1_500, lambda n: _make_csv(20, "N,abc,1.5\n") + b"* note\n" * n),
    "long delimiters": (1_500, lambda n: _make_csv(n, "N || abc || 1.5\n", "id || name || price\n")),
    "wrapped lines": (1_000, lambda n: _make_csv(n, '"N,""a, b"",1.5"\n', '"id,""name"",price"\n')),
    "nothing but quotes": (10_000, lambda n: b"id,name\n" + b'"' * n + b"\n"),
    "nothing but delimiters": (10_000, lambda n: b"id,name\n1,2\n" + b"," * n + b"\n3,4\n"),
    "sheet rows": (150, lambda n: _make_workbook(n, merged=False)),
    "merged cells": (125, lambda n: _make_workbook(n, merged=True)),
    "sheets": (10, _make_sheets),
    "rows of all sheets": (40, _make_equal_sheets),
    "xls rows": (300, _make_xls),
    "xml spreadsheet rows": (250, _make_xml_spreadsheet),
    "xml spreadsheet merged": (150, lambda n: _make_xml_spreadsheet(n, ' ss:MergeAcross="1"')),
    "html rows": (1_250, lambda n: _make_html(n, "<tr><td>N<td>abc</tr>")),
    "html merged": (300, lambda n: _make_html(n, "<tr><td rowspan=2>N<td>a</tr><tr><td>b</tr>")),
    "html open tags": (1_250, lambda n: _make_html(n, "<tr><td>N<b><i>x")),
    "html one wide cell": (500, lambda n: _make_html(3, f"<tr><td colspan={n}>N<td>a</tr>")),
    "json records": (1_250, lambda n: _make_json(n, own_keys=False)),
    "json keys": (75, lambda n: _make_json(n, own_keys=True)),
    "json in one text": (25_000, lambda n: json.dumps([{"id": 1, "name": "x\\n" * n}]).encode()),
}  # fmt: skip


@pytest.mark.parametrize("growing", FILES)
def test_eight_times_as_much_costs_no_more_than_twelve_times_the_time(growing: str, tmp_path: Path) -> None:
    size, make = FILES[growing]
    options = ReadingOptions(fill_merged=growing == "merged cells", sheet="all" if "sheets" in growing else None)
    paths = [_write_file(tmp_path / name, make(count)) for name, count in (("small", size), ("large", size * TIMES))]
    small = large = math.inf
    for _ in range(ROUNDS):
        small, large = (
            min(small, _measure_reading_seconds(paths[0], options)),
            min(large, _measure_reading_seconds(paths[1], options)),
        )
        if large < max(small, MIN_SECONDS) * MAX_TIMES:
            return
    pytest.fail(f"{large:.2f} s, for an eighth of it {small:.2f} s")


def test_many_equal_headers_are_named_in_linear_time() -> None:
    begin = time.process_time()
    assert make_column_names(["name"] * 40_000)[-1] == "name_40000"
    assert time.process_time() - begin < 2


def _write_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _measure_reading_seconds(path: Path, options: ReadingOptions) -> float:
    """Return the processor time, including child processes, to read all of a file or to refuse it."""
    begin, others = _measure_used_seconds(), set(threading.enumerate())
    with suppress(EtlError), open_table(path, options) as table:
        for _ in table.blocks():
            pass
        table.content_sha256()
    # The new threads wait for the end of a child.
    for thread in set(threading.enumerate()) - others:
        thread.join(10)
    return _measure_used_seconds() - begin


def _measure_used_seconds() -> float:
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + times.ru_utime + times.ru_stime
