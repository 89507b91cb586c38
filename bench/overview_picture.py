"""Draws what the project does as an SVG: a file as it came, the table it became, and the mail about the next one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

LETTER_WIDTH, LINE_HEIGHT, BORDER, GAP = 7.23, 17, 14, 64
MAIL_LETTERS, MAIL_LINES = 128, 7
PAPER, INK, QUIET, LINE, GOOD, BAD = "#ffffff", "#1c2430", "#66707f", "#cfd6df", "#0a7d38", "#a3341f"


@dataclass
class Card:
    """A box with a title and lines of one width of letter; `colours` are of the lines, from the first."""

    title: str
    lines: Sequence[str]
    colours: Sequence[str] = ()

    @property
    def width(self) -> float:
        """How wide it is drawn."""
        return 2 * BORDER + LETTER_WIDTH * max(map(len, [self.title, *self.lines]))

    @property
    def height(self) -> float:
        """How high it is drawn."""
        return 2 * BORDER + LINE_HEIGHT * (len(self.lines) + 1)

    def draw(self, x: float, y: float, height: float) -> list[str]:
        """Return its elements, with the corner at a place."""
        drawn = [
            f'<g fill="{PAPER}" stroke="{LINE}">',
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{self.width:.0f}" height="{height:.0f}" rx="8"/></g>',
            _draw_text(x + BORDER, y + BORDER + 11, self.title, QUIET),
        ]
        for number, text in enumerate(self.lines):
            colour = self.colours[number] if number < len(self.colours) else INK
            drawn.append(_draw_text(x + BORDER, y + BORDER + 11 + LINE_HEIGHT * (number + 1), text, colour))
        return drawn


def draw_overview(file_name: str, content: str, rows: Sequence[Sequence[str]], subject: str, body: str) -> str:
    """Return the SVG. `rows`: the table with its header; `subject` and `body`: of the mail about the next file."""
    file = Card(file_name, content.splitlines())
    table = Card("orders_current", _align(rows), [GOOD])
    wrapped = [line for text in body.splitlines() if text.strip() for line in textwrap.wrap(text, MAIL_LETTERS)]
    mail = Card("the next month's file comes without a column: a mail", [subject, *wrapped[:MAIL_LINES]], [BAD])
    height = max(file.height, table.height)
    mail_top = BORDER + height + 44
    width = 2 * BORDER + max(file.width + GAP + table.width, mail.width)
    bottom = mail_top + mail.height + BORDER
    to_table = f"M{BORDER + file.width + 12:.0f} {BORDER + height / 2:.0f} h{GAP - 34} m-7 -7 l8 7 l-8 7"
    to_mail = f"M{BORDER + 60} {BORDER + height + 8:.0f} v22 m-7 -7 l7 8 l7 -8"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {bottom:.0f}" role="img">',
        "<title>A file with titles and money signs becomes a clean table; a wrong one is held and mailed</title>",
        "<style>text { font: 12px ui-monospace, Menlo, 'DejaVu Sans Mono', monospace; white-space: pre }</style>",
        '<rect width="100%" height="100%" rx="10" fill="#eef1f5"/>',
        *file.draw(BORDER, BORDER, height),
        *table.draw(BORDER + file.width + GAP, BORDER, height),
        *mail.draw(BORDER, mail_top, mail.height),
        f'<path d="{to_table}" fill="none" stroke="{GOOD}" stroke-width="3"/>',
        f'<path d="{to_mail}" fill="none" stroke="{BAD}" stroke-width="3"/>',
    ]
    return "\n".join([*drawn, "</svg>", ""])


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _draw_text(x: float, y: float, text: str, colour: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" textLength="{LETTER_WIDTH * len(text):.0f}"'
        f' lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(text)}</text>'
    )
