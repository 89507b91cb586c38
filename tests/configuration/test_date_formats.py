"""A wrong date format of the configuration is refused, with the format that is probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts.configuration import ImportConfig, yaml_documents
from systemscripts.datasets import label_and_date
from systemscripts.dates import date_formats
from systemscripts.errors import BadDataError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("YYYYMMDD", "yyyyMMdd"),
        ("dd mmm yyyy", "dd MMM yyyy"),
        ("%d %b %Y", "dd MMM yyyy"),
        ("yyyy-mm-dd", "yyyy-MM-dd"),
        ("dd/mm/yyyy HH:mm", "dd/MM/yyyy HH:mm"),
        ("dd/MM/yyyy HH:MM", "dd/MM/yyyy HH:mm"),
        ("MM/dd/yyyy hh:mm", "MM/dd/yyyy HH:mm"),
        ("MM/dd/yyyy HH:mm a", "MM/dd/yyyy hh:mm a"),
        ("%m/%d/%Y %I:%M %p", "MM/dd/yyyy hh:mm a"),
        ("ddd, d MMM yyyy", "EEE, d MMM yyyy"),
        ("dMyyyy", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
        ("yyyy-MM-dd HH:mm XXX", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
        ("%Y%m%d", "yyyyMMdd"),
        ("%d.%m.%Y %H:%M:%S", "dd.MM.yyyy HH:mm:ss"),
        ("ddMMyyyy ddMMyyyy", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
        ("yyyy-'W'ww", "YYYY-'W'ww"),
        ("YYYY-MM", "yyyy-MM"),
        ("Q", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
        ("yyyy 'Q'Q MM", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
        ("MM", "yyyy-MM-dd or dd/MM/yyyy HH:mm"),
    ],
)
def test_a_format_of_another_system_is_refused_with_the_one_that_is_meant(written: str, meant: str) -> None:
    assert date_formats.find_fault(written).endswith(f"; write {meant}")


@pytest.mark.parametrize(
    "pattern",
    [
        "yyyyMMdd",
        "yyyyMMddTHHmmss",
        "dd/MM/yy",
        "yyyyMM",
        "yyyy",
        "yyyy年MM月dd日",
        "'as of' dd.MM.yyyy",
        "dMMMyyyy",
        "'KW'w YYYY",
        "Q'Q'yy",
        "EEE, d MMMM yyyy",
        "M/d/yy h:mm:ss a",
        "yyyy-MM-dd HH:mm:ss.SSSSSS",
    ],
)
def test_formats_that_are_right_are_taken(pattern: str) -> None:
    assert date_formats.find_fault(pattern) == ""


def test_an_import_with_such_formats_is_refused_with_the_lines_and_the_formats_that_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        """file_pattern: 'orders_\\d+\\.csv'
target_table: public.orders
dateconfig: filename
datelocation: 1
dateformat: YYYYMMDD
schema:
  day: {type: date, formats: dd mmm yyyy}
  at: {type: time, formats: dd/MM/yyyy}
"""
    )
    with pytest.raises(yaml_documents.FaultsError) as error:
        yaml_documents.validate_document(yaml_documents.read_document(path), ImportConfig, config_name="orders")
    said = str(error.value)
    assert "line 5" in said
    assert "'YYYYMMDD' is not a date format (YYYY, DD are not fields); write yyyyMMdd" in said
    assert "'dd mmm yyyy' is not a date format (mmm is not a field); write dd MMM yyyy" in said
    assert "'dd/MM/yyyy' is not a date format (it has no HH); write HH:mm" in said


@pytest.mark.parametrize("text", ["2026105", "202601051", "20260229", "00260105", "٢٠٢٦٠١٠٥"])
def test_a_date_in_a_file_name_has_all_its_digits(text: str) -> None:
    with pytest.raises(BadDataError, match="is not a date of the form yyyyMMdd"):
        label_and_date.build_identity(None, text, label_and_date.Rule("static", format="yyyyMMdd"))
