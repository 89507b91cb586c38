"""Reads rows of ODS from their bytes, many at once: one search with a learned pattern reads a megabyte.

Rows of one sheet are alike: the same tags, of which only the values differ. A row that the pattern does not match is
parsed as XML, and its tags are added to the pattern. What spreadsheet programs do not write raises UnusualError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Protocol
from xml.etree import ElementTree

from systemscripts.tables.parsers import column_fields, xlsx_parallel
from systemscripts.tables.parsers.ods_pattern import ATTRIBUTE, ENTITIES, TABLE, TABLE_NAME, RowPattern, Tag
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows, GrowingColumns, choose_filled, quote_fields
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS, format_texts
from systemscripts.tables.parsers.xlsx_strings import UnusualError

PIECE_BYTES = 2**20
# Of the first piece: enough rows to see their tags.
HEAD_BYTES = 2**14
# Comments, CDATA, instructions, and namespaces below the first element.
UNUSUAL = ((b"!", b"<!"), (b"?", b"<?"), (b"]", b"]]>"))
# found from the end in half of the time
NAMESPACES = b"xmlns"
CONTROL_LETTERS = bytes(set(range(32)) - set(b"\t\n\r"))
ROOT = re.compile(rb"\s*(?:<\?xml [^<>]*\?>)?\s*(<office:document-content\b[^<>]*>)")
OTHER_ENCODING = re.compile(rb"""<\?xml [^<>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)
NAMESPACE = re.compile(rb'\sxmlns:[\w-]+="[^"]*"')
TABLE_NAMESPACE = re.compile(rb'\sxmlns(?::([\w-]+))?="urn:oasis:names:tc:opendocument:xmlns:table:1.0"')

Convert = Callable[[Sequence[bytes]], list[bytes]]
Counts = Callable[[], tuple[int, int]]
AddCounts = Callable[[int, int], None]


class Table(Protocol):
    """The sheet, which knows how values are shown."""

    def read_cells(self, row: ElementTree.Element, line: int, columns: list[str]) -> list[str]:
        """Return the texts of one row."""

    def format_value(self, values: dict[str, str], shown: str, style: str) -> str:
        """Return the text of a cell by its attributes, its text and its style."""

    def is_number(self, values: dict[str, str], style: str) -> bool:
        """Return whether a cell is shown as a number without zeros before it."""


