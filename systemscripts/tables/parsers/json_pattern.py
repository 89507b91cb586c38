"""Reads JSON objects that are written alike, thousands at once: one search with a learned pattern.

The pattern is made of the first objects: their keys in their order, each with the forms of values seen. What it does
not match is decoded object by object, and learned. Keys are part of the pattern, so an object that it matches has each
key once; numbers are taken as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from systemscripts.tables.parsers import json_blocks, value_columns
from systemscripts.tables.parsers.json_stream import CHUNK_LETTERS, DECODER, write_json
from systemscripts.tables.parsers.json_text import JsonText
from systemscripts.tables.parsers.row_chunk import choose_filled
from systemscripts.tables.parsers.value_columns import SEPARATOR

# That are decoded one by one before the first pattern is made: most files have used all their keys and forms by then.
ROWS_TO_LEARN = 50
# A pattern of more keys, or one that changes all the time, would take longer than it saves.
MAX_MEMBERS = 1000
MAX_CHANGES = 20
# where objects of two patterns take turns
LEAST_LETTERS = 2**12
# Read before DuckDB reads blocks: the header is written by then, with nearly all keys.
ROWS_BEFORE_BLOCKS = 5000
# Below this, starting DuckDB takes longer than it saves.
MIN_BLOCKS_BYTES = 8 * 2**20
# After a block with an object that is written in another way.
ROWS_BETWEEN_TRIES, MAX_TRIES = 20_000, 20

SPACE = r"[ \t\r\n]*+"
# |(?!) ends a failed round: Python before 3.11.5 does not restore its start (cpython issue 106052).
TEXT = r'[^"\\\n]*+(?:\\["\\/bfnrtu][^"\\\n]*+|(?!))*+'
FLAT = rf'[\[{{](?:[^\[\]{{}}"\n]++|"{TEXT}"|(?!))*+[\]}}]'
# form -> the pattern of its value, and what stands around it
FORMS = {
    "text": (TEXT, '"'),
    "bare": (r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false", ""),
    "nested": (rf'[\[{{](?:[^\[\]{{}}"\n]++|"{TEXT}"|{FLAT}|(?!))*+[\]}}]', ""),
}
VALUE = "|".join([*(f"{around}(?P<{form}>{value}){around}" for form, (value, around) in FORMS.items()), "null"])
MEMBER = re.compile(rf'({SPACE}[{{,]{SPACE}"([^"\\]*+)"{SPACE}:{SPACE})(?:{VALUE})')
END = re.compile(rf"{SPACE}\}}")
# Between two objects of an array, and between two lines.
COMMA = rf"{SPACE},{SPACE}"
LINE_END = r"[ \t]*+,?+[ \t]*+\r?+\n"
ESCAPES = {
    r"\"": '"', r"\n": "\n", r"\/": "/", r"\r": "\r", r"\t": "\t", r"\b": "\b", r"\f": "\f",
}  # fmt: skip


@dataclass
class Member:
    """One key with its punctuation as it is written, `start`, and the forms of values that were seen.

    is_sure: the last number is one that DuckDB returns as it is written.
    """

    start: str
    key: str
    forms: dict[str, None]
    is_required: bool
    is_sure: bool = field(default=True, compare=False)

    def make_pattern(self) -> str:
        """Return the pattern of the key and its value, with a group for each form."""
        values = [f"{around}({value}){around}" for value, around in map(FORMS.__getitem__, self.forms)]
        text = f"{re.escape(self.start)}(?:{'|'.join([*values, 'null'])})"
        return text if self.is_required else f"(?:{text}|(?!))?+"


@dataclass(frozen=True)
class PlainObjects:
    """Objects that the pattern matched: for each a tuple with a value for each group, "" where it has none."""

    values: list[tuple[str, ...]]
    # key and form of each group
    groups: list[tuple[str, str]]

    @property
    def count(self) -> int:
        """The number of objects."""
        return len(self.values)

    def make_columns(self) -> Mapping[str, list[bytes]]:
        """Return the CSV fields of each key. Raises ValueError where a value is not JSON."""
        columns: dict[str, list[bytes]] = {}
        for (key, form), texts in zip(self.groups, zip(*self.values, strict=True), strict=False):
            fields, others = FIELDS[form](texts), columns.get(key)
            # a value has one form, so the others are blank
            columns[key] = fields if others is None else list(map(choose_filled, fields, others))
        return columns


@dataclass
class ObjectPattern:
    """The pattern of the objects known so far; `between`: what stands between two of them. `columns`: all keys."""

    between: str
    columns: Mapping[str, int] = field(default_factory=dict)
    _members: list[Member] = field(default_factory=list)
    _end: str = ""
    _rows: int = 0
    _changes: int = 0
    _is_changed: bool = False
    _search: re.Pattern[str] | None = None
    _letters: int = CHUNK_LETTERS
    _objects: int = 0
    _unsure: set[str] = field(default_factory=set)
    _tries: int = 0
    _next_try: int = field(default_factory=lambda: ROWS_BEFORE_BLOCKS)

    def learn(self, text: str) -> None:
        """Add the keys and forms of values of one object; not where it is nested deeply or its keys are in disorder."""
        self._rows += 1
        self._objects += 1
        is_broken = self.between == LINE_END and "\n" in text
        if is_broken or self._changes > MAX_CHANGES or (self._rows > ROWS_TO_LEARN and not self._members):
            return
        seen, end = _split_object(text)
        self._unsure.update(member.key for member in seen if not member.is_sure)
        members = self._merge(seen) if end == self._end or not self._members else []
        if members and members != self._members and len(members) <= MAX_MEMBERS:
            self._members, self._end, self._is_changed = members, end, True

    def match(self, window: str, position: int) -> tuple[PlainObjects, int] | None:
        """Return the objects that follow a position as far as the pattern matches, and where the last one ends."""
        if self._is_changed and self._rows >= ROWS_TO_LEARN:
            self._compile()
        if self._search is None:
            return None
        end = min(position + self._letters, len(window))
        values = self._search.findall(window, position, end)
        if values and (rest := values[-1][-1]):
            values.pop()
            end -= len(rest)
        # the rest is copied, so less is tried where it often begins early
        self._letters = min(max(2 * (end - position), LEAST_LETTERS), CHUNK_LETTERS)
        groups = [(member.key, form) for member in self._members for form in member.forms]
        self._objects += len(values)
        return (PlainObjects(values, groups), end) if values else None

    def choose_blocks(self, window: str, position: int, text: JsonText) -> json_blocks.BlockReader | None:
        """Return a reader by DuckDB of the objects that follow a position; None where it is not worthwhile."""
        if self._objects < self._next_try or self._tries == MAX_TRIES or text.bytes_left < MIN_BLOCKS_BYTES:
            return None
        between = re.compile(rf"({self.between})\{{").match(window, position)
        if not between or not text.is_utf8 or not json_blocks.is_possible(self.columns):
            return None
        if any(len(member.forms) > 1 or "nested" in member.forms for member in self._members):
            return None
        # numbers of another form may have been the reason to come back
        is_sure = not self._tries
        members = [
            json_blocks.PlainMember(
                # the brace is in front of all objects
                member.start if number else member.start[1:],
                member.key, "text" in member.forms, is_sure and member.key not in self._unsure, member.is_required,
            )
            for number, member in enumerate(self._members)
        ]  # fmt: skip
        self._next_try = self._objects + ROWS_BETWEEN_TRIES * self._tries
        self._tries += 1
        return json_blocks.BlockReader(members, self._end, between[1], list(self.columns)) if members else None

    def _compile(self) -> None:
        objects = self.between + "".join(map(Member.make_pattern, self._members)) + re.escape(self._end)
        # an empty group, so that there is always a tuple, and one for all that follows the last object
        self._search = re.compile(rf"{objects}()|([\s\S]++)")
        self._is_changed = False
        self._changes += 1

    def _merge(self, seen: list[Member]) -> list[Member]:
        """Return the known members with those of another object; [] where their order or punctuation is another one."""
        keys = {member.key for member in seen}
        if len(keys) < len(seen) or not self._members:
            return seen if len(keys) == len(seen) else []
        result = [
            Member(known.start, known.key, dict(known.forms), known.is_required and known.key in keys)
            for known in self._members
        ]
        known_keys = {member.key for member in result}
        at = 0
        for member in seen:
            if member.key not in known_keys:
                result.insert(at, Member(member.start, member.key, member.forms, is_required=False))
            else:
                while at < len(result) and result[at].start != member.start:
                    at += 1
                if at == len(result):
                    return []
                result[at].forms |= member.forms
            at += 1
        # its punctuation begins the object
        return result if result[0].is_required else []


def _split_object(text: str) -> tuple[list[Member], str]:
    """Return the members of an object and how it ends; none where the pattern cannot have one of them."""
    members: list[Member] = []
    position = 0
    while match := MEMBER.match(text, position):
        forms = [form for form in FORMS if match[form] is not None]
        is_sure = match["bare"] is None or json_blocks.SURE_NUMBER.fullmatch(match["bare"]) is not None
        members.append(Member(match[1], match[2], dict.fromkeys(forms), is_required=True, is_sure=is_sure))
        position = match.end()
    return (members, text[position:]) if END.fullmatch(text, position) else ([], "")


def _format_texts(texts: Sequence[str]) -> list[bytes]:
    column = SEPARATOR.join(texts)
    if "\\" not in column:
        return value_columns.format_texts(texts)
    if r"\u" not in column and r"\\" not in column and column.count(SEPARATOR) == len(texts) - 1:
        for escape, letter in ESCAPES.items():
            # one letter is found a hundred times as fast as two
            if "\\" in column:
                column = column.replace(escape, letter)
        return value_columns.format_texts(column.split(SEPARATOR))
    return value_columns.format_texts([DECODER.decode(f'"{text}"') if "\\" in text else text for text in texts])


def _format_bare(texts: Sequence[str]) -> list[bytes]:
    return "\n".join(texts).encode().split(b"\n")


def _format_nested(texts: Sequence[str]) -> list[bytes]:
    return value_columns.format_texts([write_json(DECODER.decode(text)) if text else "" for text in texts])


FIELDS: dict[str, Callable[[Sequence[str]], list[bytes]]] = {
    "text": _format_texts, "bare": _format_bare, "nested": _format_nested,
}  # fmt: skip
