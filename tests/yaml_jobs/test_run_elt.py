"""A whole job in one YAML file: three real sources at once, watched, stopped, scheduled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from demo import sftp_server
from demo.odata_server import ODataServer
from systemscripts import settings
from systemscripts.configuration import uploads, yaml_documents, yaml_job
from systemscripts.errors import ConfigurationError
from tests.conftest import PROJECT, Installation
from tests.ssh import servers
from tests.ssh.servers import Place
from tests.tiny_jobs import Mails, mails

__all__ = ["mails"]  # the fixture

TOKEN, PASSWORD = "a-long-secret-token", "another-secret-word"
HEADER = "order_id,ordered_at,amount\n"
EXAMPLE = """\
sources:
  - type: local
    path: ./incoming
  - type: api
    url: {url}
    token: ${{SOURCE_API_TOKEN}}
    records: value
  - type: sftp
    sftp:
      {{host: {host}, port: {port}, username: {user}, password: "${{SOURCE_PASSWORD}}", remote_path: /in/sample.csv}}
target: {{table: public.orders}}
schema: {{order_id: integer, ordered_at: timestamp, amount: numeric}}
strict_mode: true
output_csv_path: results/orders.csv
"""
LOCAL = """\
sources: [{type: local, path: ./incoming}]
target: {table: public.orders}
schema: {order_id: integer, ordered_at: timestamp, amount: numeric}
"""


def row(number: int, amount: str = "1.50") -> str:
    return f"{number},2026-01-05 02:00:00,{amount}\n"


def record(number: int) -> dict[str, Any]:
    return {"amount": 2.5, "order_id": number, "ordered_at": "2026-01-05T03:00:00", "note": "not declared"}


@pytest.fixture
def api() -> Iterator[ODataServer]:
    with ODataServer(page_size=1000) as server:
        server.records["data"] = [record(10), record(11)]
        server.token = TOKEN
        yield server


@pytest.fixture
def remote(installation: Installation, tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "server" / "root"
    folder = root / "in"
    folder.mkdir(parents=True)
    with sftp_server.SftpServer(root, tmp_path / "server" / "keys", password=PASSWORD) as server:
        installation.write_settings(
            SFTP_STILL_SECONDS="0.2", SFTP_ANSWER_SECONDS="20", SOURCE_API_TOKEN=TOKEN, SOURCE_PASSWORD=PASSWORD
        )
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        yield Place("127.0.0.1", server.port, sftp_server.USER, server.client_key_path, folder)


def drop_file(host: Installation, name: str, content: str, folder: str = "incoming", age_seconds: float = 60) -> Path:
    path = host.data / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    moment = time.time() - age_seconds
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def job(installation: Installation, api: ODataServer, remote: Place) -> Path:
    path = installation.data / "orders.yaml"
    path.write_text(EXAMPLE.format(url=f"{api.base_url}/data", host=remote.host, port=remote.port, user=remote.user))
    drop_file(installation, "local.csv", HEADER + row(1) + row(2))
    remote.put("sample.csv", HEADER + row(20) + row(21))
    return path


def orders(host: Installation) -> list[int]:
    return [number for (number,) in host.sql("select order_id from public.orders_current order by 1")]


def test_all_three_sources_become_one_table_and_unchanged_ones_add_nothing(
    installation: Installation, job: Path, api: ODataServer, remote: Place
) -> None:
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 0, done.stderr
    assert orders(installation) == [1, 2, 10, 11, 20, 21]
    files = "select f.source, d.rows_loaded from dba.tfile f join dba.tdataset d using (dataset_id) order by 1"
    assert installation.sql(files) == [("api", 2), ("local", 2), ("sftp", 2)]
    combined = (installation.data / "results" / "orders.csv").read_text().splitlines()
    assert combined[0] == "order_id,ordered_at,amount" and len(combined) == 7
    again = installation.summary("run_elt", job, "--once")
    assert (again["exit_code"], again["counts"]["loaded"]) == (0, 0)
    drop_file(installation, "local.csv", HEADER + row(1) + row(2) + row(3))
    one_more = installation.summary("run_elt", job, "--once")
    assert (one_more["counts"]["loaded"], one_more["counts"]["rejected"]) == (1, 0)
    api.records["data"].append(record(12))
    remote.put("sample.csv", HEADER + row(20) + row(21) + row(22))
    assert installation.summary("run_elt", job, "--once")["counts"]["loaded"] == 2
    assert orders(installation) == [1, 2, 3, 10, 11, 12, 20, 21, 22]
    assert (installation.data / "incoming" / "local.csv").exists() and remote.names() == ["sample.csv"]


def test_no_secret_is_seen_anywhere(installation: Installation, job: Path) -> None:
    done = installation.run("run_elt", job, "--once", "--debug")
    history = str(installation.sql("select * from dba.tconfighistory"))
    everything = installation.read_logs() + done.stdout + done.stderr + history
    assert done.returncode == 0 and TOKEN not in everything and PASSWORD not in everything


def test_a_named_file_that_is_not_there_is_said(installation: Installation, job: Path, remote: Place) -> None:
    job.write_text(job.read_text().replace("path: ./incoming", "path: ./incoming/absent.csv"))
    (remote.folder / "sample.csv").unlink()
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 0, done.stderr
    assert f"warning: {installation.data}/incoming/absent.csv does not exist" in done.stdout
    assert f"warning: /in/sample.csv does not exist at [127.0.0.1]:{remote.port}" in done.stdout


def test_secrets_in_the_file_itself_work_with_a_warning_and_stand_in_no_table(
    installation: Installation, job: Path
) -> None:
    job.write_text(job.read_text().replace("${SOURCE_API_TOKEN}", TOKEN).replace("${SOURCE_PASSWORD}", PASSWORD))
    job = job.rename(job.with_name("plain orders.yaml"))
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 0, done.stderr
    assert orders(installation) == [1, 2, 10, 11, 20, 21]
    for key in ("token", "password"):
        assert done.stdout.count(f"{key} is written in {job} itself") == 1
    moved = job.rename(installation.data / "var" / job.name)  # read where it is now
    again = installation.summary("run_elt", moved, "--once")
    assert (again["exit_code"], again["counts"]["loaded"]) == (0, 0)
    rows = installation.sql(
        "select t::text from dba.timportconfig t union all select h::text from dba.tconfighistory h"
    )
    everything = str(rows) + installation.read_logs().replace(moved.read_text(), "") + done.stdout + done.stderr
    assert TOKEN not in everything and PASSWORD not in everything


def test_a_source_that_is_down_fails_before_anything_is_loaded_unless_it_is_optional(
    installation: Installation, job: Path, api: ODataServer
) -> None:
    api.fault = lambda number, path, query: "401"
    api.token = "another"
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 78 and "HTTP 401" in done.stderr
    assert installation.sql("select count(*) from dba.tdataset") == [(0,)]
    job.write_text(job.read_text().replace("- type: api\n", "- type: api\n    optional: true\n"))
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 0, done.stderr
    assert orders(installation) == [1, 2, 20, 21]
    assert "an optional source is left out" in done.stdout


def test_every_kind_of_source_loads_through_the_one_import(installation: Installation, job: Path) -> None:
    """api, sftp, local and a YAML job leave the same traces as a file that was dropped by hand."""
    assert installation.run("run_elt", job, "--once").returncode == 0
    installation.configure("dropped", load_mode="new_rows", target_table="public.dropped")
    installation.drop("dropped.csv", HEADER + row(30))
    assert installation.run("generic_import", "dropped").returncode == 0
    rows = installation.sql(
        """select f.source, f.status, f.archived_at is not null, f.settled_at is not null, d.status, d.load_mode,
               d.rows_loaded = (select count(*) from public.orders o where o.dataset_id = d.dataset_id)
                   or d.target_table = 'public.dropped', l.message like '%: dataset %'
           from dba.tfile f join dba.tdataset d using (dataset_id)
           join dba.tlogentry l on l.run_uuid = d.run_uuid and l.logger = 'systemscripts.ingest.load'
               and l.message like f.name || '%' order by 1"""
    )
    same = ("loaded", True, True, "active", "new_rows", True, True)
    assert rows == [("api", *same), ("local", *same), ("local", *same), ("sftp", *same)]
    assert len(installation.read_archive()) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_of_jobs_that_run_once_and_of_one_that_watches_is_one_mail(
    installation: Installation, mails: Mails
) -> None:
    archive = installation.data / "archive"
    archive.mkdir(exist_ok=True)
    paths = []
    for name in ("once", "again", "watching"):
        drop_file(installation, f"{name}.csv", HEADER + row(1) + f"1,2026-01-05 02:00:00,{'9' * 30}\n" * 5000, name)
        paths.append(installation.data / f"{name}.yaml")
        paths[-1].write_text(LOCAL.replace("./incoming", f"./{name}").replace(".orders", f".{name}"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", archive], capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        for path in paths[:2]:
            # the second run finds a file that the first one loaded and could not archive
            assert [installation.run("run_elt", path, "--once").returncode for _ in range(2)] == [1, 1]
        process = watch(installation, paths[2])
        process.communicate("g\n", timeout=60)
    finally:
        subprocess.run(["umount", archive], check=True)
    [text] = mails.list_subjects()
    assert f"the disk of {archive} is full" in text
    assert installation.run("run_elt", paths[0], "--once").returncode == 0


def watch(host: Installation, path: Path, *options: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        host.command("run_elt", path, *options), env=host.process_environment(), cwd=host.data, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("watching"):
            return process
    raise AssertionError(process.communicate())


def loaded_within(host: Installation, number: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if number in orders(host):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def watched(installation: Installation) -> Path:
    drop_file(installation, "first.csv", HEADER + row(1))
    path = installation.data / "orders.yaml"
    path.write_text(LOCAL)
    return path


def test_a_new_file_is_loaded_soon_after_its_last_byte_and_g_stops(installation: Installation, watched: Path) -> None:
    process = watch(installation, watched)
    with (installation.data / "incoming" / "second.csv").open("w") as stream:
        stream.write(HEADER + row(2))
        for number in range(3, 7):  # another program is still writing
            time.sleep(0.5)
            stream.write(row(number))
            stream.flush()
    begun = time.monotonic()
    assert loaded_within(installation, 6, 30)
    assert time.monotonic() - begun < 10  # 3 to 4 on a quiet machine
    assert orders(installation) == [1, 2, 3, 4, 5, 6]
    out, errors = process.communicate("g\n", timeout=60)
    assert process.returncode == 0, errors
    assert "stopped by g and Enter" in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_after_the_load_under_way(
    installation: Installation, watched: Path, number: signal.Signals, code: int
) -> None:
    process = watch(installation, watched)
    many = HEADER + "".join(row(n) for n in range(100, 60_100))
    drop_file(installation, "big.csv", many)
    until = time.monotonic() + 30
    while time.monotonic() < until:  # the load has begun
        if installation.sql("select count(*) from dba.tfile where status = 'prepared'") == [(1,)]:
            break
        time.sleep(0.02)
    process.send_signal(number)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    loaded = installation.sql("select sum(rows_loaded) from dba.tdataset")[0][0]
    assert f"{loaded:,} loaded, 0 rejected" in out and "stopped by a signal" in out  # the totals are told nevertheless
    assert installation.sql("select rows_loaded from dba.trun where job = 'run_elt'") == [(loaded,)]
    assert installation.sql("select count(*) from public.orders") in ([(60_001,)], [(1,)])
    whole = installation.sql("select rows_loaded from dba.tdataset order by dataset_id")
    assert sum(count for (count,) in whole) == installation.sql("select count(*) from public.orders")[0][0]
    assert installation.sql("select status from dba.trun where job = 'run_elt'") == [("interrupted",)]


def test_a_signal_does_not_wait_for_a_source_that_is_slow(
    installation: Installation, job: Path, api: ODataServer
) -> None:
    patient = "    records: value\n    limits: {first_pause_seconds: 60}\n"
    job.write_text(job.read_text().replace("    records: value\n", patient))
    process = watch(installation, job, "--poll-seconds", "1")
    asked = len(api.requests)
    api.fault = lambda number, path, query: "503"
    until = time.monotonic() + 60
    while len(api.requests) == asked:
        assert time.monotonic() < until
        time.sleep(0.1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in errors) == (143, False), errors
    assert time.monotonic() - begun < 30  # it would have waited for a minute, then two
    assert "in 1 pass: 6 rows read, 6 loaded" in out
    assert installation.sql("select rows_loaded, status from dba.trun where job = 'run_elt'") == [(6, "interrupted")]


def test_one_job_runs_once_however_its_file_is_named(installation: Installation, watched: Path) -> None:
    process = watch(installation, watched)
    (installation.data / "other").mkdir()
    for named in ("orders.yaml", "./orders.yaml", "other/../orders.yaml", "orders"):
        busy = installation.run("run_elt", named, "--once")
        assert (busy.returncode, "run_elt orders is already running since" in busy.stderr) == (75, True), busy.stderr
    assert installation.run("run_elt", "./orders.yaml", "--check").returncode == 0  # it only looks
    process.communicate("g\n", timeout=60)
    assert process.returncode == 0
    assert installation.sql("select distinct status from dba.trun where job = 'run_elt' order by 1") == [
        ("skipped",), ("succeeded",),
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["incoming/all.csv", "file_watcher/all.csv", "file_watcher/orders/all.csv"])
def test_the_combined_csv_does_not_come_in_again(installation: Installation, watched: Path, step: str) -> None:
    watched.write_text(LOCAL + f"output_csv_path: {step}\n")
    done = installation.run("run_elt", watched, "--once")
    assert done.returncode == 78
    assert f"line 4: output_csv_path {step} is in a folder that a source reads" in done.stderr
    assert installation.sql("select to_regclass('public.orders')") == [(None,)]


def test_the_combined_csv_may_lie_elsewhere_which_is_said(
    installation: Installation, watched: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "share" / "orders.csv"
    watched.write_text(LOCAL + f"output_csv_path: {elsewhere}\n")
    done = installation.run("run_elt", watched, "--once")
    assert done.returncode == 0, done.stderr
    assert f"wrote {elsewhere}, outside the data folder: 1 rows" in done.stdout
    assert elsewhere.read_text() == HEADER + row(1)
    watched.write_text(LOCAL + f"output_csv_path: {installation.settings_file}/orders.csv\n")
    elsewhere.unlink()
    done = installation.run("run_elt", watched, "--once")
    assert done.returncode == 1 and "orders.csv cannot be written: " in done.stderr
    assert "The rows are loaded" in done.stderr


def test_start_time_is_waited_for_and_end_time_stops(installation: Installation, watched: Path) -> None:
    watched.write_text(LOCAL + 'start_time: "2026-01-05 02:00"\nend_time: "2026-01-05 02:00:03"\n')
    begun = time.monotonic()
    done = installation.run("run_elt", watched, ETL_NOW="2026-01-05T01:59:54")
    assert done.returncode == 0, done.stderr
    assert 8 <= time.monotonic() - begun < 60
    assert "waiting for start_time 2026-01-05 02:00" in done.stdout
    assert "stopped by end_time" in done.stdout
    assert orders(installation) == [1]


def test_a_start_time_already_past_starts_at_once_unless_end_time_is_over(
    installation: Installation, watched: Path
) -> None:
    watched.write_text(LOCAL + 'start_time: "2026-01-05 02:00"\nend_time: "2026-01-05 06:00"\n')
    over = installation.run("run_elt", watched, ETL_NOW="2026-01-06T00:00:00")
    assert (over.returncode, "end_time 2026-01-05 06:00 of orders has passed" in over.stderr) == (78, True)
    installation.environment["ETL_NOW"] = "2026-01-05T03:00:00"
    process = watch(installation, watched)
    process.communicate("g\n", timeout=60)
    assert process.returncode == 0
    assert orders(installation) == [1]


def test_versions_are_kept_and_the_same_content_is_no_new_one(installation: Installation, watched: Path) -> None:
    for content in (LOCAL, LOCAL, LOCAL + "max_rejects: 3\n"):
        watched.write_text(content)
        assert installation.run("run_elt", watched, "--once").returncode == 0
    history = "select version, source, content ->> 'max_rejects' from dba.tconfighistory where config_name = 'orders'"
    assert installation.sql(history) == [(1, "yaml", "10"), (2, "yaml", "3")]


def test_the_older_spelling_is_taken_with_a_warning(installation: Installation, watched: Path) -> None:
    older = "{type: postgres, host: db, user: etl, password: geheim99, table: public.orders}"
    watched.write_text(LOCAL.replace("{table: public.orders}", older))
    done = installation.run("run_elt", watched, "--once")
    assert done.returncode == 0, done.stderr
    assert "target.password is not used: the database is set in config/.env, where secrets belong" in done.stdout
    assert orders(installation) == [1]
    assert "geheim99" not in installation.read_logs() + done.stdout + done.stderr
    assert installation.sql("select count(*) from dba.tconfighistory where content::text like '%geheim99%'") == [(0,)]


def test_what_a_later_try_may_mend_is_tried_three_times(
    installation: Installation, job: Path, api: ODataServer
) -> None:
    job.write_text(job.read_text().replace("    records: value\n", "    records: value\n    limits: {attempts: 1}\n"))
    api.fault = lambda number, path, query: "503" if number == 1 else ""
    done = installation.run("run_elt", job, "--once")
    assert done.returncode == 0, done.stderr
    assert len(api.requests) == 2 and orders(installation) == [1, 2, 10, 11, 20, 21]
    api.records["data"].append(record(12))
    api.fault = lambda number, path, query: "503"
    assert installation.run("run_elt", job, "--once").returncode == 75
    assert len(api.requests) == 5


def test_an_api_that_fails_is_asked_three_times_in_all(installation: Installation, job: Path, api: ODataServer) -> None:
    quick = "    records: value\n    limits: {first_pause_seconds: 0.01}\n"
    job.write_text(job.read_text().replace("    records: value\n", quick))
    api.fault = lambda number, path, query: "503"
    done = installation.run("run_elt", job, "--once")
    assert (done.returncode, len(api.requests)) == (75, 3), done.stderr
    assert "after 3 attempts" in done.stderr


def is_alerted(host: Installation, text: str) -> bool:
    for path in (host.data / "var" / "alerts").glob("*"):
        with contextlib.suppress(OSError):  # it was just replaced
            if text in path.read_text():
                return True
    return False


def log_lines(host: Installation) -> int:
    return sum(path.read_text().count("\n") for path in (host.data / "logs").rglob("*.jsonl"))


def test_other_sources_are_asked_while_watching(installation: Installation, job: Path, api: ODataServer) -> None:
    process = watch(installation, job, "--poll-seconds", "1")
    asked, said = len(api.requests), log_lines(installation)
    until = time.monotonic() + 60
    while len(api.requests) < asked + 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert log_lines(installation) == said > 0  # weeks of quiet passes leave nothing
    api.records["data"].append(record(12))
    assert loaded_within(installation, 12, 30)
    api.token = "another"  # a pass that fails does not end the watch, and is told
    until = time.monotonic() + 30
    while not is_alerted(installation, "HTTP 401"):
        assert time.monotonic() < until
        time.sleep(0.2)
    api.token = TOKEN
    api.records["data"].append(record(13))
    assert loaded_within(installation, 13, 30)
    process.communicate("g\n", timeout=60)
    assert process.returncode == 0


def upload(host: Installation, content: str, **more: str) -> None:
    host.write_settings(**more)
    settings.reset()
    with contextlib.closing(psycopg2.connect(host.url)) as connection:
        assert uploads.store_upload(connection, "uploaded", content.encode()) == 1


def test_an_uploaded_job_runs_by_its_name_and_today_s_rules(
    here: Installation, api: ODataServer, remote: Place
) -> None:
    content = f"""\
