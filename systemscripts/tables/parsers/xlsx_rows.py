"""Reads rows of sheet XML as Excel writes it, many at once: one search with a learned pattern reads a megabyte.

Rows of one sheet are alike: each column has the same few shapes of cells. Rows that the pattern does not match are
split cell by cell, and their shapes are added to the pattern. XML that Excel would not write raises UnusualError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from operator import lt

from systemscripts.tables.parsers.row_chunk import Chunk, choose_filled
from systemscripts.tables.parsers.xlsx_strings import UnusualError, join_text

ROW = re.compile(rb"<row\b([^>]*)>")
ATTRIBUTE = re.compile(r'\b(\w+)="([^"]*)"')
ROW_NUMBER = re.compile(rb'\br="(\d+)"')
CELL = re.compile(rb'<c((?: s="\d+")?) r="([A-Z]{1,3})(\d+)"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
CONTENT = re.compile(
    rb"(<f(?:[^<>]*/>|[^<]*</f>))?(?:<v>([^<]*)</v>|<v ?/>|<v (?:[^>]*)>([^<]*)</v>|<is>(.*)</is>|<is ?/>)?", re.DOTALL
)
MAX_COLUMNS = 16384
# Of the first piece of a sheet: enough rows to see the shapes of its cells.
HEAD_BYTES = 2**14
# A pattern of more shapes would be slow; further rows are split cell by cell.
MAX_SHAPES = 400
# A wider row that the pattern does not match becomes a chunk of its own.
MAX_PATTERN_COLUMNS = 512

FORMULA = rb"<f(?:[^<>]*/>|[^<]*</f>)"
# content -> pattern of the XML between <c ...> and </c>
CONTENTS = {
    "value": rb"<v>([^<]*)</v>",
    "formula": FORMULA + rb"<v>([^<]*)</v>",
    "unsaved": rb"<f(?:[^<>]*/|[^<]*</f)(>)(?:<v></v>|<v ?/>)?",
    "inline": rb"<is><t(?: [^>]*)?>([^<]*)</t></is>",
}


@dataclass(frozen=True)
class Shape:
    """The shape of a cell: its column, its attributes as in the XML, and its content."""

    column: int
    letters: bytes
    # attributes before the reference, and after it
    before: bytes
    after: bytes
    # a key of CONTENTS, "" for a blank cell, "rare" where it has no pattern
    content: str

    @property
    def attributes(self) -> bytes:
        """All attributes except the reference."""
        return self.before + self.after

    def make_pattern(self) -> bytes:
        """Return the pattern of such a cell after its reference."""
        start = re.escape(self.after)
        return start + (rb">" + CONTENTS[self.content] + rb"</c>" if self.content else rb"(?:/>|></c>)")


@dataclass
class RowPattern:
    """The pattern of rows made of the shapes known so far."""

    shapes: dict[Shape, None] = field(default_factory=dict)
    # one for each group of the pattern
    filled: list[Shape] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compile()

    def compile(self) -> None:
        """Build the pattern: the row number, a group for each shape with content, else the whole row."""
        by_column: dict[tuple[int, bytes, bytes], list[Shape]] = {}
        for shape in sorted(self.shapes, key=lambda shape: (shape.column, shape.before)):
            by_column.setdefault((shape.column, shape.letters, shape.before), []).append(shape)
        self.filled = [shape for group in by_column.values() for shape in group if shape.content]
        # |(?!) ends a failed iteration: Python before 3.11.5 does not restore its start (cpython issue 106052).
        cells = [
            rb'(?:<c%s r="%s\1"(?:%s)|(?!))?+' % (before, letters, b"|".join(shape.make_pattern() for shape in group))
            for (_, letters, before), group in by_column.items()
        ]
        self.search = re.compile(rb'<row r="(\d+)"[^>]*>%s</row>|(<row\b.*?</row>)' % b"".join(cells), re.DOTALL)

    def learn(self, seen: set[Shape]) -> None:
        """Add the shapes of rows that did not match, as long as there is room."""
        new = [shape for shape in seen if shape not in self.shapes and shape.content != "rare"]
        if new and len(self.shapes) + len(new) <= MAX_SHAPES:
            self.shapes.update(dict.fromkeys(new))
            self.compile()


Cells = list[tuple[Shape, bytes]]
Convert = Mapping[Shape, Callable[[Sequence[bytes]], list[bytes]]]


def split_pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the XML of the sheet in pieces that end with a row. Raises UnusualError where it has no plain rows."""
    rest = b""
    seen_rows = False
    for data in chunks:
        body, end, rest = (rest + data).rpartition(b"</row>")
        if not end:
            continue
        seen_rows = True
        # one letter is found a hundred times as fast as two
        if b"!" in body and b"<!" in body:
            raise UnusualError("comments, CDATA or a document type in the sheet")
        if not body.isascii():
            # raises UnicodeDecodeError for another encoding, which the general reader handles
            body.decode()
        yield body + end
    if b"<c " in rest or b"<c>" in rest or b":row" in rest:
        raise UnusualError("cells without a plain row")
    if not seen_rows and (b":sheetData" in rest or b"<sheetData" not in rest):
        raise UnusualError("no plain sheet data")


