"""Build the pattern of an import from the names of its files: it fits them, and those of the next days.

Dates, numbers and marks of copies change from file to file; words stay, so that no file of another client fits. The
group `date` of the pattern is the date of a dataset, the group `label` the part in which several files differ.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from systemscripts.dates import date_formats
from systemscripts.imports.suggest import later_names, name_dates
from systemscripts.imports.suggest.month_names import (
    find_languages,
    find_month,
    list_alike,
    list_month_words,
    write_month,
)
from systemscripts.imports.suggest.name_dates import exchange_day_and_month
from systemscripts.imports.suggest.name_parts import (
    COPY_MARK,
    COPY_OF,
    PACKED_ENDINGS,
    TABLE_ENDINGS,
    Name,
    Part,
    split_name,
)

# abbreviated months that are words of English file names
AMBIGUOUS_MONTHS = ("set", "out", "gen", "mag")
# Of a name that is only a number; shorter ones may get another digit.
MIN_DIGITS_ALONE = 6
# Files of a week read with day and month exchanged are months apart.
FAR_APART = 10
PERIODS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class FilePattern:
    """A proposed pattern, and what the names say about the dates and the order of files.

    `date_format`: of the group date, "" without one, then `note` says why. `question`: what only a person can answer.
    """

    pattern: str
    date_format: str = ""
    period: str = ""
    # of the first file
    day: date | None = None
    has_label: bool = False
    has_counter: bool = False
    examples: tuple[str, ...] = ()
    note: str = ""
    question: str = ""


def propose_pattern(names: Sequence[str], today: date, is_month_first: bool | None = None) -> FilePattern:
    """Return the pattern for the files of an import, given the names of some of them.

    `is_month_first`: how the file itself writes days that can be told apart, None if it does not show it.
    """
    proposed = _align_names([split_name(name, today) for name in names], today, is_month_first)
    if proposed and all(re.fullmatch(proposed.pattern, name) for name in names):
        return proposed
    if len(names) == 1:
        return FilePattern(re.escape(names[0]), note="only this name fits")
    patterns = [re.sub(r"\(\?P<\w+>", "(?:", propose_pattern([name], today).pattern) for name in names]
    text = "the names have no common form: no date is read from them"
    return FilePattern("|".join(dict.fromkeys(patterns)), examples=tuple(names[:3]), note=text)


def _align_names(names: list[Name], today: date, is_month_first: bool | None) -> FilePattern | None:
    """Return one pattern for names of the same parts; None where their parts differ."""
    if len({tuple(part.role for part in name.parts) for name in names}) > 1:
        return None
    columns = list(zip(*(name.parts for name in names), strict=True))
    main = _choose_date(columns)
    formats = _list_formats(columns[main], is_month_first) if main is not None else []
    pieces, has_label = [], False
    for index, column in enumerate(columns):
        if index == main and formats:
            pieces.append(f"(?P<date>{_open_date(column, formats[0])})")
        else:
            piece = _open_part(column, can_be_label=not has_label, is_alone=len(columns) == 1)
            has_label |= "(?P<label>" in piece
            pieces.append(piece)
    start = rf"{COPY_OF}?" if any(name.is_copy_of for name in names) else ""
    pattern = start + "".join(pieces) + COPY_MARK + _open_endings(names)
    first = columns[main][0].date if main is not None else None
    if first is None or not formats:
        note = "a year is not the date of a dataset" if _has_date(columns) else ""
        if not note and any(part.role == "period" for part in names[0].parts):
            note = "the name has no year: no date is read from it"
        return FilePattern(
            pattern, "", "", None, has_label, _has_counter(columns), _list_examples(names[0], "", None), note
        )
    return FilePattern(
        pattern,
        formats[0],
        first.period,
        name_dates.read_day(first.text, formats[0]),
        has_label,
        _has_counter(columns),
        _list_examples(names[0], formats[0], main),
        question=_ask_about_date(first.text, formats),
    )


def _has_date(columns: list[tuple[Part, ...]]) -> bool:
    return any(column[0].role == "date" for column in columns)


def _has_counter(columns: list[tuple[Part, ...]]) -> bool:
    return any(column[0].role == "number" for column in columns)


def _choose_date(columns: list[tuple[Part, ...]]) -> int | None:
    """Return the index of the date of the files, the shortest period; None if there is none."""
    dates = {index: column[0].date.period for index, column in enumerate(columns) if column[0].date}
    if not dates:
        return None
    best = min(dates, key=lambda index: (PERIODS.index(dates[index]), index))
    return None if dates[best] == "year" else best


def _list_formats(column: Sequence[Part], is_month_first: bool | None) -> list[str]:
    """Return the formats that read a date in all names, the likelier first."""
    candidates = dict.fromkeys(pattern for part in column if part.date for pattern in part.date.formats)
    formats = [pattern for pattern in candidates if all(name_dates.read_day(part.text, pattern) for part in column)]
    # the same order once more, without zeros, is not another meaning
    formats = [pattern for pattern in formats if pattern == formats[0] or not _is_same_order(pattern, formats[0])]
    formats = _prefer_neighbours(formats, [part.text for part in column])
    if is_month_first is not None and len(formats) > 1 and formats[1] == exchange_day_and_month(formats[0]):
        return [pattern for pattern in formats[:2] if (pattern.find("M") < pattern.find("d")) == is_month_first]
    return formats[:2]


def _prefer_neighbours(formats: list[str], texts: list[str]) -> list[str]:
    """Return the formats by which several files follow each other far more closely than by the others."""
    days = {pattern: [day for text in texts if (day := name_dates.read_day(text, pattern))] for pattern in formats}
    spans = {pattern: (max(known) - min(known)).days for pattern, known in days.items()}
    closest = min(spans.values(), default=0)
    if closest == 0:
        return formats
    return [pattern for pattern in formats if spans[pattern] <= FAR_APART * closest]


def _is_same_order(pattern: str, other: str) -> bool:
    return re.sub(r"([dM])\1", r"\1", pattern) == re.sub(r"([dM])\1", r"\1", other)


def _open_date(column: Sequence[Part], pattern: str) -> str:
    """Return the expression for dates of a format."""
    texts = [part.text for part in column]
    expression = "".join(_open_field(part, texts) for part in date_formats.split_format(pattern))
    # fields of digits side by side become one
    runs = re.compile(r"(?:\\d\{\d\}){2,}")
    return runs.sub(lambda run: rf"\d{{{sum(map(int, re.findall(r'{(.)}', run[0])))}}}", expression)


def _open_field(field: str, texts: list[str]) -> str:
    if field == "MMM":
        words = [word for text in texts for word in list_month_words(text)]
        return f"(?i:{'|'.join(map(re.escape, list_alike(words)))})" + (
            r"\.?" if any(w.endswith(".") for w in words) else ""
        )
    if field in ("d", "M", "w"):
        return r"\d{1,2}"
    if field == "Q":
        return "[1-4]"
    if later_names.is_field(field):
        return rf"\d{{{len(field)}}}"
    return _escape(date_formats.unquote_literal(field))


def _open_part(column: Sequence[Part], can_be_label: bool, is_alone: bool = False) -> str:
    """Return the expression for a part that is not the date of the files."""
    texts = list(dict.fromkeys(part.text for part in column))
    first = column[0]
    if first.date:
        patterns = {_open_date(column, pattern) for pattern in _list_formats(column, None)[:1]}
        return patterns.pop() if patterns else r"[\w.-]+?"
    if first.role == "period" and not first.pattern:
        return f"(?i:{'|'.join(map(re.escape, list_alike(texts)))})" + (r"\.?" if first.text.endswith(".") else "")
    if first.role == "number" and is_alone and len(first.text) >= MIN_DIGITS_ALONE:
        return rf"\d{{{len(first.text)}}}"
    if first.role != "text":
        patterns = {part.pattern for part in column}
        return patterns.pop() if len(patterns) == 1 else "|".join(sorted(patterns)).join(("(?:", ")"))
    if len(texts) == 1:
        return _escape(texts[0])
    if len({text.casefold() for text in texts}) == 1:
        return f"(?i:{_escape(texts[0])})"
    return _open_text(texts, can_be_label)


def _find_common_start(texts: Sequence[str]) -> str:
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in alike)


def _open_text(texts: list[str], can_be_label: bool) -> str:
    """Return the expression for texts that differ: what is common at their ends stays."""
    start = re.sub(r"[^\W_]+\Z", "", _find_common_start(texts))
    rest = [text[len(start) :] for text in texts]
    end = re.sub(r"\A[^\W_]+", "", _find_common_start([text[::-1] for text in rest])[::-1])
    middles = [text[: len(text) - len(end)] for text in rest]
    separators = {separator for separator in (start[-1:], end[:1]) if separator and not separator.isalnum()}
    free = next(
        (rf"[^{re.escape(s)}]+" for s in sorted(separators) if not any(s in middle for middle in middles)), ".+"
    )
    if len({re.sub(r"\d+", "0", middle) for middle in middles}) == 1:
        # client12 and client7
        free = re.sub(r"\d+", r"\\d+", _escape(middles[0]))
    if not all(middles):
        return f"{_escape(start)}.*{_escape(end)}"
    return f"{_escape(start)}{f'(?P<label>{free})' if can_be_label else free}{_escape(end)}"


def _escape(text: str) -> str:
    return re.escape(text).replace(r"\ ", " ").replace(r"\-", "-")


def _open_endings(names: list[Name]) -> str:
    """Return the expression for the endings: other formats of a table fit too, and the same file in a packed form."""
    endings = {suffix for name in names for suffix in name.endings}
    if not endings:
        return ""
    suffixes = sorted(endings - set(PACKED_ENDINGS))
    if set(suffixes) <= set(TABLE_ENDINGS):
        suffixes = [
            *TABLE_ENDINGS,
            *(PACKED_ENDINGS if any(set(name.endings) <= set(PACKED_ENDINGS) for name in names) else ()),
        ]
    return rf"(?i:\.({'|'.join(_shorten_endings(suffixes))})(\.gz|\.zip)?)"


def _shorten_endings(suffixes: list[str]) -> list[str]:
    """Return the endings of an expression, those of workbooks in short: xls, xlsx, xlsm and xlsb."""
    return list(dict.fromkeys("xls[xmb]?" if suffix.startswith("xls") else re.escape(suffix) for suffix in suffixes))


def _list_examples(name: Name, pattern: str, main: int | None) -> tuple[str, ...]:
    """Return three names that would fit: the next ones, and a copy."""
    stems = [
        "".join(_write_later(part, pattern if index == main else "", step) for index, part in enumerate(name.parts))
        for step in range(3)
    ]
    suffix = "".join(f".{part}" for part in name.endings)
    other = {".csv": ".csv.gz", ".xls": ".xlsx"}.get(suffix, suffix)
    return tuple(dict.fromkeys((f"{stems[1]}{suffix}", f"{stems[0]} (1){suffix}", f"{stems[2]}{other}")))


def _write_later(part: Part, pattern: str, steps: int) -> str:
    """Return the text of a part some files later."""
    if part.date:
        return later_names.write_later(part.date, pattern or part.date.formats[0], steps)
    if part.role in ("number", "period") and part.text[-1].isdigit():
        head, number = re.fullmatch(r"(.*?)(\d+)", part.text, re.DOTALL).groups()  # type: ignore[union-attr]
        later = int(number) + steps
        # after the last quarter or week comes the first
        later = (later - 1) % (4 if "[" in part.pattern else 52) + 1 if part.role == "period" else later
        return head + str(later).zfill(len(number))
    for language in find_languages(part.text) if part.role == "period" else ():
        month = find_month(part.text, language) or 1
        return write_month(part.text, (month + steps - 1) % 12 + 1)
    return part.text


def _ask_about_date(text: str, formats: list[str]) -> str:
    """Return the question about a date that can be read in two ways, or may not be one; "" where it is clear."""
    words = [word for word in list_month_words(text) if word.casefold() in AMBIGUOUS_MONTHS]
    if words and not re.search(r"\bd", formats[0]):
        return f"AMBIGUOUS: is {words[0]!r} in the name a month? If not, remove the date: it is a word that stays"
    if len(formats) < 2:
        return ""
    one, other = (name_dates.read_day(text, pattern) for pattern in formats[:2])
    return f"AMBIGUOUS: {text} in the name is {one} or {other}? For the second write dateformat: {formats[1]}"
