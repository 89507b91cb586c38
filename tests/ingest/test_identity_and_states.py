"""Nothing twice: what the same, another, an older or an undone content means."""

from __future__ import annotations

from tests.conftest import Installation

CONFIG = {
    "metadata_label_source": "filename", "metadata_label_location": "1", "dateconfig": "filename", "datelocation": "2",
    "dateformat": "yyyyMMdd", "file_pattern": r"list_\w+_\d{8}.*\.csv", "target_table": "public.lists",
}  # fmt: skip


def load(installation: Installation, label: str, day: str, *names: str, suffix: str = "") -> dict[str, object]:
    installation.drop(f"list_{label}_{day}{suffix}.csv", "Name\n" + "".join(f"{name}\n" for name in names))
    summary = installation.summary("generic_import", "lists")
    assert installation.list_waiting() == []
    return dict(summary["rows"][0])


def current(installation: Installation, label: str = "a") -> list[str]:
    rows = installation.sql(
        "select name from public.lists_current join dba.tdataset using (dataset_id) where label = %s order by 1",
        (label,),
    )
    return [row[0] for row in rows]


def test_two_labels_with_identical_bytes_are_two_datasets(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    load(installation, "a", "20260105", "x", "y")
    load(installation, "b", "20260105", "x", "y")
    assert installation.sql("select label, rows_loaded, status from dba.tdataset order by 1") == [
        ("a", 2, "active"), ("b", 2, "active"),
    ]  # fmt: skip


def test_a_b_a_is_three_loads(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    assert load(installation, "a", "20260105", "x")["state"] == "loaded"
    assert load(installation, "a", "20260112", "y")["state"] == "loaded"
    assert load(installation, "a", "20260119", "x")["state"] == "loaded"
    assert current(installation) == ["x"]
    assert installation.sql("select count(*) from dba.tdataset where status = 'active'") == [(3,)]


def test_the_same_content_at_a_later_date_is_unchanged_and_moves_last_seen(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    load(installation, "a", "20260105", "x")
    assert load(installation, "a", "20260112", "x")["state"] == "unchanged"
    assert installation.sql("select count(*), min(last_seen)::text from dba.tdataset") == [(1, "2026-01-12")]
    load(installation, "a", "20260108", "old")  # between the two: the label was seen as x after it
    assert current(installation) == ["x"]


def test_a_corrected_file_supersedes_and_undo_brings_the_earlier_one_back(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    first = load(installation, "a", "20260105", "wrong")
    second = load(installation, "a", "20260105", "right", suffix="_v2")
    assert current(installation) == ["right"]
    done = installation.run("generic_import", "--undo", second["dataset"])
    assert done.returncode == 0, done.stderr
    assert current(installation) == ["wrong"]
    assert installation.sql("select dataset_id, status from dba.tdataset order by 1") == [
        (first["dataset"], "active"), (second["dataset"], "undone"),
    ]  # fmt: skip


def test_a_late_older_file_does_not_become_current(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    load(installation, "a", "20260112", "new")
    assert load(installation, "a", "20260105", "old")["state"] == "loaded"
    assert current(installation) == ["new"]


def test_an_undone_content_stays_known_until_reload(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    dataset = load(installation, "a", "20260105", "x")["dataset"]
    installation.run("generic_import", "--undo", dataset)
    installation.drop("list_a_20260105.csv", "Name\nx\n")
    summary = installation.summary("generic_import", "lists")
    assert summary["rows"][0]["state"] == "duplicate"
    assert any("--reload" in text for text in summary["warnings"])
    installation.drop("list_a_20260105.csv", "Name\nx\n")
    assert installation.summary("generic_import", "lists", "--reload")["rows"][0]["state"] == "loaded"
    assert current(installation) == ["x"]


def test_files_load_in_the_order_of_their_stamp(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    installation.drop("list_a_20260112.csv", "Name\nnew\n")
    installation.drop("list_a_20260105.csv", "Name\nold\n")
    summary = installation.summary("generic_import", "lists")
    assert [row["date"] for row in summary["rows"]] == ["2026-01-05", "2026-01-12"]
