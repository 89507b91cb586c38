"""Writes blocks of JSON objects that are written alike as CSV, by DuckDB.

It tests each object with the learned pattern, so that each key is there once and each number is one that DuckDB writes
as it was sent; other numbers are cut out of the text. A block with any other object is given back.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from systemscripts.duck import quote_identifier, quote_literal
from systemscripts.tables.parsers import confined_duckdb
from systemscripts.tables.parsers.json_text import JsonText

# Large enough that planning a query does not count, small enough for the memory of several.
BLOCK_BYTES = 4 * 2**20
# One block for each processor, and as many that are ready.
THREADS, MAX_WAITING = 2, 4
# An object without the known separator within this is left to the general reader.
MAX_UNCUT_BYTES = 4 * BLOCK_BYTES

HEX = "[0-9a-fA-F]"
# no zero, which is left out, and no half of a surrogate pair
UNIT = rf"[1-9a-cA-CefEF]{HEX}{{3}}|[dD][0-7]{HEX}{{2}}|0[1-9a-fA-F]{HEX}{{2}}|00[1-9a-fA-F]{HEX}|000[1-9a-fA-F]"
PAIR = rf"[dD][89abAB]{HEX}{{2}}\\u[dD][c-fC-F]{HEX}{{2}}"
TEXT = rf'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:{UNIT}|{PAIR}))*"'
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false"
# That DuckDB returns as they are written: up to 15 digits, without an exponent or zeros at the end.
SURE = (
    r"0|-?[1-9][0-9]{0,17}|-?[1-9][0-9]{0,8}\.(?:0|[0-9]{0,5}[1-9])|-?0\.(?:0|0{0,3}[1-9](?:[0-9]{0,9}[1-9])?)"
    r"|true|false"
)
SURE_NUMBER = re.compile(SURE)
NEEDS_QUOTES = " or ".join(f"contains({{0}}, {letter})" for letter in ("','", "'\"'", "chr(10)", "chr(13)"))


@dataclass(frozen=True)
class PlainMember:
    """One key: how it begins in an object, whether its values are texts, and whether all its numbers are sure."""

    start: str
    key: str
    is_text: bool
    is_sure: bool
    is_required: bool

    def make_pattern(self) -> str:
        """Return the pattern of the key and its value."""
        value = TEXT if self.is_text else SURE if self.is_sure else NUMBER
        return f"(?:{re.escape(self.start)}(?:{value}|null)){'' if self.is_required else '?'}"

    def make_field(self) -> str:
        """Return the expression of its CSV field."""
        field = f"decoded.{quote_identifier(self.key)}"
        if self.is_text:
            needs_quotes = NEEDS_QUOTES.format(field)
            field = f"case when {needs_quotes} then '\"' || replace({field}, '\"', '\"\"') || '\"' else {field} end"
        elif not self.is_sure:
            # what follows the key up to the next comma, as it is written
            cut = f"split_part(split_part(members, {quote_literal(self.start)}, 2), ',', 1)"
            field = f"nullif(rtrim({cut}, E' \\t\\r\\n'), 'null')"
        return f"coalesce({field}, '')"


@dataclass(frozen=True)
class PlainRows:
    """So many objects as lines of CSV, and the line feeds of the file in them."""

    count: int
    csv: bytes
    line_feeds: int


class BlockReader:
    """Reads objects of these members; `between` stands between two of them, `end` before it. `columns`: in order."""

    def __init__(self, members: Sequence[PlainMember], end: str, between: str, columns: Sequence[str]) -> None:
        self._between = f"{between}{{".encode()
        self._separator = end.encode() + self._between
        self._query = _make_query(members, self._separator.decode(), columns)
        self._connection = confined_duckdb.connect()
        # what follows the last block
        self._kept = b""

    def read(self, text: JsonText) -> Iterator[PlainRows]:
        """Yield the objects that follow another, as long as all of a block are written so; the rest is given back."""
        text.read_bytes(len(self._between))
        blocks = self._cut_blocks(text)
        waiting: deque[tuple[bytes, Future[tuple[int, bytes] | None]]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            while True:
                while len(waiting) < MAX_WAITING and (block := next(blocks, None)) is not None:
                    waiting.append((block, pool.submit(self._convert, block)))
                converted = waiting[0][1].result() if waiting else None
                if converted is None:
                    break
                block, _ = waiting.popleft()
                yield PlainRows(*converted, block.count(b"\n") + self._between.count(b"\n"))
        text.give_back(self._between + self._separator.join([*(block for block, _ in waiting), self._kept]))

    def _cut_blocks(self, text: JsonText) -> Iterator[bytes]:
        """Yield the members of objects, with separators between two objects only."""
        while len(self._kept) < MAX_UNCUT_BYTES and (content := text.read_bytes(BLOCK_BYTES)):
            content = self._kept + content
            block, separator, self._kept = content.rpartition(self._separator)
            if separator:
                yield block

    def _convert(self, block: bytes) -> tuple[int, bytes] | None:
        """Return the number of objects and their CSV; None where one of them is written in another way."""
        import duckdb

        try:
            row = self._connection.cursor().execute(self._query, [block]).fetchone()
        # the last one: a message of DuckDB may end within a letter
        except (duckdb.Error, MemoryError, UnicodeDecodeError):
            return None
        return (row[1], row[2]) if row and row[0] else None


def _make_query(members: Sequence[PlainMember], separator: str, columns: Sequence[str]) -> str:
    """Return the query from a block to: whether all objects match, their number, their CSV."""
    fields = {member.key: member.make_field() for member in members}
    row = ", ".join(fields.get(column, "''") for column in columns)
    structure = quote_literal(json.dumps(dict.fromkeys(fields, "VARCHAR"), ensure_ascii=False))
    pattern = quote_literal("".join(member.make_pattern() for member in members))
    objects = f"select unnest(string_split(decode($1), {quote_literal(separator)})) as members"
    return (
        f"select bool_and(regexp_full_match(members, {pattern})), count(*),"
        f" encode(string_agg(concat_ws(',', {row}), chr(10)) || chr(10))"
        f" from (select members, from_json('{{' || members || '}}', {structure}) as decoded from ({objects}))"
    )


def is_possible(columns: Mapping[str, int]) -> bool:
    """Return whether these names can be those of a structure; one column alone would need quotes where it is blank."""
    names = {name.casefold() for name in columns}
    return 1 < len(columns) == len(names) and "" not in names and "\0" not in "".join(names)