def read_piece(body: bytes, pattern: RowPattern, convert: Convert, last_row: int) -> Iterator[Chunk]:
    """Yield the rows of one piece; `last_row` is the number of the row before them. The pattern learns new shapes."""
    # from few rows first, because cell by cell takes ten times as long
    head = body.find(b"</row>", HEAD_BYTES) + len(b"</row>") if not pattern.shapes else 0
    for part in (body[:head], body[head:]) if len(b"</row>") < head < len(body) else (body,):
        for chunk in _read_rows(part, pattern, convert, last_row):
            last_row = chunk.rows[-1]
            yield chunk


def _read_rows(body: bytes, pattern: RowPattern, convert: Convert, last_row: int) -> Iterator[Chunk]:
    matches = pattern.search.findall(body)
    if len(matches) != body.count(b"</row>"):
        raise UnusualError("rows written in an unusual way")
    numbers, *groups, unknown = zip(*matches, strict=True)
    split_rows = {index: _split_row(piece) for index, piece in enumerate(unknown) if piece} if any(unknown) else {}
    rows = _number_rows(numbers, split_rows, last_row)
    wide = [index for index, (_, cells) in split_rows.items() if cells and cells[-1][0].column > MAX_PATTERN_COLUMNS]
    bounds = sorted({0, len(rows), *wide, *(index + 1 for index in wide)})
    filled = pattern.filled
    # before the first chunk, after which some readers stop
    if split_rows:
        pattern.learn({shape for _, cells in split_rows.values() for shape, _ in cells})
    for start, end in pairwise(bounds):
        parts = [group[start:end] for group in groups] if wide else groups
        patches = (
            {index - start: split_rows[index][1] for index in range(start, end) if index in split_rows}
            if split_rows
            else {}
        )
        yield Chunk(rows[start:end], _make_columns(filled, parts, patches, convert, end - start))


def _number_rows(numbers: Sequence[bytes], split_rows: dict[int, tuple[int, Cells]], last_row: int) -> list[int]:
    """Return the row numbers; a row without one follows the row before it. Raises UnusualError for a wrong order."""
    if not split_rows:
        rows = list(map(int, numbers))
    else:
        rows = []
        for index, number in enumerate(numbers):
            rows.append(int(number) if number else split_rows[index][0] or (rows[-1] if rows else last_row) + 1)
    grows = rows == list(range(rows[0], rows[0] + len(rows))) or all(map(lt, rows, rows[1:]))
    if rows[0] <= last_row or not grows:
        raise UnusualError("rows out of order")
    return rows


def _split_row(piece: bytes) -> tuple[int, Cells]:
    """Return number (0 where it has none) and cells of one row, cell by cell."""
    # Empty rows without an end tag may precede it.
    start = piece.rfind(b"<row")
    opened = ROW.match(piece, start)
    if opened is None:
        raise UnusualError("a row written in an unusual way")
    number_match = ROW_NUMBER.search(opened.group(1))
    number = int(number_match.group(1)) if number_match else 0
    cells = [_parse_cell(match, number) for match in CELL.finditer(piece, opened.end())]
    if len(cells) != piece.count(b"<c ", start) + piece.count(b"<c>", start):
        raise UnusualError("cells written in an unusual way")
    columns = [shape.column for shape, _ in cells]
    if not all(map(lt, columns, columns[1:])):
        raise UnusualError("cells out of order")
    return number, cells


def _parse_cell(match: re.Match[bytes], row: int) -> tuple[Shape, bytes]:
    before, letters, number, after, inner = match.groups()
    if row and int(number) != row:
        raise UnusualError("a cell whose reference names another row")
    content, value = _parse_content(inner or b"", b't="str"' in after)
    if content == "value" and inner and not inner.startswith(b"<v>"):
        content = "rare"
    return Shape(parse_column(letters), letters, before, after, content), value


def _parse_content(inner: bytes, is_text: bool) -> tuple[str, bytes]:
    """Return the content of a cell (a key of CONTENTS, "" or "rare"), and its value as in the XML."""
    if not inner:
        return "", b""
    match = CONTENT.fullmatch(inner)
    if match is None:
        raise UnusualError("a cell written in an unusual way")
    formula, value, attributed, inline = match.groups()
    if inline is not None:
        return ("inline" if inline.count(b"<") == 2 else "rare"), join_text(inline)
    value = value or attributed or b""
    if formula and not value:
        return ("rare", b"") if is_text else ("unsaved", b">")
    return ("formula" if formula else "value"), value


def _make_columns(
    filled: list[Shape], groups: Sequence[Sequence[bytes]], patches: dict[int, Cells], convert: Convert, count: int
) -> dict[int, list[bytes]]:
    columns: dict[int, list[bytes]] = {}
    for shape, values in zip(filled, groups, strict=True):
        if any(values):
            fields, others = convert[shape](values), columns.get(shape.column)
            columns[shape.column] = fields if others is None else list(map(choose_filled, fields, others))
    for index, cells in patches.items():
        for shape, value in cells:
            if value:
                columns.setdefault(shape.column, [b""] * count)[index] = convert[shape]((value,))[0]
    return columns


@cache
def parse_column(letters: bytes) -> int:
    """Return the number from 0 of a column: A, B ... Z, AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    if not 0 < number <= MAX_COLUMNS:
        raise UnusualError(f"column {letters.decode()}")
    return number - 1