sources:
  - {{type: api, url: '{api.base_url}/data', token: '${{SOURCE_API_TOKEN}}', records: value}}
  - {{type: sftp, host: 127.0.0.1, port: {remote.port}, user: {remote.user}, password: '${{SOURCE_PASSWORD}}',
     path: /in}}
target: {{table: public.orders}}
schema: {{order_id: integer, ordered_at: timestamp, amount: numeric}}
strict_mode: true
"""
    remote.put("sample.csv", HEADER + row(20))
    allowed = {"UPLOAD_ALLOWED_HOSTS": "127.0.0.1"}
    bound = {"UPLOAD_VARIABLE_HOSTS": "SOURCE_API_TOKEN@127.0.0.1,SOURCE_PASSWORD@127.0.0.1"}
    upload(here, content, **allowed, **bound)
    done = here.run("run_elt", "uploaded", "--once")
    assert done.returncode == 0, done.stderr
    assert orders(here) == [10, 11, 20]
    assert here.sql("select version, source from dba.tconfighistory where config_name = 'uploaded'") == [(1, "upload")]
    remote.put("second.csv", HEADER + row(21))
    # it fills the table that it made; once an import of the operator names that table, it does not
    assert here.run("run_elt", "uploaded", "--once").returncode == 0
    assert orders(here) == [10, 11, 20, 21]
    here.configure("claims", target_table="public.orders")
    refused = here.run("run_elt", "uploaded", "--once")
    assert refused.returncode == 78 and "public.orders is the target of the import claims" in refused.stderr
    here.sql("delete from dba.timportconfig where config_name = 'claims'")
    here.write_settings(UPLOAD_ALLOWED_HOSTS="api.example.test")
    for script in (("run_elt", "uploaded", "--once"), ("generic_import", "uploaded")):
        refused = here.run(*script)
        assert refused.returncode == 78
        assert "breaks today's rules: the host 127.0.0.1 is not among those" in refused.stderr
    assert len(api.requests) == 2


def test_all_files_are_prepared_before_the_first_is_loaded_and_a_kill_there_loses_none(
    installation: Installation, job: Path
) -> None:
    killing = PROJECT / "tests" / "ingest" / "kill_point.py"
    step = ("systemscripts.ingest.load:load_rows", "before", "1", "run_elt", str(job), "--once")
    done = subprocess.run(
        [sys.executable, str(killing), *step], env=installation.process_environment(), capture_output=True,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert installation.sql("select source, status from dba.tfile order by 1") == [
        ("api", "prepared"), ("local", "prepared"), ("sftp", "prepared"),
    ]  # fmt: skip
    for _ in range(20):
        again = installation.run("run_elt", job, "--once")
        if again.returncode != 75:
            break
        time.sleep(0.5)
    assert again.returncode == 0, again.stderr
    assert orders(installation) == [1, 2, 10, 11, 20, 21]
    assert installation.sql("select count(*) from dba.tdataset") == [(3,)]


def test_an_undone_job_rests_until_it_is_switched_on_again(installation: Installation, job: Path) -> None:
    assert installation.run("run_elt", job, "--once").returncode == 0
    undone = installation.summary("generic_import", "--undo", 1)
    assert any("is paused" in text for text in undone["warnings"])
    rests = installation.run("run_elt", job, "--once")
    assert (rests.returncode, "the job orders is not active" in rests.stderr) == (78, True)
    installation.sql("update dba.timportconfig set is_active = true")
    assert installation.run("run_elt", job, "--once").returncode == 0
    assert len(orders(installation)) == 4


def test_check_says_what_a_well_written_job_lacks_on_this_host(installation: Installation) -> None:
    path = installation.data / "orders.yaml"
    sources = """sources:
  - {type: api, url: "https://api.example.test/x", token: "${API_TOKN}"}
  - {type: local, path: ./incomming}
