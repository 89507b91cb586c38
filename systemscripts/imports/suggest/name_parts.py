"""Split a file name into its parts: words that stay, dates and numbers that change, a mark of a copy, the endings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from systemscripts.imports.suggest.month_names import find_languages, list_weekdays_alike
from systemscripts.imports.suggest.name_dates import NameDate, find_dates

_COPY_WORD = "c[oó]p(y|ie|ia)|kopi[ae]?"
# what browsers, desktops and people add to the name of another copy: (1), - Copy, - Kopie (2), _v2, _final
COPY_MARK = rf"(?i:[ _-]*\(\d+\)|[ _(-]+({_COPY_WORD}|final|v[\d.]+)( ?\d+)?\)?)*"
COPY_OF = r"(?i:(?:copy of|kopie von|copie de|copia d[ei]|c[oó]pia de|kopia) )"
_COPY_END = re.compile(rf"{COPY_MARK}\Z")
_COPY_START = re.compile(COPY_OF)
# the endings of files that may hold the same table
TABLE_ENDINGS = ("csv", "txt", "tsv", "tab", "dat", "xlsx", "xlsm", "xlsb", "xls", "ods")
PACKED_ENDINGS = ("gz", "zip")
_UUID = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,64}"
    # where digits and letters change often: no word and no date looks like this
    r"|(?=[a-f]*\d+[a-f]+\d+[a-f])[0-9a-f]{10,15}(?![^\W_])",
    re.IGNORECASE,
)
# seconds or milliseconds since 1970, from 2017 on
_EPOCH = re.compile(r"1[5-9]\d{8}(?:\d{3})?")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_WORD = re.compile(r"[^\W\d_]{3,}\.?")
_WEEK = re.compile(r"(?i:week|kw|cw|wk|woche|semaine|semana|settimana|uge|vecka)[-_. ]?\d{1,2}(?!\d)")
_QUARTER = re.compile(r"(?i:q|quarter[-_ ]?|quartal[-_ ]?|trimestre[-_ ]?|kvartal[-_ ]?|kwarta[lł][-_ ]?|h)[1-4](?!\d)")
# the number after one of these says whose file it is, not which one
_OWNERS = re.compile(
    r"(?:client|customer|cust|kunden?|kd|klant|cliente?|account|acct|acc|konto|store|shop|filiale|site|branch|plant|werk|region"
    r"|mandant|id|user|supplier|vendor|lieferant|fournisseur|agent|dealer|partner|tenant|company|firma|org)[\W_]*(?:nr|no|id)?[\W_]*\Z",
    re.IGNORECASE,
)
# the number after one of these counts files
_COUNTERS = re.compile(
    r"(?:v|ver|version|rev|no|nr|num|number|batch|part|teil|seq|run|lot|lfd|file|page|seite|export|#)[\W_]*\Z",
    re.IGNORECASE,
)

# a longer number beside a date is rather that of a client
MAX_COUNTER_DIGITS = 3

Role = Literal["text", "date", "number", "period", "id"]


@dataclass(frozen=True)
class Part:
    """One part of a name. `pattern`: what fits the same part of the next file."""

    role: Role
    text: str
    pattern: str = ""
    date: NameDate | None = None


@dataclass(frozen=True)
class Name:
    """A name in parts, its endings in small letters, and whether it says that it is a copy."""

    whole: str
    parts: tuple[Part, ...]
    endings: tuple[str, ...]
    is_copy_of: bool = False


def split_name(whole: str, today: date) -> Name:
    """Return the parts of a file name."""
    stem, endings = _split_endings(whole)
    start = _COPY_START.match(stem)
    begin, end = start.end() if start else 0, len(stem)
    mark = _COPY_END.search(stem)
    if mark and mark.start() > begin:
        end = mark.start()
    stem = stem[begin:end]
    parts = [
        part for text in _cut_dates(stem, today) for part in ([text] if isinstance(text, Part) else _cut_text(text))
    ]
    return Name(whole, tuple(_fix_numbers(_merge_texts(parts))), endings, start is not None)


def _split_endings(whole: str) -> tuple[str, tuple[str, ...]]:
    """Return the stem and the endings of a name: that of the table, and of what it is packed into."""
    stem = whole
    endings: list[str] = []
    while (match := re.search(r"\.([A-Za-z][A-Za-z0-9]{0,5})\Z", stem)) and match.start() > 0:
        suffix = match[1].lower()
        endings.insert(0, suffix)
        stem = stem[: match.start()]
        if suffix not in PACKED_ENDINGS:
            break
    return stem, tuple(endings)


def _cut_dates(stem: str, today: date) -> Iterator[Part | str]:
    position = 0
    for name_date in find_dates(stem, today):
        yield stem[position : name_date.begin]
        yield Part("date", name_date.text, date=name_date)
        position = name_date.end
    yield stem[position:]


def _cut_text(text: str) -> Iterator[Part]:
    """Yield the words and the changing parts of a text without whole dates."""
    position = 0
    while position < len(text):
        before = text[:position][-1:]
        match = None if before.isalnum() else _UUID.match(text, position)
        role: Role = "id"
        if match is None and not before.isalpha():
            match, role = _WEEK.match(text, position) or _QUARTER.match(text, position), "period"
            if match is None and (word := _WORD.match(text, position)):
                match = word if find_languages(word[0]) or list_weekdays_alike(word[0]) else None
        if match is None and not before.isdigit():
            match, role = _NUMBER.match(text, position), "number"
            role = "id" if match and _EPOCH.fullmatch(match[0]) else role
        if match is None or (text[match.end() :][:1].isalpha() and role not in ("number", "id")):
            yield Part("text", text[position])
            position += 1
        else:
            yield Part(role, match[0], _open(match[0], role))
            position = match.end()


def _open(text: str, role: Role) -> str:
    if role == "id":
        return rf"\d{{{len(text)}}}" if text.isdecimal() else rf"[0-9a-fA-F-]{{{len(text)}}}"
    if role == "number":
        return re.sub(r"\d+", lambda _: r"\d+", text.replace(".", r"\."))
    if weekdays := list_weekdays_alike(text):
        return f"(?i:{'|'.join(weekdays)})"
    if text[-1].isdigit():
        return re.escape(re.sub(r"\d+\Z", "", text)) + (r"[1-4]" if _QUARTER.fullmatch(text) else r"\d{1,2}")
    return ""


def _merge_texts(parts: list[Part]) -> list[Part]:
    merged: list[Part] = []
    for part in parts:
        if part.role == "text" and merged and merged[-1].role == "text":
            merged[-1] = replace(merged[-1], text=merged[-1].text + part.text)
        elif part.text:
            merged.append(part)
    return merged


def _fix_numbers(parts: list[Part]) -> list[Part]:
    """Return the parts with those numbers as text that may say whose file it is: a file of another client must not fit.

    What counts files follows a word such as part, or is the last number of a name without a date. Beside a date it
    stands alone, behind it, and is small or begins with a zero.
    """
    dates = [index for index, part in enumerate(parts) if part.role in ("date", "period")]
    numbers = [index for index, part in enumerate(parts) if part.role == "number"]
    fixed = []
    for index, part in enumerate(parts):
        before = parts[index - 1].text if index and parts[index - 1].role == "text" else ""
        after = parts[index + 1].text[:1] if index + 1 < len(parts) else ""
        if part.role != "number":
            is_counted = True
        elif _OWNERS.search(before) or after.isalpha():
            is_counted = False
        elif _COUNTERS.search(before):
            is_counted = True
        elif dates:
            is_small = len(part.text) <= MAX_COUNTER_DIGITS or part.text.startswith("0")
            is_counted = index > dates[0] and is_small and not before[-1:].isalpha()
        else:
            is_counted = index == numbers[-1]
        fixed.append(part if is_counted else Part("text", part.text))
    return _merge_texts(fixed)
