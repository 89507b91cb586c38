"""Dates in the declared spellings, written by Babel: every one is read back as the same day and time."""

from __future__ import annotations

import functools
import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from babel import dates

from systemscripts.configuration.column_schema import Column
from systemscripts.dates import calendar_names
from systemscripts.imports.values import convert_values

pytestmark = pytest.mark.fast

LANGUAGES = [
    "en", "en_GB", "de", "fr", "es", "es_MX", "it", "pt", "pt_BR", "nl", "da", "sv", "nb", "pl", "cs", "fi", "tr", "ru",
    "el", "hu", "hi", "ar",
]  # fmt: skip
# more than a year, so that each day of each month and each weekday occurs
DAYS = [date(2027, 12, 28) + timedelta(days=day * 3) for day in range(130)]
FORMATS = [
    "d MMM yyyy", "d. MMMM yyyy", "MMMM d, yyyy", "dd-MMM-yyyy", "EEE, d MMM yyyy", "EEEE d MMMM yyyy", "MMM d yyyy",
    "yyyy MMMM dd", "d/M/yyyy", "M/d/yy",
]  # fmt: skip


@functools.cache
def make_converter(declared: str) -> convert_values.Convert:
    converter = convert_values.make_converter(Column.model_validate_json(declared), None)
    assert converter is not None
    return converter


def convert(text: str, column: dict[str, Any]) -> str:
    return make_converter(json.dumps(column))(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_names_of_every_language_are_read_back_as_the_same_day(language: str) -> None:
    stored = [day.isoformat() for day in DAYS]
    for pattern in FORMATS:
        declared: dict[str, Any] = {"type": "date", "formats": pattern}
        declared |= {"language": language} if "MMM" in pattern else {}
        # numbers in ASCII, as clients write them
        texts = [dates.format_date(day, pattern, f"{language}@numbers=latn") for day in DAYS]
        assert [convert(text, declared) for text in texts] == stored
        assert [convert(text.upper(), declared) for text in texts] == stored


@pytest.mark.parametrize("language", ["en", "es", "sv", "el", "hu"])
@pytest.mark.parametrize("pattern", ["M/d/yyyy h:mm:ss a", "dd.MM.yyyy hh:mm:ssa", "yyyy-MM-dd h:mm:ss.SSS a"])
def test_a_clock_of_twelve_hours_is_read_back_as_the_same_second(language: str, pattern: str) -> None:
    moments = [datetime(2026, 1, 5) + timedelta(seconds=second) for second in range(0, 86_400, 601)]
    column = {"type": "timestamp", "formats": pattern, "language": language}
    texts = [dates.format_datetime(moment, pattern, locale=language) for moment in moments]
    assert [convert(text, column) for text in texts] == [str(moment) for moment in moments]


def test_offsets_and_fractions_are_kept_exactly() -> None:
    for pattern in ("yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "yyyy-MM-ddTHH:mm:ss.SXX", "yyyy-MM-dd HH:mm:ss.SSS X"):
        for minutes in (-210, 0, 60, 330):
            moment = datetime(2026, 1, 5, 7, 30, 15, 123400, UTC) + timedelta(minutes=minutes)
            text = dates.format_datetime(moment, pattern, locale="en")
            stored = convert(text, {"type": "timestamptz", "formats": pattern})
            digits = text.partition(".")[2].partition("+")[0].rstrip("Z ")
            assert datetime.fromisoformat(stored) == moment.replace(microsecond=int(digits.ljust(6, "0")))


@pytest.mark.parametrize(
    ("text", "column", "stored"),
    [
        ("5 Sept 2026", {"formats": "d MMM yyyy"}, "2026-09-05"),
        ("5-sept.-26", {"formats": "d-MMM-yy", "language": "fr"}, "2026-09-05"),
        ("05MRZ2026", {"formats": "ddMMMyyyy", "language": "de"}, "2026-03-05"),
        ("5 aout 2026", {"formats": "d MMMM yyyy", "language": "fr"}, "2026-08-05"),
        ("Jan  5 2026", {"formats": "MMM d yyyy"}, "2026-01-05"),
        ("31/12/49", {"formats": "dd/MM/yy", "pivot": 50}, "2049-12-31"),
        ("31/12/50", {"formats": "dd/MM/yy", "pivot": 50}, "1950-12-31"),
        ("31/12/68", {"formats": "dd/MM/yy"}, "2068-12-31"),
        ("31/12/00", {"formats": "dd/MM/yy", "pivot": 0}, "1900-12-31"),
        ("31/12/99", {"formats": "dd/MM/yy", "pivot": 100}, "2099-12-31"),
    ],
)
def test_a_date_is_read_as_people_write_it(text: str, column: dict[str, Any], stored: str) -> None:
    assert convert(text, {"type": "date"} | column) == stored


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("5 Mai 2026", {"type": "date", "formats": "d MMM yyyy"}),
        ("5 Ma 2026", {"type": "date", "formats": "d MMM yyyy"}),
        ("5 jui 2026", {"type": "date", "formats": "d MMM yyyy", "language": "fr"}),
        ("5 05 2026", {"type": "date", "formats": "d MMM yyyy"}),
        ("Tue 5 Jan 2026", {"type": "date", "formats": "EEE d MMM yyyy"}),
        ("31 Apr 2026", {"type": "date", "formats": "d MMM yyyy"}),
        ("00:30 AM", {"type": "time", "formats": "hh:mm a"}),
        ("13:30 PM", {"type": "time", "formats": "hh:mm a"}),
        ("7:30", {"type": "time", "formats": "h:mm a"}),
        ("7:30 XM", {"type": "time", "formats": "h:mm a"}),
        ("07:30:15.1234567", {"type": "time", "formats": "HH:mm:ss.S"}),
        ("2026-01-05 07:30 +99", {"type": "timestamptz", "formats": "yyyy-MM-dd HH:mm X"}),
        ("2026-01-05 07:30 EST", {"type": "timestamptz", "formats": "yyyy-MM-dd HH:mm X"}),
    ],
)
def test_what_is_not_declared_or_not_possible_is_refused(text: str, column: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is not a (date|time)|names another weekday|goes from 1|more than 6|has the"):
        convert(text, column)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_name_means_one_month_and_every_month_has_a_name(language: str) -> None:
    assert set(calendar_names.load_months(language).values()) == set(range(1, 13))
    assert set(calendar_names.load_weekdays(language).values()) == set(range(7))
    assert set(calendar_names.load_halves(language).values()) == {0, 12}


@pytest.mark.parametrize("text", ["a-" * 20_000, "a" * 40_000, "a." * 20_000, "Mon " * 10_000])
def test_a_long_text_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="is not a date"):
        convert(text, {"type": "timestamp", "formats": "EEEE d MMMM yyyy h:mm:ss a"})
    assert time.process_time() - began < 1
