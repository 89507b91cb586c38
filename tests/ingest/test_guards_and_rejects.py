"""Far too few rows are held, not taken; rejected rows can be looked at, sent back and loaded later."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import openpyxl
import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError
from systemscripts.ingest import replay_rejects, run_imports, select_imports
from tests.conftest import Installation


def names(count: int) -> str:
    return "name\n" + "".join(f"n{number}\n" for number in range(count))


def load(installation: Installation, file: str, content: str, *options: str) -> dict[str, object]:
    installation.drop(file, content)
    return dict(installation.summary("generic_import", "lists", *options)["rows"][0])


def current(installation: Installation) -> int:
    return int(installation.sql("select count(*) from public.lists_current")[0][0])


def test_a_large_drop_is_held_and_can_be_accepted(installation: Installation) -> None:
    installation.configure("lists")
    load(installation, "lists1.csv", names(100))
    held = load(installation, "lists2.csv", names(40))
    assert held["state"] == "held"
    assert current(installation) == 100
    done = installation.run("generic_import", "--accept", held["dataset"])
    assert done.returncode == 0, done.stderr
    assert current(installation) == 40
    assert load(installation, "lists3.csv", names(30))["state"] == "loaded"  # compared with 40 from now on
    again = installation.run("generic_import", "--accept", held["dataset"])
    assert (again.returncode, "is accepted already, as dataset 3" in again.stdout) == (0, True)


def test_a_held_dataset_is_not_green_and_can_be_undone(installation: Installation) -> None:
    installation.configure("lists")
    load(installation, "lists1.csv", names(100))
    installation.drop("lists2.csv", names(10))
    done = installation.run("generic_import", "lists")
    assert done.returncode == 65
    assert "a drop of more than 50 %" in done.stderr
    dataset = installation.sql("select dataset_id from dba.tdataset where status = 'held'")[0][0]
    assert installation.run("generic_import", "--undo", dataset).returncode == 0
    assert current(installation) == 100


def test_accept_drop_takes_this_weeks_drop(installation: Installation) -> None:
    installation.configure("lists")
    load(installation, "lists1.csv", names(100))
    assert load(installation, "lists2.csv", names(10), "--accept-drop")["state"] == "loaded"
    assert load(installation, "lists3.csv", names(9))["state"] == "loaded"


def test_min_rows_and_allow_empty(installation: Installation) -> None:
    installation.configure("lists", guards={"min_rows": 5, "allow_empty": True})
    assert load(installation, "lists1.csv", names(4))["state"] == "held"
    assert load(installation, "lists2.csv", names(5))["state"] == "loaded"
    assert load(installation, "lists3.csv", "name\n")["state"] == "loaded"


def test_a_set_guard_holds_in_append_mode(installation: Installation) -> None:
    installation.configure("lists", load_mode="append", guards={"min_rows": 5})
    assert load(installation, "lists1.csv", names(4))["state"] == "held"
    assert installation.sql("select status, rows_read, rows_loaded, rows_held from dba.tdataset") == [("held", 4, 0, 4)]
    assert installation.sql("select count(*) from public.lists") == [(0,)]
    assert installation.sql("select rule, severity from dba.tfinding") == [("min_rows", "hold")]


def test_rejected_rows_come_in_after_the_configuration_is_mended(installation: Installation) -> None:
    schema = {"id": "integer", "size": {"checks": {"one_of": ["S"]}}}
    installation.configure("lists", load_mode="append", schema=schema, max_reject_rate=1)
    first = load(installation, "lists1.csv", 'id;size\n1;S\n2;M\nx;S\n3;"L;L"\n')
    assert (first["loaded"], first["rejected"]) == (1, 3)
    installation.configure("lists", schema={"id": "integer"})
    summary = installation.summary("generic_import", "--replay-rejects", first["dataset"])
    assert summary["counts"] == {"read": 3, "loaded": 2, "rejected": 1, "skipped": 0, "held": 0}
    assert installation.sql("select source_row, id, size from public.lists order by 1") == [
        (2, 1, "S"), (3, 2, "M"), (5, 3, "L;L"),
    ]  # fmt: skip
    for table in ("tdataset", "tfile"):
        assert installation.sql(f"select rows_read, rows_loaded, rows_rejected from dba.{table}") == [(4, 3, 1)]
    assert installation.sql("select source_row from dba.trejectedrow where replayed_at is null") == [(4,)]
    again = installation.summary("generic_import", "--replay-rejects", first["dataset"])
    assert again["counts"]["loaded"] == 0


def test_rejected_rows_are_written_for_the_client(installation: Installation) -> None:
    installation.configure("lists", load_mode="append", schema={"id": "integer"}, max_reject_rate=1)
    dataset = load(installation, "lists1.csv", "id,name\n1,a\nx,=b\n")["dataset"]
    for suffix in ("csv", "xlsx"):
        path = installation.data / f"rejected.{suffix}"
        done = installation.run("generic_import", "--export-rejects", dataset, path)
        assert done.returncode == 0, done.stderr
        if suffix == "csv":
            actual = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
        else:
            rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)  # type: ignore[union-attr]
            actual = [[str(value) for value in row] for row in rows]
        assert actual == [
            ["row", "column", "reason", "id", "name"],
            ["3", "id", "id: 'x' is not a whole number", "x", "'=b" if suffix == "csv" else "=b"],
        ]
    assert installation.run("generic_import", "--export-rejects", dataset, "x.pdf").returncode == 2


def test_what_is_sent_back_holds_no_formula(installation: Installation) -> None:
    installation.configure("lists", load_mode="append", schema={"id": "integer"}, max_reject_rate=1)
    values = ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "-5,20", "+4.5", "a=b", "x\x07y"]
    dataset = load(installation, "lists1.csv", "id;v\n" + "".join(f"x;{value}\n" for value in values))["dataset"]
    path = installation.data / "rejected.xlsx"
    assert installation.run("generic_import", "--export-rejects", dataset, path).returncode == 0
    cells = [row[4] for row in openpyxl.load_workbook(path).active.iter_rows(min_row=2)]  # type: ignore[union-attr]
    assert [cell.value for cell in cells] == [*values[:-1], "x\ufffdy"]
    assert {cell.data_type for cell in cells} == {"s"}


def test_rejected_rows_of_a_held_file_come_in_with_its_acceptance_by_the_new_configuration(
    installation: Installation,
) -> None:
    schema = {"id": {"type": "integer"}}
    installation.configure("lists", schema=schema, max_reject_rate=1)
    load(installation, "lists1.csv", "id\n" + "1\n" * 20)
    held = load(installation, "lists2.csv", "id\n1\n2\nx\n")
    assert (held["state"], held["rejected"], held["held"]) == ("held", 1, 2)
    assert installation.sql("select source_row, reason is not null from dba.trejectedrow") == [(4, True)]
    installation.configure("lists", schema={"id": {"type": "integer", "null": ["x"]}})
    replayed = installation.run("generic_import", "--replay-rejects", held["dataset"])
    assert (replayed.returncode, "Decide first" in replayed.stderr) == (2, True)
    assert current(installation) == 20
    assert installation.run("generic_import", "--accept", held["dataset"]).returncode == 0
    assert current(installation) == 3
    assert installation.sql("select count(*) from dba.trejectedrow") == [(0,)]


def test_refused_files_are_tried_again_when_asked(installation: Installation) -> None:
    installation.configure("lists", schema={"id": {"checks": {"one_of": ["a"]}}}, max_rejects=0, max_reject_rate=0)
    assert load(installation, "lists1.csv", "id\nx\n")["state"] == "refused"
    refused = sorted(p.name for p in (installation.data / "file_watcher" / "refused").iterdir())
    assert [name.partition("_")[0] for name in refused] == ["lists1", "lists1"]
    installation.configure("lists", schema={})
    summary = installation.summary("generic_import", "lists", "--retry-refused")
    assert summary["rows"][0]["state"] == "loaded"
    assert list((installation.data / "file_watcher" / "refused").iterdir()) == []
    assert installation.sql("select count(*) from dba.v_waiting") == [(0,)]


def test_the_phases_run_alone(installation: Installation) -> None:
    installation.configure("lists")
    installation.drop("lists1.csv", "name;x\na;1\n")
    assert installation.summary("generic_import", "lists", "--until", "fetch")["rows"][0]["state"] == "fetched"
    assert installation.summary("generic_import", "lists", "--until", "prepare")["rows"][0]["state"] == "prepared"
    clean = installation.data / "file_watcher" / "file_watcher_temp" / "lists1.csv.clean.csv"
    assert clean.read_text() == "name,x\na,1\n"
    assert installation.summary("generic_import", "lists")["rows"][0]["state"] == "loaded"
    assert installation.sql("select name, x from public.lists") == [("a", "1")]


def test_rejected_rows_come_in_by_the_yaml_as_it_is_now(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "imports"
    folder.mkdir()
    path, text = folder / "orders.yaml", "file_pattern: 'orders.*'\ntarget_table: public.orders\nmax_reject_rate: 1\n"
    path.write_text(text + "schema:\n  amount: integer\n")
    apply_each = configuration.apply_valid_files
    monkeypatch.setattr(
        configuration,
        "apply_valid_files",
        lambda connection, needed=None: apply_each(connection, folder, needed=needed),
    )
    directories = Directories(here.data).create()
    with contextlib.closing(psycopg2.connect(here.url)) as connection:
        here.drop("orders.csv", "id,amount\n1,1\n2,none\n")
        run = "00000000-0000-0000-0000-000000000000"
        dataset = select_imports.run_selected(connection, "orders", directories, run, run_imports.Options(), None).rows[
            0
        ]["dataset"]
        path.write_text(text + "schema:\n  amount: {type: integer, nul: [none]}\n")
        with pytest.raises(ConfigurationError, match=r"orders.yaml line 5: .*did you mean null"):
            replay_rejects.replay_rejects(connection, dataset, 0, directories)
        path.write_text(text + "schema:\n  amount: {type: integer, null: [none]}\n")
        assert replay_rejects.replay_rejects(connection, dataset, 0, directories).counts.loaded == 1
    assert here.sql("select id, amount from public.orders_current order by 1") == [("1", 1), ("2", None)]


def test_a_file_refused_again_waits_once(installation: Installation) -> None:
    installation.configure("lists", exact_header=["other"])
    load(installation, "lists.csv", names(2))
    for _ in range(2):
        assert installation.run("generic_import", "lists", "--retry-refused").returncode == 65
    assert installation.sql("select name, status from dba.v_waiting") == [("lists.csv", "refused")]
    installation.configure("lists", exact_header=[])
    assert installation.summary("generic_import", "lists", "--retry-refused")["counts"]["loaded"] == 2
    assert installation.sql("select count(*) from dba.v_waiting") == [(0,)]
