"""View files: the one text of each view for people, applied when it is another, grants kept."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from systemscripts import db_utils
from systemscripts.db_utils import migrations
from systemscripts.errors import EtlError
from tests.conftest import Installation

VISITOR = "create or replace view visits.numbers as select 1 as one;\n"


@pytest.fixture
def folder(here: Installation, tmp_path: Path) -> Path:
    views_copy = tmp_path / "views"
    views_copy.mkdir()
    for path in migrations.VIEWS_FOLDER.glob("*.sql"):
        (views_copy / path.name).write_bytes(path.read_bytes())
    (views_copy / "visits.numbers.sql").write_text(VISITOR)
    return views_copy


def ensure(folder: Path) -> list[str]:
    connection = db_utils.connect()
    try:
        return migrations.apply_pending(connection, views_folder=folder)
    finally:
        connection.close()


def test_each_file_defines_the_view_it_is_named_after() -> None:
    for path in migrations.VIEWS_FOLDER.glob("*.sql"):
        assert re.findall(r"^create or replace view (\S+) as$", path.read_text(), re.M) == [path.stem]
    for path in migrations.FOLDER.glob("*.sql"):
        for view in migrations.VIEWS_FOLDER.glob("*.sql"):
            assert f"view {view.stem} " not in path.read_text(), f"{view.stem} has a second text in {path.name}"


def test_a_view_is_replaced_when_its_file_is_another_and_keeps_its_grants(here: Installation, folder: Path) -> None:
    assert ensure(folder) == ["visits.numbers.sql"]
    assert ensure(folder) == []
    here.sql("grant select on visits.numbers to public")
    (folder / "visits.numbers.sql").write_text(VISITOR.replace("as one", "as one, 2 as two"))
    connection = db_utils.connect()
    assert migrations.list_pending(connection, views_folder=folder) == ["visits.numbers.sql"]
    connection.close()
    assert ensure(folder) == ["visits.numbers.sql"]
    assert here.sql("select one, two from visits.numbers") == [(1, 2)]
    assert here.sql("select has_table_privilege('public', 'visits.numbers', 'select')") == [(True,)]


def test_a_view_that_somebody_dropped_comes_back(here: Installation, folder: Path) -> None:
    ensure(folder)
    here.sql("drop view visits.numbers")
    assert ensure(folder) == ["visits.numbers.sql"]


def test_a_file_the_database_refuses_is_named_and_leaves_the_view_as_it_was(here: Installation, folder: Path) -> None:
    ensure(folder)
    (folder / "visits.numbers.sql").write_text("create or replace view visits.numbers as select 3 as one; select 1/0")
    with pytest.raises(EtlError, match=r"visits\.numbers\.sql: database \(22012\): division by zero"):
        ensure(folder)
    assert here.sql("select one from visits.numbers") == [(1,)]
    (folder / "visits.numbers.sql").write_text(VISITOR + "-- corrected\n")
    assert ensure(folder) == ["visits.numbers.sql"]


def test_two_at_once(here: Installation, folder: Path) -> None:
    (folder / "visits.numbers.sql").write_text(VISITOR + "select pg_sleep(0.5);")
    done: list[list[str]] = []
    threads = [threading.Thread(target=lambda: done.append(ensure(folder))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], ["visits.numbers.sql"]]