target: {table: public.orders}
"""
    path.write_text(sources)
    installation.write_settings(SOURCE_API_TOKEN="a-long-secret-token")
    (installation.data / "incoming").mkdir()
    done = installation.run("run_elt", path, "--check")
    problems = [line for line in done.stdout.splitlines() if line.startswith("problem: ")]
    assert done.returncode == 78 and len(problems) == 2
    assert "source 1 (api): ${SOURCE_API_TOKN} is not set, did you mean SOURCE_API_TOKEN?" in problems[0]
    assert problems[1].endswith("incomming does not exist. Create the folder, or correct path.")
    path.write_text(path.read_text().replace("TOKN", "TOKEN").replace("incomming", "incoming"))
    done = installation.run("run_elt", path, "--check")
    assert (done.returncode, "is valid" in done.stdout) == (0, True)


@pytest.mark.parametrize("table", ["dba.tfile", "pg_catalog.pg_class", "information_schema.tables", "pg_toast.x"])
def test_a_job_fills_no_table_of_the_suite_or_of_postgresql(tmp_path: Path, table: str) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(LOCAL.replace("public.orders", table))
    with pytest.raises(ConfigurationError, match="is in a schema of PostgreSQL or of this program"):
        yaml_job.read_job(path)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a: 1\nsftp: {password: ${SFTP_PASSWORD}}\n", '"${SFTP_PASSWORD}"'),
        ("sources:\n  - {type: api, token: ${X:-y}, records: value}\n", '"${X:-y}"'),
        ("a: [${X}]\n", '"${X}"'),
        ("a: {url: https://${HOST}/x, b: 1}\n", '"https://${HOST}/x"'),
    ],
)
def test_a_variable_in_braces_is_to_be_quoted(tmp_path: Path, text: str, quoted: str) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="put it into quotes") as error:
        yaml_documents.read_document(path)
    assert f"put it into quotes: {quoted}" in str(error.value)
    path.write_text("a: {b: c}}\n")
    with pytest.raises(ConfigurationError) as other:
        yaml_documents.read_document(path)
    assert "quotes" not in str(other.value)


def test_check_shows_each_mistake_on_a_line_of_its_own(installation: Installation) -> None:
    path = installation.data / "orders.yaml"
    path.write_text("sources: [{type: lokal}]\ntarget: {tabel: public.orders}\nload_mode: newrows\n")
    done = installation.run("run_elt", path, "--check")
    assert done.returncode == 78
    faults = [line for line in done.stdout.splitlines() if line.startswith(f"problem: {path} line ")]
    assert len(faults) == 4 and f"{path}: 4 faults" in done.stdout