class RowReader:
    """Reads one sheet, `number` from 0, from the content of the file; `pattern`: what was learned of it before."""

    def __init__(self, table: Table, number: int, pattern: RowPattern) -> None:
        self._table, self._number = table, number
        self._pattern = pattern
        self._columns: list[str] = []
        self._converters: dict[tuple[Tag, str], Convert] = {}
        self._done = GrowingColumns()
        self._line, self._has_rows = 1, False
        self._seen, self._depth = -1, 0
        self._root = b""
        # rows of the pieces before, where the pieces are shared
        self._above = 0

    def read(self, stream: IO[bytes]) -> Iterator[Chunk]:
        """Yield the rows of the sheet. Raises UnusualError where the content is written in another way."""
        for piece in self._read_pieces(stream):
            yield from self._read_piece(piece)
            if len(self._done.rows) >= MAX_CHUNK_ROWS:
                yield self._done.take()
            if self._seen > self._number:
                break
        else:
            if self._depth:
                raise UnusualError("a table without its end")
        if self._done.rows:
            yield self._done.take()

    def read_csv(
        self, stream: IO[bytes], left: int, right: int, counts: Counts, add_counts: AddCounts
    ) -> Iterator[CsvRows]:
        """Yield the same rows of the only sheet as CSV of these columns, by two processes."""
        for rows in xlsx_parallel.share_pieces(
            self._read_pieces(stream), lambda piece: self._prepare(piece, left, right), counts, add_counts
        ):
            if not rows.first:
                # the end of a piece, whose rows are counted from 1
                self._above += rows.last
                continue
            above = self._above
            runs = [(first + above, count, content) for first, count, content in rows.csv_runs]
            yield CsvRows(rows.first + above, rows.last + above, rows.left, rows.right, runs)

    def _prepare(self, piece: bytes, left: int, right: int) -> list[CsvRows]:
        """Return the rows of a piece, and at its end how many they are."""
        self._line = 1
        chunks = list(self._read_piece(piece))
        if self._done.rows:
            chunks.append(self._done.take())
        return [*(chunk.to_csv(left, right) for chunk in chunks), CsvRows(0, self._line - 1, 0, 0, [])]

    def _read_piece(self, piece: bytes) -> Iterator[Chunk]:
        """Add the rows of a piece; yield chunks where a row is repeated often."""
        matches = self._pattern.search.findall(self._check(piece))
        if not matches:
            return
        *groups, _, rows, columns, tables = zip(*matches, strict=True)
        others = [at for at, parts in enumerate(zip(rows, columns, tables, strict=True)) if any(parts)]
        groups_known, start = self._pattern.groups, 0
        for at in [*others, len(matches)]:
            if at > start and self._seen == self._number and self._depth == 1:
                self._add_rows(groups_known, [group[start:at] for group in groups], at - start)
            start = at + 1
            if at < len(matches):
                yield from self._add_other(rows[at], columns[at], tables[at])
            if self._seen > self._number:
                return
        if self._seen == self._number:
            self._pattern.learn([row for row in rows if row])

    def _read_pieces(self, stream: IO[bytes]) -> Iterator[bytes]:
        """Yield the content in pieces that end with a row."""
        rest, body_at = b"", 0
        end = b"</table:table-row>"
        while data := stream.read(PIECE_BYTES if self._root else HEAD_BYTES):
            body, end_tag, rest = (rest + data).rpartition(end)
            if not end_tag:
                continue
            body_at = 0 if self._root else self._check_root(body)
            yield body[body_at:] + end
        if not self._root or b"</office:document-content>" not in rest:
            raise UnusualError("the content is not complete")
        yield rest

    def _check_root(self, head: bytes) -> int:
        root = ROOT.match(head)
        if root is None or OTHER_ENCODING.match(head) or TABLE_NAMESPACE.findall(root[1]) != [b"table"]:
            raise UnusualError("an unusual root")
        self._root = b"".join(NAMESPACE.findall(root[1]))
        return root.end()

    def _check(self, piece: bytes) -> bytes:
        _refuse_unusual(piece)
        if len(piece.translate(None, CONTROL_LETTERS)) < len(piece):
            raise UnusualError("control letters")
        if not piece.isascii():
            # raises UnicodeDecodeError for another encoding, which the general reader handles
            piece.decode()
        return piece

    def _add_other(self, row: bytes, column: bytes, table: bytes) -> Iterator[Chunk]:
        if table:
            is_start, is_whole = not table.startswith(b"</"), table.endswith(b"/>")
            self._depth += (is_start and not is_whole) - (not is_start)
            self._seen += is_start and self._depth == (0 if is_whole else 1)
            if self._depth > 1:
                raise UnusualError("a table within a table")
        elif self._seen != self._number or self._depth != 1:
            return
        elif b"<table:table>" in row or b"<table:table " in row:
            raise UnusualError("a table within a row")
        elif column:
            if self._has_rows:
                raise UnusualError("columns below rows")
            element = self._parse(column if column.endswith(b"/>") else column + b"</table:table-column>")
            values = {key.rpartition("}")[2]: value for key, value in element.items()}
            repeated = values.get("number-columns-repeated", "")
            times = min(int(repeated) if repeated.isdecimal() else 1, 2**14)
            self._columns += [values.get("default-cell-style-name", "")] * times
        else:
            yield from self._add_row(self._parse(row))

    def _parse(self, text: bytes) -> ElementTree.Element:
        return ElementTree.fromstring(b"<root%s>%s</root>" % (self._root, text))[0]

    def _add_row(self, element: ElementTree.Element) -> Iterator[Chunk]:
        """Add one row as often as it is repeated."""
        self._has_rows = True
        values = {key.rpartition("}")[2]: value for key, value in element.items()}
        repeated = values.get("number-rows-repeated", "")
        times = int(repeated) if repeated.isdecimal() else 1
        fields = format_texts(self._table.read_cells(element, self._line, self._columns))
        end = self._line + times
        while fields and self._line < end:
            count = min(end - self._line, MAX_CHUNK_ROWS)
            rows = range(self._line, self._line + count)
            self._done.add(rows, {column: [text] * count for column, text in enumerate(fields)})
            self._line += count
            if count == MAX_CHUNK_ROWS:
                yield self._done.take()
        self._line = end

    def _add_rows(self, known: list[tuple[int, Tag]], groups: list[Sequence[bytes]], count: int) -> None:
        """Add rows that the pattern matched."""
        self._has_rows = True
        columns: dict[int, list[bytes]] = {}
        for (column, tag), values in zip(known, groups, strict=True):
            if not any(values):
                continue
            for at in range(column, column + tag.repeats):
                fields, others = self._get_converter(tag, at)(values), columns.get(at)
                columns[at] = fields if others is None else list(map(choose_filled, fields, others))
        self._done.add(range(self._line, self._line + count), columns)
        self._line += count

    def _get_converter(self, tag: Tag, column: int) -> Convert:
        default = self._columns[column] if column < len(self._columns) else ""
        if (tag, default) not in self._converters:
            values = tag.values
            style = values.get("style-name") or default
            if tag.stored in ("", "string-value"):
                convert: Convert = _format_texts
            elif self._table.is_number(values, style):
                convert = column_fields.format_numbers
            else:
                convert = _CachedValues(self._table, tag, style).convert
            self._converters[tag, default] = convert
        return self._converters[tag, default]


