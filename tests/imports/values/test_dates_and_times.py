"""Dates and times in PostgreSQL's spelling; what PostgreSQL would read in another way is refused in words."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import dates_and_times

pytestmark = pytest.mark.fast

LONDON = ZoneInfo("Europe/London")


def convert(text: str, type_name: str, *formats: str) -> str:
    column = Column.model_validate({"type": type_name, "formats": list(formats)})
    return dates_and_times.make_converter(column, LONDON)(text)


@pytest.mark.parametrize(
    ("text", "type_name", "formats", "stored"),
    [
        (" 2026-01-05 ", "date", (), "2026-01-05"),
        ("05/01/2026", "date", ("dd/MM/yyyy",), "2026-01-05"),
        ("5.1.2026", "date", ("dd/MM/yyyy", "dd.MM.yyyy"), "2026-01-05"),
        ("06:07", "time", (), "06:07:00"),
        ("2026-01-05T06:07:08,5", "timestamp", (), "2026-01-05 06:07:08.500000"),
        ("2026-01-05 06:07Z", "timestamptz", (), "2026-01-05 06:07:00+00:00"),
        ("2026-07-05 06:07", "timestamptz", (), "2026-07-05 06:07:00+01:00"),
        ("2026-10-25 01:30", "timestamptz", (), "2026-10-25 01:30:00+01:00"),
    ],
)
def test_a_date_or_time_is_stored_as_written(text: str, type_name: str, formats: tuple[str, ...], stored: str) -> None:
    assert convert(text, type_name, *formats) == stored


@pytest.mark.parametrize(
    ("text", "type_name", "reason"),
    [
        ("2026-02-31", "date", "is not a date of the form yyyy-MM-dd"),
        ("today", "date", "is not a date of the form yyyy-MM-dd"),
        ("20260105", "date", "is not a date of the form yyyy-MM-dd"),
        ("0026-01-05", "date", "years begin at 1000"),
        ("2026-01-05 06:07", "date", "has a time of day"),
        ("24:00", "time", "is not a time of the form HH:mm:ss"),
        ("2026-01-05 06:07:60", "timestamp", "is not a date and time"),
        ("2026-01-05 06:07Z", "timestamp", "has a time zone"),
        ("2026-01-05 06:07+16:00", "timestamptz", "is not a date and time"),
        ("2026-03-29 01:30", "timestamptz", "the clocks skip this hour"),
    ],
)
def test_what_postgresql_would_read_otherwise_is_refused(text: str, type_name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        convert(text, type_name)
