"""YAML and rows: faults named all at once, the row is the truth, nobody's change is overwritten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.configuration import yaml_documents, yaml_row_sync
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.errors import ConfigurationError
from tests.conftest import Installation

GOOD = "file_pattern: 'orders.*'\ntarget_table: public.orders\nschema:\n  id: integer\n"
TWELVE = """\
file_patern: 'orders_(.*'
file_pattern: 'orders_(.*'
target_table: Orders
load_mode: snapshott
importstrategyid: 4
is_active: perhaps
reading:
  header_rows: 0
  sheeet: Data
guards:
  min_rows: -1
schema:
  id: int
  sent: {type: date, format: dd/MM/yyyy}
  amount: {type: text, decimal: ','}
max_reject_rate: 2
"""


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def test_twelve_mistakes_are_named_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(TWELVE)
    faults = yaml_row_sync.find_faults(tmp_path)
    expected = {
        1: "file_patern is not a key, did you mean file_pattern?", 2: "regular expression", 3: "schema.table",
        4: "load_mode", 5: "importstrategyid", 6: "is_active", 8: "header_rows", 9: "did you mean sheet?",
        11: "min_rows", 13: "schema.id", 14: "did you mean formats?", 15: "decimal and thousands marks",
        16: "max_reject_rate",
    }  # fmt: skip
    for line, text in expected.items():
        assert any(f"line {line}:" in fault and text in fault for fault in faults), f"line {line}: {faults}"


def test_a_key_given_twice_and_broken_yaml_are_named(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("file_pattern: a\nfile_pattern: b\n")
    (tmp_path / "broken.yaml").write_text("file_pattern: [a\n")
    faults = yaml_row_sync.find_faults(tmp_path)
    assert any("twice.yaml line 2: file_pattern is given twice" in fault for fault in faults)
    assert any("broken.yaml line" in fault for fault in faults)


def test_a_changed_file_is_applied_and_an_unchanged_one_never_touches_the_row(tmp_path: Path, connection: Any) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(GOOD)
    assert configuration.apply_files(connection, tmp_path) == ["orders"]
    assert configuration.load_import(connection, "orders").declared["id"].type == "integer"
    with connection, connection.cursor() as cursor:
        cursor.execute("update dba.timportconfig set max_rejects = 99 where config_name = 'orders'")
    assert configuration.apply_files(connection, tmp_path) == []
    assert configuration.load_import(connection, "orders").max_rejects == 99


def test_file_and_row_both_changed_is_refused_until_somebody_decides(tmp_path: Path, connection: Any) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(GOOD)
    configuration.apply_files(connection, tmp_path)
    with connection, connection.cursor() as cursor:
        cursor.execute("update dba.timportconfig set max_rejects = 99 where config_name = 'orders'")
    path.write_text(GOOD + "max_rejects: 5\n")
    with pytest.raises(ConfigurationError, match=r"max_rejects \(5 / 99\).*--take file, or --take row"):
        configuration.apply_files(connection, tmp_path)
    yaml_row_sync.resolve_difference(connection, "orders", "row", tmp_path)
    assert configuration.apply_files(connection, tmp_path) == []
    assert "max_rejects: 99" in path.read_text()
    path.write_text(GOOD + "max_rejects: 7\n")
    yaml_row_sync.resolve_difference(connection, "orders", "file", tmp_path)
    assert configuration.load_import(connection, "orders").max_rejects == 7


def test_who_is_notified_must_be_a_mail_address(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(GOOD + "notify: [someone]\n")
    [fault] = yaml_row_sync.find_faults(tmp_path)
    assert "line 5: notify.0 'someone' is not a mail address (expected jane@example.com or" in fault


def test_a_file_that_a_key_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(GOOD + "after_change: nowhere.sql\n")
    [fault] = yaml_row_sync.find_faults(tmp_path)
    assert "line 5: after_change of orders: there is no file nowhere.sql" in fault


def test_every_version_is_kept(tmp_path: Path, connection: Any) -> None:
    path = tmp_path / "orders.yaml"
    for number in (1, 2):
        path.write_text(GOOD + f"max_rejects: {number}\n")
        configuration.apply_files(connection, tmp_path)
    with connection, connection.cursor() as cursor:
        cursor.execute("update dba.timportconfig set max_rejects = 3")
        cursor.execute(
            "select version, source, content ->> 'max_rejects' from dba.tconfighistory order by config_history_id"
        )
        assert cursor.fetchall() == [(1, "yaml", "1"), (2, "yaml", "2"), (3, "row", "3")]


def test_a_row_written_as_yaml_comes_back_equal(tmp_path: Path, connection: Any) -> None:
    (tmp_path / "orders.yaml").write_text(GOOD + "reading: {skip_if: {id: Total}}\nguards: {min_rows: 3}\n")
    configuration.apply_files(connection, tmp_path)
    before = configuration.load_import(connection, "orders")
    (tmp_path / "orders.yaml").write_text(yaml_row_sync.render_yaml(before))
    yaml_row_sync.resolve_difference(connection, "orders", "file", tmp_path)
    assert configuration.load_import(connection, "orders") == before


def test_the_scripts(installation: Installation) -> None:
    assert installation.run("apply_config").returncode == 0
    shown = installation.run("export_config", "meetmax_urls")
    assert "target_table: public.tmeetmaxurlcheck" in shown.stdout
    checked = installation.run("check_config")
    assert checked.returncode == 0, checked.stderr
    assert "DATABASE_URL" in checked.stdout
    assert installation.url not in checked.stdout
    assert installation.run("export_config", "meetmax_url").returncode == 2


def test_null_no_and_a_year_are_texts_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        "file_pattern: x\ntarget_table: public.orders\nis_active: no\nexact_header: [No, Amount, Paid]\nschema:\n"
        "  amount: {type: integer, null: ['-']}\n  no: text\n"
        "  paid: {checks: {one_of: [Yes, No, 007, 12:30, 2.5]}, default: on}\n"
    )
    actual = yaml_documents.validate_document(yaml_documents.read_document(path), ImportConfig, config_name="orders")
    columns = actual.declared
    assert (actual.is_active, actual.exact_header) == (False, ["No", "Amount", "Paid"])
    assert (columns["amount"].null, columns["no"].type, columns["paid"].default) == (["-"], "text", "on")
    assert columns["paid"].checks.one_of == ["Yes", "No", "007", "12:30", "2.5"]


def test_the_password_of_files_is_a_variable_of_a_source(tmp_path: Path) -> None:
    for text, is_right in (("plain", False), ("${SMTP_PASSWORD}", False), ("${SOURCE_ZIP}", True)):
        path = tmp_path / "orders.yaml"
        path.write_text(GOOD + f"reading: {{password: '{text}'}}\n")
        faults = yaml_row_sync.find_faults(tmp_path)
        assert bool(faults) != is_right, faults
        assert "plain" not in str(faults)