class _CachedValues(dict[bytes, bytes]):
    """Stored value -> its CSV field: dates repeat."""

    def __init__(self, table: Table, tag: Tag, style: str) -> None:
        super().__init__({b"": b""})
        self._table, self._tag, self._values, self._style = table, tag, tag.values, style

    def __missing__(self, value: bytes) -> bytes:
        text = self._table.format_value(self._values | {self._tag.stored: value.decode()}, "\x18", self._style)
        if "\x18" in text:
            raise UnusualError("a value that its type cannot have")
        self[value] = quote_fields([text.encode()])[0]
        return self[value]

    def convert(self, values: Sequence[bytes]) -> list[bytes]:
        """Return the CSV fields of one column."""
        if len(self) > column_fields.MAX_CACHED_VALUES:
            self.clear()
            self[b""] = b""
        return list(map(self.__getitem__, values))


def _format_texts(values: Sequence[bytes]) -> list[bytes]:
    joined = b"\0".join(values)
    if b"&" in joined:
        for entity, letter in ENTITIES:
            joined = joined.replace(entity, letter)
        values = joined.split(b"\0")
    return quote_fields(values)


def _refuse_unusual(piece: bytes) -> None:
    # one letter is found a hundred times as fast as two
    if any(letter in piece and tag in piece for letter, tag in UNUSUAL) or piece.rfind(NAMESPACES) >= 0:
        raise UnusualError("comments, CDATA, instructions or further namespaces")


def list_tables(stream: IO[bytes]) -> list[tuple[str, str]]:
    """Return name and style of each table. Raises UnusualError where the content is written in another way."""
    tables: list[tuple[str, str]] = []
    rest, depth, is_first = b"", 0, True
    while data := stream.read(PIECE_BYTES):
        body, _, rest = (rest + data).rpartition(b"<")
        rest = b"<" + rest
        root = ROOT.match(body) if is_first else None
        if is_first and (root is None or TABLE_NAMESPACE.findall(root[1]) != [b"table"] or OTHER_ENCODING.match(body)):
            raise UnusualError("an unusual root")
        body, is_first = body[root.end() :] if root else body, False
        _refuse_unusual(body)
        # the search for all of a tag takes ten times as long
        for tag in re.findall(TABLE, body) if TABLE_NAME.search(body) else ():
            is_start, is_whole = not tag.startswith(b"</"), tag.endswith(b"/>")
            depth += (is_start and not is_whole) - (not is_start)
            if is_start and depth == (0 if is_whole else 1):
                values: dict[bytes, bytes] = {}
                for _, local, value in ATTRIBUTE.findall(tag):
                    values.setdefault(local, value)
                if b"&" in tag or b"'" in tag:
                    raise UnusualError("a name with special letters")
                tables.append((values.get(b"name", b"").decode(), values.get(b"style-name", b"").decode()))
    if depth or b"</office:document-content>" not in rest:
        raise UnusualError("the content is not complete")
    return tables
