"""Label and date: from the name, the content or fixed; what cannot be understood is refused with a clear reason."""

from __future__ import annotations

from typing import Any

import pytest

from systemscripts.datasets import label_and_date
from systemscripts.datasets.label_and_date import Rule
from systemscripts.errors import BadDataError
from tests.conftest import Installation

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "form", "day", "stamp"),
    [
        ("20260105T060708", "yyyyMMddTHHmmss", "2026-01-05", "2026-01-05T06:07:08"),
        ("05.01.2026", "dd.MM.yyyy", "2026-01-05", "2026-01-05T00:00:00"),
        ("260105", "yyMMdd", "2026-01-05", "2026-01-05T00:00:00"),
        ("2026-01-05 100%", "yyyy-MM-dd 100%", "2026-01-05", "2026-01-05T00:00:00"),
        ("2026-01-05", None, "2026-01-05", "2026-01-05T00:00:00"),
        ("5Mrz2026", "dMMMyyyy", "2026-03-05", "2026-03-05T00:00:00"),
        ("311299", "ddMMyy", "2099-12-31", "2099-12-31T00:00:00"),
    ],
)
def test_a_date_is_cut_to_the_day_and_its_stamp_orders(text: str, form: str | None, day: str, stamp: str) -> None:
    actual = label_and_date.build_identity(
        "a", text, label_and_date.Rule("static", format=form, language="de", pivot=100)
    )
    assert (actual.label, str(actual.date), actual.stamp) == ("a", day, stamp)


@pytest.mark.parametrize(
    ("text", "form"),
    [("2026111", "yyyyMMdd"), ("20260231", "yyyyMMdd"), ("20260105x", "yyyyMMdd"), ("", "yyyyMMdd"), ("soon", None)],
)
def test_what_is_no_date_of_the_form_is_refused(text: str, form: str | None) -> None:
    with pytest.raises(BadDataError, match="is not a date of the form"):
        label_and_date.build_identity(None, text, label_and_date.Rule("static", format=form))


@pytest.mark.parametrize(
    ("name", "location", "part"),
    [
        ("orders_a_2026.01.05.csv", "2", "2026.01.05"),
        ("orders_a.csv.gz", "1", "a"),
        ("orders_a", "1", "a"),
        ("orders_a_.CSV.ZIP", "2", ""),
    ],
)
def test_a_part_of_the_name_without_its_ending(name: str, location: str, part: str) -> None:
    assert label_and_date.split_name_part(name, location, "_") == part


def test_a_name_with_too_few_parts_is_refused() -> None:
    with pytest.raises(BadDataError, match="has no part 3"):
        label_and_date.find_text_in_name(Rule("filename", "3"), "orders_a.csv", "_")


@pytest.mark.parametrize(
    ("name", "form", "day"),
    [
        ("sales 5.2026 (1).csv", "M.yyyy", "2026-05-01"),
        ("sales Mai 2026.csv", "MMM yyyy", "2026-05-01"),
        ("sales października 2026.csv", "MMM yyyy", "2026-10-01"),
        ("sales 2026Q4.csv", "yyyy'Q'Q", "2026-10-01"),
        ("sales KW01 2026.csv", "'KW'ww YYYY", "2025-12-29"),
        ("sales W53-26.csv", "'W'w-YY", "2026-12-28"),
    ],
)
def test_months_quarters_and_weeks_of_a_group_of_the_pattern_are_their_first_day(
    name: str, form: str, day: str
) -> None:
    rule = Rule("filename", "date", form, pattern=r"sales (?P<date>[^(]+?)( \(\d\))?\.csv")
    text = label_and_date.find_text_in_name(rule, name, "_")
    assert str(label_and_date.build_identity(None, text, rule).date) == day


def test_a_name_that_does_not_fit_its_pattern_is_refused() -> None:
    with pytest.raises(BadDataError, match=r"does not fit file_pattern .* whose group date is read"):
        label_and_date.find_text_in_name(Rule("filename", "date", pattern=r"(?P<date>\d+)\.csv"), "orders.csv", "_")
    with pytest.raises(BadDataError, match="is not a date of the form"):
        label_and_date.build_identity(None, "W54-2026", Rule("filename", "date", "'W'ww-YYYY"))


def load(installation: Installation, content: str, name: str = "orders_x.csv", **columns: object) -> dict[str, Any]:
    installation.configure("orders", **columns)
    installation.drop(name, content)
    return dict(installation.summary("generic_import", "orders"))


def identities(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.sql("select label, dataset_date::text from dba.tdataset order by dataset_id")


def test_static_label_and_date(installation: Installation) -> None:
    load(
        installation, "a\n1\n", metadata_label_source="static", metadata_label_location="acme", dateconfig="static",
        datelocation="2026-01-05",
    )  # fmt: skip
    assert identities(installation) == [("acme", "2026-01-05")]


CONTENT = {
    "metadata_label_source": "file_content", "metadata_label_location": "Client Name", "dateconfig": "file_content",
    "datelocation": "day", "dateformat": "dd/MM/yyyy",
}  # fmt: skip


def test_label_and_date_from_the_content_order_the_files(installation: Installation) -> None:
    installation.drop("orders_1.csv", "Client Name,Day,A\nacme,12/01/2026,1\nacme,12/01/2026,2\n")
    summary = load(installation, "Client Name,Day,A\nacme,05/01/2026,3\n", name="orders_2.csv", **CONTENT)
    assert summary["exit_code"] == 0
    assert identities(installation) == [("acme", "2026-01-05"), ("acme", "2026-01-12")]
    assert installation.sql("select count(*) from public.orders_current") == [(2,)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "Client Name,Day\nacme,05/01/2026\nother,05/01/2026\n",
            "must have only one value, but row 3 has another: 'other'",
        ),
        ("Client Name,Day\n,05/01/2026\n", "has no value"),
        ("Client,Day\nacme,05/01/2026\n", "there is no column 'Client Name'"),
        ("Client Name,Day\nacme,2026-01-05\n", "'2026-01-05' is not a date of the form dd/MM/yyyy"),
    ],
)
def test_what_the_content_does_not_say_is_refused(installation: Installation, content: str, reason: str) -> None:
    summary = load(installation, content, **CONTENT)
    assert summary["exit_code"] == 65
    assert reason in summary["problems"][0]
    assert identities(installation) == []


def test_a_bad_date_in_the_name_is_refused(installation: Installation) -> None:
    summary = load(
        installation, "a\n1\n", name="orders_20260231.csv", dateconfig="filename", datelocation="1",
        dateformat="yyyyMMdd",
    )  # fmt: skip
    assert summary["exit_code"] == 65
    assert "'20260231' is not a date of the form yyyyMMdd" in summary["problems"][0]
