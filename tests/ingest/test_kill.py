"""Kill -9 at any instant: all rows of a file or none, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.conftest import Installation, Server
from tests.ingest.kill_rounds import Kills

KILLING = Path(__file__).with_name("kill_point.py")
NOW = "2026-01-20T06:00:00"
Make = Callable[[], Installation]
# read here: a test's installation begins without any setting of the caller
KILL_SEED = int(os.environ.get("ETL_KILL_SEED", "1"))
KILL_NUMBERS = tuple(map(int, os.environ.get("ETL_KILL_NUMBERS", "0-999").split("-")))


def big(rows: int) -> str:
    return "name,amount\n" + "".join(f"company number {n},{n}\n" for n in range(rows))


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["name", "amount"], ["from a workbook", 1]):
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


WORKBOOK = workbook()


@contextlib.contextmanager
def open_installations(server: Server, folder: Path) -> Iterator[Make]:
    """Installations in which the same files wait: clean, with rejects, refused, superseding, unchanged, a workbook."""
    databases: list[str] = []

    def make_one() -> Installation:
        name = f"kill_{uuid.uuid4().hex[:12]}"
        databases.append(name)
        url, reader = server.create_database(name)
        installation = Installation(folder / name, url, reader, environment={"ETL_NOW": NOW})
        (installation.data / "file_watcher").mkdir(parents=True)
        installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader)
        fill(installation)
        return installation

    yield make_one
    for name in databases:
        server.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def make(server: Server, tmp_path: Path) -> Iterator[Make]:
    with open_installations(server, tmp_path) as make_one:
        yield make_one


def fill(installation: Installation) -> None:
    installation.configure(
        "lists", file_pattern=r"list_.*", target_table="public.lists", metadata_label_source="filename",
        metadata_label_location="1", dateconfig="filename", datelocation="2", dateformat="yyyyMMdd",
    )  # fmt: skip
    installation.drop("list_a_20260105.csv", big(40_000))
    installation.drop("list_a_20260112.csv", big(3000) + "one,two,three\n")
    installation.drop("list_b_20260105.csv", "name\nwrong\n")
    installation.drop("list_b_20260105_v2.csv", "name,town\nright,x\n")
    installation.drop("list_b_20260112.csv", "name,town\nright,x\n")
    installation.drop("list_c_20260105.xlsx", b"PK\x03\x04 no workbook")
    installation.drop("list_d_20260105.xlsx", WORKBOOK)


def without_numbers(value: Any) -> Any:
    """Leave out of a text the numbers of datasets, and the folder of the installation in its commands."""
    if not isinstance(value, str):
        return value
    plain = re.sub(r"(?:ETL_\w+=\S+ )*\S*/etl ", "etl ", value)
    return re.sub(r"(dataset|accept|undo) \d+", r"\1 N", plain)


def state(installation: Installation) -> dict[str, Any]:
    """Everything that must be equal, numbers and times left out."""
    queries = {
        "files": """select f.name, f.status, f.reason, f.label, f.dataset_date, f.stamp, f.file_sha256,
                        f.content_sha256, f.rows_read, f.rows_loaded, f.rows_rejected, f.rows_skipped, f.keep_path,
                        f.archived_at is not null, f.settled_at is not null, d.content_sha256
                    from dba.tfile f left join dba.tdataset d using (dataset_id) order by f.name, f.status""",
        "datasets": """select d.label, d.dataset_date, d.stamp, d.last_seen, d.status, d.content_sha256, d.columns,
                           d.rows_read, d.rows_loaded, d.rows_rejected, d.rows_skipped, s.content_sha256
                       from dba.tdataset d left join dba.tdataset s on s.dataset_id = d.superseded_by
                       order by d.label, d.dataset_date, d.content_sha256""",
        "rows": """select d.content_sha256, count(*),
                       sum(hashtext(concat_ws('|', t.source_row, t.name, t.amount, t.town)))
                   from public.lists t join dba.tdataset d using (dataset_id) group by 1 order by 1""",
        "current": "select count(*), count(distinct dataset_id) from public.lists_current",
        "rejected": """select f.name, r.source_row, r.column_name, r.value, r.reason, r.raw_row
                       from dba.trejectedrow r join dba.tfile f using (file_id) order by 1, 2""",
    }
    result: dict[str, Any] = {
        name: [tuple(map(without_numbers, row)) for row in installation.sql(statement)]
        for name, statement in queries.items()
    }
    result["archive"] = installation.read_archive()
    result["refused"] = sorted(p.name for p in (installation.data / "file_watcher" / "refused").iterdir())
    result["waiting"] = installation.list_waiting()
    return result


def assert_whole_files_only(installation: Installation) -> None:
    """Right after a kill: every dataset has all of its rows, and there are no others."""
    if installation.sql("select to_regclass('public.lists')") == [(None,)]:
        return
    assert (
        installation.sql(
            """select coalesce(d.dataset_id, t.dataset_id), d.rows_loaded, t.found from dba.tdataset d
               full join (select dataset_id, count(*) as found from public.lists group by 1) t using (dataset_id)
               where coalesce(d.rows_loaded, -1) <> coalesce(t.found, 0)"""
        )
        == []
    )


def run_to_the_end(installation: Installation) -> None:
    """The next run; the server may need a moment to notice that the killed one is gone."""
    for _ in range(20):
        done = installation.run("generic_import", "lists")
        if done.returncode != 75:
            break
        time.sleep(0.5)
    assert done.returncode in (0, 65), done.stderr


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """The state after a run that nothing disturbed, and its seconds."""
    with open_installations(server, tmp_path_factory.mktemp("undisturbed")) as make_one:
        installation = make_one()
        begun = time.monotonic()
        run_to_the_end(installation)
        return state(installation), time.monotonic() - begun


def kill_at_random(make: Make, undisturbed: tuple[dict[str, Any], float], tries: int, seed: int) -> None:
    expected, duration = undisturbed
    chance = random.Random(seed)
    for _ in range(tries):
        installation = make()
        instant = chance.uniform(0.1, duration)
        process = installation.start("generic_import", "lists")
        time.sleep(instant)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert_whole_files_only(installation)
        run_to_the_end(installation)
        assert state(installation) == expected, f"killed after {instant:.3f} s"
        assert installation.sql("select count(*) from dba.trun where status = 'running'") == [(0,)]


@pytest.mark.parametrize("seed", range(5))
def test_kill_at_50_random_instants(make: Make, undisturbed: tuple[dict[str, Any], float], seed: int) -> None:
    kill_at_random(make, undisturbed, 10, seed)


@pytest.fixture
def kills(server: Server, tmp_path: Path) -> Iterator[Kills]:
    """Kills on every road; ETL_KILL_SEED draws others."""
    result = Kills(server, tmp_path, KILL_SEED)
    yield result
    result.close()


@pytest.mark.timeout(600)
def test_a_kill_on_every_fourth_road_ends_like_an_undisturbed_run(kills: Kills) -> None:
    for number in range(1, len(kills.roads), 4):
        print(kills.once(number))


@pytest.mark.long
@pytest.mark.timeout(6 * 3600)
def test_1000_kills_over_all_roads_lose_and_double_nothing(kills: Kills) -> None:
    """ETL_KILL_NUMBERS=17-17 repeats number 17 of ETL_KILL_SEED alone."""
    first, last = KILL_NUMBERS
    print(f"seed {kills.seed}, numbers {first} to {last}")
    faults = []
    for number in range(first, last + 1):
        try:
            print(kills.once(number))
        except AssertionError as error:
            print(f"FAULT {error}")
            faults.append(str(error))
    assert faults == []


BOUNDARIES = [
    ("systemscripts.file_ledger:register_file", "after", 3),
    ("systemscripts.ingest.prepare:_record_hash_and_size", "after", 1),
    ("systemscripts.ingest.prepare:_record_prepared", "after", 2),
    ("systemscripts.imports.target_plan:extend_table", "before", 1),
    ("systemscripts.imports.target_plan:extend_table", "after", 1),
    ("systemscripts.datasets.states:create_dataset", "after", 3),
    ("systemscripts.imports.copy_rows:_try_copy", "after", 1),
    ("systemscripts.imports.copy_rows:copy_table", "after", 2),
    ("systemscripts.ingest.load:load_rows", "after", 1),
    ("systemscripts.ingest.refuse_file:refuse_file", "before", 1),
    ("systemscripts.ingest.refuse_file:refuse_file", "after", 1),
    ("systemscripts.ingest.archive_and_settle:finish_file", "before", 1),
    ("systemscripts.ingest.archive_and_settle:finish_file", "after", 2),
    ("systemscripts.ingest.archive_and_settle:move_file", "before", 1),
    ("systemscripts.ingest.archive_and_settle:move_file", "after", 1),
    ("systemscripts.ingest.archive_and_settle:atomic_write", "after", 1),
    ("systemscripts.file_ledger:mark_archived", "before", 2),
    ("systemscripts.file_ledger:mark_archived", "after", 2),
    ("systemscripts.file_ledger:mark_settled", "before", 1),
]


@pytest.mark.parametrize(("function", "when", "nth"), BOUNDARIES)
def test_kill_at_every_step_boundary(
    make: Make, undisturbed: tuple[dict[str, Any], float], function: str, when: str, nth: int
) -> None:
    expected, _ = undisturbed
    installation = make()
    done = subprocess.run(
        [sys.executable, str(KILLING), function, when, str(nth), "generic_import", "lists"],
        env=installation.process_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, f"{function} was never called: {done.stderr}"
    assert_whole_files_only(installation)
    run_to_the_end(installation)
    assert state(installation) == expected
