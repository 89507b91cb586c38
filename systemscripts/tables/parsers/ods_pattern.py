"""The pattern of rows of ODS: tags as they are written, of which only the values differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

# A pattern of more would be slow; further rows are parsed as XML.
MAX_LAYOUTS = 8
MAX_TAGS = 6
MAX_CELLS = 2000
# A value that is repeated further is parsed as XML.
MAX_REPEATS = 64
ATTRIBUTES = rb"""(?:[^<>"'/]++|"[^"<]*+"|'[^'<]*+'|(?!))*+"""
# |(?!) ends a failed round: Python before 3.11.5 does not restore its start (cpython issue 106052).
TEXT = rb"[^<&\r]*+(?:&(?:lt|gt|amp|quot|apos);[^<&\r]*+|(?!))*+"
ENTITIES = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&"))
TABLE = rb"</?table:table(?=[ \n/>])%s/?>" % ATTRIBUTES
# a table, not its rows
TABLE_NAME = re.compile(rb":table(?![-\w])")
OTHERS = rb"(<table:table-row(?=[\s/>])(?:%s/>|.*?</table:table-row>))|(<table:table-column(?=[\s/>])%s/?>)|(%s)" % (
    ATTRIBUTES,
    ATTRIBUTES,
    TABLE,
)
ROW_TAG = rb'<table:table-row(?: table:(?:style-name|visibility)="[^"<]*+"|(?!))*+>'
ATTRIBUTE = re.compile(rb' ((?:[\w-]+:)?([\w-]+))="([^"<\t\n\r]*+)"')
CELL = re.compile(
    rb'<table:(covered-|)table-cell((?: [\w:-]+="[^"<\t\n\r]*+")*+)(?:/>|>(?:<text:p((?: [\w:-]+="[^"<]*+")*+)>(%s)'
    rb"</text:p>|<text:p/>|)</table:\1table-cell>)" % TEXT
)
# value type -> the attribute of its value, and what it may contain
STORED = {
    **dict.fromkeys(("float", "percentage", "currency"), ("value", rb"[-+0-9.eE]++")),
    "date": ("date-value", rb"[-0-9T:.Z]++"), "time": ("time-value", rb"[-0-9PTDHMS.,]++"),
    "boolean": ("boolean-value", rb'[^"&<\t\n\r]*+'), "string": ("string-value", rb'[^"&<\t\n\r]*+'),
}  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """How cells begin whose values differ: `stored`, the attribute of the value, "" where their text is the value."""

    covered: bytes
    attributes: bytes
    paragraph: bytes
    stored: str

    @property
    def values(self) -> dict[str, str]:
        """The attributes by their local names."""
        return {match[2].decode(): match[3].decode() for match in ATTRIBUTE.finditer(self.attributes)}

    @property
    def repeats(self) -> int:
        """How many columns such a cell fills."""
        repeated = self.values.get("number-columns-repeated", "")
        return int(repeated) if repeated.isdecimal() else 1

    def make_pattern(self) -> bytes:
        """Return the pattern of such a cell, with one group."""
        values = self.values
        attributes = b""
        for name, local, value in ATTRIBUTE.findall(self.attributes):
            expected = re.escape(value)
            if local == b"formula":
                expected = rb'[^"<\t\n\r]*+'
            elif local.decode() == self.stored:
                expected = b"(" + STORED[values["value-type"]][1] + b")"
            attributes += b" " + name + b'="' + expected + b'"'
        text = TEXT if self.stored else b"(%s)" % TEXT
        if "formula" in values:
            # not an error
            text = rb"(?!#|Err:)" + text
        if self.covered:
            text = b"(?!.)" if self.stored else b"()(?!.)"
        return rb"<table:%stable-cell%s(?:/>|>(?:<text:p%s>%s</text:p>|<text:p/>|)</table:%stable-cell>)" % (
            self.covered, attributes, re.escape(self.paragraph), text, self.covered,
        )  # fmt: skip


def parse_row(text: bytes) -> list[Tag]:
    """Return the tags of the cells of a row; [] where the pattern cannot have one of them."""
    opened = re.match(ROW_TAG, text)
    position, end = opened.end() if opened else 0, len(text) - len(b"</table:table-row>")
    tags: list[Tag] = []
    while opened and position < end and (match := CELL.match(text, position, end)):
        covered, attributes, paragraph, shown = match.groups()
        names = [local for _, local, _ in ATTRIBUTE.findall(attributes) if local != b"value-type"]
        values = Tag(b"", attributes, b"", "").values
        value_type = values.get("value-type", "")
        stored = STORED.get(value_type, ("", b""))[0]
        tag = Tag(covered, attributes, paragraph or b"", stored if stored in values else "")
        unlike = (
            len(set(names)) < len(names)
            or any("&" in value for name, value in values.items() if name != "formula")
            or any(values.get(f"number-{what}-spanned", "1") != "1" for what in ("columns", "rows"))
            or ("formula" in values and value_type in ("", "error"))
            or ("string-value" in values and tag.stored != "string-value")
            or (covered and (shown or tag.stored))
            or (tag.repeats > MAX_REPEATS and (shown or tag.stored))
        )
        if unlike:
            return []
        tags.append(tag)
        position = match.end()
    return tags if position == end and len(tags) <= MAX_CELLS else []


@dataclass
class RowPattern:
    """The pattern of the layouts known so far: for each cell of a row, how many columns it fills and its tags."""

    layouts: dict[tuple[int, ...], list[dict[Tag, None]]] = field(default_factory=dict)
    # column and tag of each group
    groups: list[tuple[int, Tag]] = field(default_factory=list)
    search: re.Pattern[bytes] = re.compile(b"()" + OTHERS, re.DOTALL)

    def learn(self, rows: Sequence[bytes]) -> None:
        """Add the tags of rows that did not match, as long as there is room."""
        is_changed = False
        for text in dict.fromkeys(rows):
            tags = parse_row(text)
            layout = tuple(tag.repeats for tag in tags)
            if not tags or (layout not in self.layouts and len(self.layouts) >= MAX_LAYOUTS):
                continue
            known = self.layouts.setdefault(layout, [{} for _ in tags])
            for tag, others in zip(tags, known, strict=True):
                if tag not in others and len(others) < MAX_TAGS:
                    others[tag] = None
                    is_changed = True
        if is_changed:
            self._compile()

    def _compile(self) -> None:
        patterns: list[bytes] = []
        self.groups = []
        for layout, cells in self.layouts.items():
            column = 0
            pattern = ROW_TAG
            for repeats, tags in zip(layout, cells, strict=True):
                self.groups += [(column, tag) for tag in tags]
                pattern += b"(?:%s)" % b"|".join(tag.make_pattern() for tag in tags)
                column += repeats
            patterns.append(pattern + b"</table:table-row>")
        self.search = re.compile(b"|".join(patterns) + b"()|" + OTHERS, re.DOTALL)
