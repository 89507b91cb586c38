"""Draws what a terminal shows as an SVG: commands after a prompt, and their output."""

from __future__ import annotations

from xml.sax.saxutils import escape

LETTER_WIDTH, LINE_HEIGHT, BORDER = 7.83, 18, 16
PROMPT = "$ "
BACKGROUND, TEXT, COMMAND, WARNING = "#11151c", "#d5dbe3", "#8fd18f", "#e5c07b"


def draw_terminal(lines: list[str], title: str) -> str:
    """Return the SVG; a line that begins with the prompt is a command."""
    width = 2 * BORDER + LETTER_WIDTH * max(map(len, lines))
    height = 2 * BORDER + LINE_HEIGHT * len(lines)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>text { font: 13px ui-monospace, Menlo, 'DejaVu Sans Mono', monospace; white-space: pre }</style>",
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, line in enumerate(lines, start=1):
        y = BORDER + LINE_HEIGHT * number - 5
        drawn.append(
            f'<text x="{BORDER}" y="{y}" fill="{_choose_colour(line)}" textLength="{LETTER_WIDTH * len(line):.0f}"'
            f' lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(line)}</text>'
        )
    return "\n".join([*drawn, "</svg>", ""])


def _choose_colour(line: str) -> str:
    if line.startswith(PROMPT):
        return COMMAND
    return WARNING if line.startswith(("warning:", "question:", "problem:")) else TEXT
