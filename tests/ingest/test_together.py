"""Several at once: one loads, the other waits or comes back later; readers of the target notice nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.configuration import import_rows
from tests.conftest import Installation

LISTS = {"target_table": "public.lists", "file_pattern": r"lists.*\.csv", "load_mode": "append"}
TARGET_LOCK = "select pg_advisory_lock(hashtextextended('target public.lists', 0))"


def content(rows: int, *more: str) -> str:
    header, cells = ",".join(["name", "amount", *more]), "".join(f",{name}" for name in more)
    return header + "\n" + "".join(f"company number {n},{n}{cells}\n" for n in range(rows))


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)


def is_blocked(installation: Installation) -> bool:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    return installation.sql(waiting) != [(0,)]


@contextlib.contextmanager
def session(installation: Installation, *statements: str) -> Iterator[None]:
    """An open transaction of someone else."""
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield


def test_two_processes_on_one_file_load_it_once(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists.csv", content(50_000))
    # by name and by --all: two different locks of the frame, one of the import
    processes = [installation.start("generic_import", *arguments) for arguments in (("lists",), ("lists",), ("--all",))]
    errors = [process.communicate()[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, errors
    assert set(codes) <= {0, 75}, errors
    assert installation.sql("select count(*), count(distinct dataset_id) from public.lists") == [(50_000, 1)]
    assert installation.sql("select count(*) from dba.tfile where status = 'loaded'") == [(1,)]


def test_one_new_yaml_applied_by_many_at_once_is_one_version(here: Installation) -> None:
    path = here.data / "lists.yaml"
    path.write_text("file_pattern: 'lists.*'\ntarget_table: public.lists\n")
    document = configuration.read_document(path)
    together, faults = threading.Barrier(6), []

    def apply() -> None:
        with contextlib.closing(psycopg2.connect(here.url)) as connection:
            together.wait()
            try:
                import_rows.apply_document(connection, document)
            except psycopg2.Error as error:
                faults.append(error)

    threads = [threading.Thread(target=apply) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert here.sql("select config_name, version from dba.tconfighistory") == [("lists", 1)]


def test_a_busy_target_is_said_and_can_be_waited_for(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists.csv", content(3))
    with session(installation, TARGET_LOCK):
        done = installation.run("generic_import", "lists")
        assert done.returncode == 75
        assert "target public.lists is being worked on by a program without a name, login etl" in done.stderr
        waiting = installation.start("generic_import", "lists", "--wait")
        time.sleep(1.5)
        assert waiting.poll() is None
    _, error = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, error
    assert installation.sql("select count(*) from public.lists") == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "lock table public.lists in access exclusive mode",
        "select * from public.lists for update; lock table public.lists in share mode",
    ],
)
def test_a_lock_that_is_not_given_up_names_the_table_and_who_holds_it(
    installation: Installation, statement: str
) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists.csv", content(3))
    assert installation.run("generic_import", "lists").returncode == 0
    installation.drop("lists_2.csv", content(4))
    with contextlib.closing(psycopg2.connect(installation.url, application_name="DBeaver 24 - main")) as other:
        other.cursor().execute(statement)
        done = installation.run("generic_import", "lists", DATABASE_LOCK_SECONDS="1")
        pid = other.info.backend_pid
    assert done.returncode == 75
    text = " ".join(done.stderr.split())
    assert "waited 1 s for a lock on public.lists, held by DBeaver 24 - main, login etl" in text
    assert f"(server process {pid}), since 2" in text
    assert f"etl sql 'select pg_terminate_backend({pid})'" in text


def test_a_busy_import_is_said_with_the_run_that_works_on_it(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists.csv", content(3))
    assert installation.run("generic_import", "lists").returncode == 0
    installation.drop("lists_2.csv", content(4))
    with session(installation, "lock table public.lists in access exclusive mode"):
        working = installation.start("generic_import", "lists", DATABASE_LOCK_SECONDS="100")
        wait_until(lambda: is_blocked(installation))
        run = installation.sql("select run_uuid::text from dba.trun where status = 'running'")[0][0]
        # another command, so that not the lock of the frame is what it meets
        done = installation.run("generic_import", "--all")
        working.kill()
        working.communicate()
    assert done.returncode == 75
    text = " ".join(done.stderr.split())
    assert f"import lists is being worked on by generic_import lists, run {run} (server process " in text
    assert "stop that run in the console" in text


def test_two_imports_with_one_target_do_not_mix(installation: Installation) -> None:
    for name in ("first", "second"):
        installation.configure(name, target_table="public.lists", load_mode="append")
        installation.drop(f"{name}.csv", content(30_000))
    processes = [installation.start("generic_import", name, "--wait") for name in ("first", "second")]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert installation.sql(
        "select config_name, rows_loaded, (select count(*) from public.lists t where t.dataset_id = d.dataset_id) "
        "from dba.tdataset d order by 1"
    ) == [("first", 30_000, 30_000), ("second", 30_000, 30_000)]


def test_an_import_that_is_busy_does_not_stop_the_others(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.configure("others")
    installation.drop("lists.csv", content(3))
    installation.drop("others.csv", content(2))
    with session(installation, TARGET_LOCK):
        done = installation.run("generic_import", "--all")
    assert done.returncode == 75
    assert "lists: target public.lists is being worked on" in done.stderr
    assert installation.sql("select count(*) from public.others") == [(2,)]


class Reader(threading.Thread):
    """Reads the current rows over and over with the reader's login; notes the longest wait and the counts it saw."""

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        self.url, self.longest, self.counts, self.error = installation.reader_url, 0.0, set[int](), ""
        self._stop_it = threading.Event()

    def run(self) -> None:
        with contextlib.closing(psycopg2.connect(self.url, options="-c statement_timeout=5s")) as connection:
            connection.autocommit = True
            while not self._stop_it.is_set():
                begun = time.monotonic()
                try:
                    with connection.cursor() as cursor:
                        cursor.execute("select count(*) from public.lists_current")
                        self.counts.add(cursor.fetchall()[0][0])
                except psycopg2.Error as error:
                    self.error = str(error)
                    return
                self.longest = max(self.longest, time.monotonic() - begun)

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_it.set()
        self.join()


def test_readers_go_on_through_a_load_that_adds_columns_and_a_dry_run(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists_1.csv", content(10))
    assert installation.run("generic_import", "lists").returncode == 0
    installation.drop("lists_2.csv", content(150_000, "town", "land"))
    with Reader(installation) as reader:
        for options in (("--dry-run",), ()):
            done = installation.run("generic_import", "lists", *options)
            assert done.returncode == 0, done.stderr
    assert reader.error == ""
    assert reader.counts == {10, 150_010}  # all rows of a file or none
    assert reader.longest < 2


def test_readers_do_not_queue_behind_ddl_that_waits(installation: Installation) -> None:
    installation.configure("lists", **LISTS)
    installation.drop("lists_1.csv", content(10))
    assert installation.run("generic_import", "lists").returncode == 0
    installation.drop("lists_2.csv", content(5, "town"))
    with Reader(installation) as reader:
        with session(installation, "select count(*) from public.lists"):  # someone's long transaction
            process = installation.start("generic_import", "lists")
            wait_until(lambda: is_blocked(installation))
            time.sleep(2)
            assert process.poll() is None
        _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    assert reader.error == ""
    assert reader.longest < 2
    assert installation.sql("select count(*), count(town) from public.lists") == [(15, 5)]
