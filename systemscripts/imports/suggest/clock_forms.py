"""Times of day as people write them: 24 or 12 hours, fractions, offsets; and the formats that read them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from systemscripts.imports.suggest.value_spellings import BLANK

CLOCK = (
    r"(?P<hour>[0-9]{1,2})(?P<colon>[:.])[0-9]{2}(?P<seconds>(?P=colon)[0-9]{2})?(?:(?P<point>[.,])(?P<fraction>[0-9]{1,9}))?"
    rf"(?:(?P<half_blank>{BLANK}*)[AaPp](?:\.{BLANK}?)?[Mm]\.?)?"
    rf"(?:(?P<zone_blank>{BLANK}*)(?P<zone>Z|UTC|GMT|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?(?P<suffix>{BLANK}+Uhr)?"
)
JOIN = rf"(?P<join>T|,?{BLANK}+(?:at{BLANK}+|um{BLANK}+|kl\.?{BLANK}+|-{BLANK}+)?|:)"
# alone, 14.05 is a number
TIME = re.compile(CLOCK.replace("[:.]", ":"))
BLANKS = re.compile(f"{BLANK}+")
# clocks that fewer values have are exceptions, and so many forms are proposed at most
_MIN_CLOCK_SHARE, _MAX_CLOCKS = 0.01, 4


@dataclass(frozen=True)
class Clock:
    """The form of a time of day."""

    join: str
    has_seconds: bool
    point: str | None
    half_blank: str | None
    zone_blank: str | None
    colon: str = ":"
    suffix: str = ""


def choose_clocks(group: list[re.Match[str]]) -> tuple[list[Clock | None], str]:
    """Return the forms of the time of day, the most frequent first (None: a day alone), and the type."""
    counts = Counter(map(_find_clock, group))
    clocks = [clock for clock, count in counts.most_common(_MAX_CLOCKS) if count >= _MIN_CLOCK_SHARE * len(group)]
    zoned = [clock for clock in clocks if clock and clock.zone_blank is not None]
    if 2 * sum(counts[clock] for clock in zoned) > len(group):
        return [*zoned], "timestamptz"
    clocks = [clock for clock in clocks if clock not in zoned]
    return clocks, "timestamp" if any(clocks) else "date"


def _find_clock(match: re.Match[str]) -> Clock | None:
    if match["hour"] is None:
        return None
    join = BLANKS.sub(" ", match["join"] or "")
    suffix = BLANKS.sub(" ", match["suffix"] or "")
    return Clock(join, match["seconds"] is not None, match["point"], *find_ends(match), match["colon"], suffix)


def find_ends(match: re.Match[str]) -> tuple[str | None, str | None]:
    """Return the blank before AM or PM and the one before the offset from UTC; None where there is no such part."""
    half, zone = match["half_blank"], match["zone_blank"] if match["zone"] else None
    return half and " ", zone and " "


def quote_literal(literal: str) -> str:
    """Return text between fields as a format has it; letters must be quoted."""
    return re.sub(r"[^\W\d_]+\.?", lambda match: match[0] if match[0] in "TZ" else f"'{match[0]}'", literal)


def write_clock(clock: Clock, group: list[re.Match[str]]) -> str:
    """Return the format of the time of day."""
    same = [match for match in group if match["hour"] is not None]
    hour = "h" if clock.half_blank is not None else "H"
    text = quote_literal(clock.join) + (hour if any(len(match["hour"]) == 1 for match in same) else hour * 2)
    text += f"{clock.colon}mm" + f"{clock.colon}ss" * clock.has_seconds
    if clock.point:
        digits = max((len(match["fraction"]) for match in same if match["fraction"]), default=6)
        text += clock.point + "S" * digits
    text += "" if clock.half_blank is None else f"{clock.half_blank}a"
    return text + ("" if clock.zone_blank is None else f"{clock.zone_blank}XXX") + quote_literal(clock.suffix)
