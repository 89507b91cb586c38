"""Load mode new_rows: only rows that are not there yet, and their undo."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports, undo
from tests.conftest import Installation, Server

CONFIG: dict[str, Any] = {"load_mode": "new_rows", "target_table": "public.things"}
KILLING = Path(__file__).with_name("kill_point.py")
RUN = "00000000-0000-0000-0000-000000000000"


def load(installation: Installation, content: str, name: str = "things.csv") -> dict[str, Any]:
    installation.drop(name, content)
    return dict(installation.summary("generic_import", "things")["rows"][0])


def rows(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.sql("select a, b from public.things_current order by 1, 2")


def test_only_new_rows_are_inserted_and_twins_are_skipped(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    first = load(installation, "a,b\n1,x\n2,x\n1,x\n")
    assert (first["read"], first["loaded"], first["skipped"]) == (3, 2, 1)
    second = load(installation, "b,a\nx,2\nx,3\n")  # in another order of columns
    assert (second["read"], second["loaded"], second["skipped"]) == (2, 1, 1)
    assert rows(installation) == [("1", "x"), ("2", "x"), ("3", "x")]
    assert load(installation, "b,a\nx,2\nx,3\n")["state"] == "duplicate"


def test_a_file_of_nothing_but_twins_takes_no_longer_than_another(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    began = time.monotonic()
    row = load(installation, "a,b\n" + "1,x\n" * 60_000)
    assert (row["read"], row["loaded"], row["skipped"]) == (60_000, 1, 59_999)
    assert time.monotonic() - began < 40  # each compared with each: minutes


def test_the_index_of_a_new_target_is_built_behind_its_first_rows(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    list_indexes = "select indexdef from pg_indexes where tablename = 'things' and indexdef like '%(row_hash)'"
    installation.drop("things_0.csv", "a,b\n")
    installation.run("generic_import", "things")
    assert installation.sql(list_indexes) == []
    row = load(installation, "a,b\n3,x\n1,x\n3,x\n3,x\n", "things_1.csv")
    assert (row["loaded"], row["skipped"]) == (2, 2)
    # of equal rows the first one stays
    assert installation.sql("select source_row, a from things order by 1") == [(2, "3"), (3, "1")]
    (index,) = installation.sql(list_indexes)
    assert "UNIQUE" in index[0]
    recorded = "select config_name, file_id > 0 from dba.tschemachange where statement like 'create unique index%'"
    assert installation.sql(recorded) == [("things", True)]
    assert load(installation, "a,b\n1,x\n4,x\n", "things_2.csv")["loaded"] == 1
    assert installation.sql(list_indexes) == [index]


@pytest.mark.parametrize(
    "more_sql",
    [
        # as earlier versions created it
        "; create unique index on public.things (row_hash)",
        # such an index would need the column that divides the table, too
        " partition by range (dataset_id); create table public.part partition of public.things default",
        # only its owner can create an index
        """; comment on column public.things.a is 'header: a'; comment on column public.things.b is 'header: b';
        grant all on public.things to public; create view public.things_current as select * from public.things;
        create role {role}; grant {role} to current_user; grant create on schema public to {role};
        alter table public.things owner to {role}; revoke {role} from current_user""",
        # nor can its owner, where it may not create anything
        "; revoke create on schema public from pg_database_owner",
    ],
    ids=["index", "partitions", "owner", "schema"],
)
def test_a_target_that_gets_no_index_is_filled_all_the_same(installation: Installation, more_sql: str) -> None:
    columns = "dataset_id integer not null, source_row integer not null, row_hash uuid, a text, b text"
    role = f"keeper_{installation.url.rpartition('/')[2]}"
    installation.sql(f"create table public.things ({columns})" + more_sql.format(role=role))
    installation.configure("things", **CONFIG)
    row = load(installation, "a,b\n3,x\n1,x\n3,x\n", "things_1.csv")
    assert (row["loaded"], row["skipped"]) == (2, 1)
    row = load(installation, "a,b\n1,x\n4,x\n4,x\n", "things_2.csv")
    assert (row["loaded"], row["skipped"]) == (1, 2)
    assert installation.sql("select a, source_row from things order by 1") == [("1", 3), ("3", 2), ("4", 3)]
    assert installation.sql("select dataset_id, holder_id, rows from dba.tdatasetoverlap") == [(2, 1, 1)]
    if "{role}" in more_sql:
        installation.sql(
            f"grant {role} to current_user; reassign owned by {role} to current_user; drop owned by {role}; "
            f"drop role {role}"
        )


def test_the_server_keeps_no_list_of_all_new_rows_in_its_memory(server: Server, installation: Installation) -> None:
    installation.sql(
        """create table public.things (
               dataset_id integer not null, source_row integer not null, row_hash uuid unique, a text, b text);
           create table public.memory (bytes bigint);
           create function public.note_memory() returns trigger language plpgsql as $$ begin
               insert into public.memory
               select max(total_bytes) from pg_backend_memory_contexts where name = 'ExecutorState';
               return null; end $$;
           create trigger measured after insert on public.things for each statement
               execute function public.note_memory()"""
    )
    owner_url = server.owner.rpartition("/")[0] + "/" + installation.url.rpartition("/")[2]
    with contextlib.closing(psycopg2.connect(owner_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("grant select on pg_backend_memory_contexts to etl")
        cursor.execute("grant execute on function pg_get_backend_memory_contexts() to etl")
    installation.configure("things", **CONFIG)
    row = load(installation, "a,b\n" + "".join(f"{number},x\n" for number in range(50_000)))
    assert (row["read"], row["loaded"]) == (50_000, 50_000)
    # the place of a row alone takes six bytes
    ((most_bytes,),) = installation.sql("select max(bytes) from public.memory")
    assert most_bytes < 50_000 * 6


def test_text_of_the_file_counts_not_the_value_it_becomes(installation: Installation) -> None:
    installation.configure("things", **CONFIG, schema={"a": "numeric"})
    load(installation, "a,b\n1,x\n")
    assert load(installation, "a,b\n1.0,x\n1,x\n")["loaded"] == 1
    # neighbours are kept apart, and empty is not the same as another column's text
    assert load(installation, "a,b\n1,\n")["loaded"] == 1


def test_of_a_much_larger_target_only_the_rows_of_the_file_are_looked_up(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    load(installation, "a,b\n" + "".join(f"{number},x\n" for number in range(30_000)), "things_1.csv")
    installation.sql("analyze public.things")
    count_read = "select seq_tup_read from pg_stat_user_tables where relname = 'things'"
    before = installation.sql(count_read)
    row = load(installation, "a,b\n" + "".join(f"{number},x\n" for number in range(29_500, 30_500)), "things_2.csv")
    assert (row["loaded"], row["skipped"]) == (500, 500)
    assert installation.sql(count_read) == before


def test_the_hash_of_a_row_never_changes_whichever_road_it_took(installation: Installation) -> None:
    schema = {"n": {"type": "integer", "null": ["-"]}, "d": "date"}
    installation.configure("things", **CONFIG, schema=schema)
    usual = '7,2026-01-05,"say ""so"", \nZürich 𝄞"\n'
    # what PostgreSQL refuses of the second file, and the dash in the first, are converted by us
    files = (usual + "007,2026-01-05,\n" * 8 + "-,,  \n", "8,2026-01-05,x\n,2026-02-30,x\n")
    for number, text in enumerate(files):
        load(installation, f"n,d,note\n{text}", f"things_{number}.csv")
    texts = [
        'd=10:2026-01-05n=1:7note=19:say "so", \nZürich 𝄞', "d=10:2026-01-05n=3:007", "n=1:-note=2:  ",
        "d=10:2026-01-05n=1:8note=1:x",
    ]  # fmt: skip
    hashes = {hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts}
    assert {stored.replace("-", "") for (stored,) in installation.sql("select row_hash::text from things")} == hashes


def test_a_text_too_long_for_a_column_is_rejected_and_not_cut(installation: Installation) -> None:
    installation.sql(
        "create table public.things (dataset_id integer, source_row integer, row_hash uuid, a text, b varchar(3))"
    )
    installation.configure("things", **CONFIG, max_reject_rate=1)
    row = load(installation, "a,b\n2,abcd\n3,abc\n")
    assert (row["loaded"], row["rejected"]) == (1, 1)
    assert installation.sql("select a, b from public.things") == [("3", "abc")]


def test_a_column_not_named_before_is_refused_until_the_configuration_names_it(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    load(installation, "a,b\n1,x\n")
    installation.drop("things_2.csv", "a,b,c\n1,x,\n2,x,y\n")
    refused = installation.run("generic_import", "things")
    assert refused.returncode == 65
    assert "new columns: c" in refused.stderr
    installation.configure("things", **CONFIG, schema={"c": "text"})
    again = installation.summary("generic_import", "things", "--retry-refused")["rows"][0]
    assert (again["loaded"], again["skipped"]) == (1, 1)  # the row that leaves the new column empty is the old one


def test_columns_that_are_left_out_do_not_count(installation: Installation) -> None:
    installation.configure("things", **CONFIG, strict_mode=True, schema={"a": "text", "b": {"rename": "beta"}})
    load(installation, "a,b,stamp\n1,x,monday\n")
    assert load(installation, "a,beta_is_absent,b,stamp\n1,q,x,tuesday\n")["skipped"] == 1
    assert installation.sql("select a, beta from public.things") == [("1", "x")]


def test_rejects_and_their_replay_are_new_rows_too(installation: Installation) -> None:
    installation.configure("things", **CONFIG, schema={"a": "integer"})
    actual = load(installation, "a,b\n1,x\ntwo,x\n1,x\n")
    assert (actual["read"], actual["loaded"], actual["rejected"], actual["skipped"]) == (3, 1, 1, 1)
    installation.configure("things", **CONFIG, schema={"a": {"type": "integer", "null": ["two"]}})
    replayed = installation.summary("generic_import", "--replay-rejects", actual["dataset"])
    assert replayed["counts"]["loaded"] == 1
    assert rows(installation) == [(1, "x"), (None, "x")]


def test_an_existing_target_of_another_load_mode_is_no_target(installation: Installation) -> None:
    installation.configure("things", load_mode="append", target_table="public.things")
    load(installation, "a,b\n1,x\n")
    installation.configure("things", **CONFIG)
    installation.drop("things_2.csv", "a,b\n1,x\n3,x\n")
    done = installation.run("generic_import", "things")
    assert (done.returncode, "Name another target" in done.stderr) == (78, True)


def test_dry_run_says_how_many_rows_are_new_and_writes_nothing(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    installation.drop("things.csv", "a,b\n1,x\n2,x\n")
    assert "create unique index on" in installation.run("generic_import", "things", "--dry-run").stdout
    load(installation, "a,b\n1,x\n2,x\n")
    installation.drop("things_2.csv", "a,b\n2,x\n3,x\n")
    shown = installation.summary("generic_import", "things", "--dry-run")["rows"][0]
    assert (shown["loaded"], shown["skipped"]) == (1, 1)
    assert rows(installation) == [("1", "x"), ("2", "x")]


def test_undo_brings_in_what_later_files_skipped(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    first = load(installation, "a,b\n1,x\n2,x\n")
    second = load(installation, "a,b\n2,x\n3,x\n")
    undone = installation.summary("generic_import", "--undo", first["dataset"])
    assert undone["details"] == [f"dataset {second['dataset']} has 1 of its rows now, loaded from the archive"]
    assert rows(installation) == [("2", "x"), ("3", "x")]
    assert installation.sql(
        "select rows_read, rows_loaded, rows_skipped from dba.tdataset where status = 'active'"
    ) == [(2, 2, 0)]


def test_undo_without_the_archived_file_changes_nothing_unless_cascaded(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    first = load(installation, "a,b\n1,x\n2,x\n", "things_1.csv")
    load(installation, "a,b\n2,x\n3,x\n", "things_2.csv")
    next((installation.data / "archive").rglob("things_2.csv")).unlink()
    refused = installation.run("generic_import", "--undo", first["dataset"])
    assert (refused.returncode, "--cascade" in refused.stderr) == (2, True)
    assert len(rows(installation)) == 3
    assert installation.run("generic_import", "--undo", first["dataset"], "--cascade").returncode == 0
    assert rows(installation) == []


class Model:
    """The rules: a row is held by the first valid dataset that has it; undone contents stay known."""

    def __init__(self) -> None:
        self.datasets: dict[int, list[str]] = {}
        self.valid: dict[int, bool] = {}
        self.holder: dict[str, int] = {}

    def load(self, content: list[str]) -> str:
        if content in self.datasets.values():
            return "duplicate"
        number = len(self.datasets) + 1
        self.datasets[number], self.valid[number] = content, True
        self._claim(number)
        return "loaded"

    def undo(self, number: int) -> None:
        self.valid[number] = False
        self.holder = {row: by for row, by in self.holder.items() if by != number}
        for other in self.datasets:
            if self.valid[other]:
                self._claim(other)

    def _claim(self, number: int) -> None:
        for row in self.datasets[number]:
            self.holder.setdefault(row, number)


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


CONTENTS = st.lists(st.sampled_from("pqrstu"), min_size=1, max_size=5)
STEPS = st.lists(st.one_of(CONTENTS, CONTENTS, st.integers(0, 9)), min_size=3, max_size=9)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_order_of_loads_and_undos(here: Installation, connection: Any, steps: list[Any]) -> None:
    here.sql("truncate dba.tdataset, dba.tfile restart identity cascade; drop table if exists public.things cascade")
    here.configure("things", **CONFIG, archive_policy="single")
    config, directories = configuration.load_import(connection, "things"), Directories(here.data).create()
    model, numbers = Model(), itertools.count()
    for step in steps:
        if isinstance(step, list):
            here.drop(f"things_{next(numbers)}.csv", "a,b\n" + "".join(f"{row},x\n" for row in step))
            summary = run_imports.run_imports(connection, [config], directories, RUN, run_imports.Options())
            assert [row["state"] for row in summary.rows] == [model.load(step)], summary
        elif valid := [number for number, is_valid in model.valid.items() if is_valid]:
            chosen = valid[step % len(valid)]
            undo.undo_datasets(connection, RUN, chosen)
            model.undo(chosen)
    if model.datasets:
        assert here.sql("select a, dataset_id from public.things_current order by 1") == sorted(model.holder.items())
        held = {number: list(model.holder.values()).count(number) for number in model.datasets}
        assert here.sql("select dataset_id, rows_loaded from dba.tdataset where status = 'active' order by 1") == [
            (number, held[number]) for number in model.datasets if model.valid[number]
        ]


BOUNDARIES = [
    ("systemscripts.imports.target_plan:extend_table", "after", 1),
    ("systemscripts.imports.copy_rows:copy_table", "after", 2),
    ("systemscripts.imports.new_rows:insert_new_rows", "before", 1),
    ("systemscripts.imports.new_rows:insert_new_rows", "after", 2),
    ("systemscripts.ingest.load:load_rows", "after", 2),
    ("systemscripts.ingest.archive_and_settle:finish_file", "before", 2),
]
UNDO_BOUNDARIES = [
    ("systemscripts.datasets.states:undo_dataset", "after", 1),
    ("systemscripts.imports.new_rows:undo_new_rows", "after", 1),
    ("systemscripts.imports.new_rows:insert_new_rows", "after", 1),
    ("systemscripts.ingest.reload_archived:reload_skipped_rows", "after", 2),
    ("systemscripts.file_ledger:mark_undone", "after", 1),
]


def killed_at(installation: Installation, step: str, when: str, nth: int, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLING), step, when, str(nth), "generic_import", *map(str, arguments)],
        env=installation.process_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, f"{step} was never called: {done.stderr}"


def to_the_end(installation: Installation, *arguments: object) -> None:
    """The server may need a moment to notice that the killed run is gone."""
    for _ in range(20):
        done = installation.run("generic_import", *arguments)
        if done.returncode != 75:
            break
        time.sleep(0.5)
    assert done.returncode == 0, done.stderr


def state(installation: Installation) -> list[Any]:
    return [
        installation.sql("select a, b, source_row, dataset_id from public.things order by 1, 2"),
        installation.sql("select dataset_id, status, rows_read, rows_loaded, rows_skipped from dba.tdataset order by 1"),  # noqa: E501
        installation.sql("select name, status, rows_loaded, archived_at is not null from dba.tfile order by 1"),
        installation.sql("select dataset_id, holder_id, rows from dba.tdatasetoverlap order by 1, 2"),
        sorted(installation.read_archive()), installation.list_waiting(),
    ]  # fmt: skip


FILES = {"things_1.csv": "a,b\n1,x\n2,x\n", "things_2.csv": "a,b\n2,x\n3,x\n", "things_3.csv": "a,b\n1,x\n3,x\n4,x\n"}


def prepare(installation: Installation) -> None:
    installation.sql(
        """truncate dba.tdataset, dba.tfile, dba.tdatasetoverlap restart identity cascade;
           drop table if exists public.things cascade"""
    )
    for path in (installation.data / "archive").rglob("*.csv"):
        path.unlink()
    installation.configure("things", **CONFIG)
    for name, content in FILES.items():
        installation.drop(name, content)


@pytest.mark.timeout(300)
def test_killed_at_every_boundary_it_ends_like_an_undisturbed_run(installation: Installation) -> None:
    # the numbers of datasets that a killed run took are gone, so the sequence is set back before the next one
    prepare(installation)
    to_the_end(installation, "things")
    loaded = state(installation)
    to_the_end(installation, "--undo", 1)
    undone = state(installation)
    assert [row[:2] for row in undone[0]] == [("1", "x"), ("2", "x"), ("3", "x"), ("4", "x")]
    for step, when, nth in BOUNDARIES:
        prepare(installation)
        killed_at(installation, step, when, nth, "things")
        installation.sql(
            """select setval('dba.tdataset_dataset_id_seq', coalesce(max(dataset_id), 0) + 1, false)
               from dba.tdataset"""
        )
        to_the_end(installation, "things")
        assert state(installation) == loaded, f"killed {when} {step}"
    for step, when, nth in UNDO_BOUNDARIES:
        prepare(installation)
        to_the_end(installation, "things")
        killed_at(installation, step, when, nth, "--undo", 1)
        assert state(installation) == loaded, f"half an undo, killed {when} {step}"
        to_the_end(installation, "--undo", 1)
        assert state(installation) == undone, f"killed {when} {step}"
