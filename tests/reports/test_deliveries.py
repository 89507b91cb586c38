"""A report goes as files to shares, WebDAV, FTPS and by mail, once, wherever the run is killed."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pytest
import yaml

from systemscripts import targets
from systemscripts.errors import EtlError
from tests.clones import Clone
from tests.conftest import PROJECT, Installation
from tests.reports.conftest import MoodySink
from tests.sources import store_servers
from tests.sources.store_servers import PASSWORD, StoreServer

QUERY = (
    "select n as order_id, (n / 2.0)::numeric(9,2) as amount, 'a \"b\",' as note, date '2026-11-02' as day,"
    " nullif(n, 1) as other, timestamptz '2026-11-02 10:00+00' as moment from generate_series(1, 2) n"
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    built = Clone(tmp_path_factory.mktemp("deliveries") / "clone")
    (built.folder / "config" / "targets").mkdir(exist_ok=True)
    # it runs the scripts of the project that it is in
    (built.folder / "tests" / "ingest").mkdir(parents=True)
    shutil.copy2(PROJECT / "tests" / "ingest" / "kill_point.py", built.folder / "tests" / "ingest")
    return built


@pytest.fixture(scope="module")
def dav() -> Iterator[StoreServer]:
    with store_servers.running_webdav() as server:
        yield server


def configure(
    installation: Installation, clone: Clone, target: dict[str, object], names: tuple[str, ...] = ("orders.csv",)
) -> None:
    """A report that goes to one target alone."""
    (clone.folder / "config" / "targets" / "client.yaml").write_text(yaml.safe_dump(target))
    attachments = json.dumps([{"name": name, "query": "orders"} for name in names])
    installation.sql(
        """insert into dba.treportmanager (report_name, subject, template, queries, attachments, targets)
           values ('orders', 'Orders', 'tables', %s, %s, '{client}')""",
        (json.dumps({"orders": QUERY}), attachments),
    )


def build_target(server: StoreServer) -> dict[str, object]:
    return {key: value for key, value in server.options().items() if key != "settle"}


def kill(installation: Installation, clone: Clone, step: str, when: str) -> None:
    """Send the report, killed at a function."""
    script = clone.folder / "tests" / "ingest" / "kill_point.py"
    environment = clone.environment(installation) | {"PYTHONPATH": str(clone.folder)}
    command = [sys.executable, str(script), step, when, "1", "send_report", "orders"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=clone.folder)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("systemscripts.stores.store_files:put_aside", "after"),
        ("systemscripts.stores.store_files:publish_part", "before"),
        ("systemscripts.stores.store_files:publish_part", "after"),
        ("systemscripts.reports.delivery_ledger:_deliver_files", "after"),
    ],
)
def test_a_file_that_was_taken_away_is_not_delivered_again_after_a_kill(
    mailing: Installation, clone: Clone, dav: StoreServer, step: str, when: str
) -> None:
    dav.clear()
    mailing.write_settings(SOURCE_STORE_PASSWORD=PASSWORD)
    configure(mailing, clone, build_target(dav))
    kill(mailing, clone, step, when)
    taken = 0

    def take_away() -> int:
        # the client takes whole files, not those that begin with a dot
        path = dav.folder / "orders.csv"
        if not path.exists():
            return 0
        assert path.read_text("utf-8-sig").splitlines()[0] == "order_id,amount,note,day,other,moment"
        path.unlink()
        return 1

    taken += take_away()
    mailing.sql("update dba.treportmanager set send_if = 'problems'")
    done = clone.run(mailing, "send_report", "orders")
    assert done.returncode == 0, done.stderr
    assert taken + take_away() == 1
    assert dav.list_names() == []
    assert mailing.sql("select status, accepted from dba.treportdelivery where status <> 'nothing'") == [
        ("sent", ["target:client"])
    ]


def test_a_target_that_is_corrected_after_a_kill_gets_its_file(
    mailing: Installation, clone: Clone, dav: StoreServer
) -> None:
    """What lies under a temporary name in the wrong folder does not count in the right one."""
    dav.clear()
    right = dav.folder / "right"
    right.mkdir()
    mailing.write_settings(SOURCE_STORE_PASSWORD=PASSWORD)
    options = build_target(dav)
    configure(mailing, clone, options)
    kill(mailing, clone, "systemscripts.stores.store_files:publish_part", "before")
    corrected = yaml.safe_dump(options | {"path": f"{dav.path.rstrip('/')}/right"})
    (clone.folder / "config" / "targets" / "client.yaml").write_text(corrected)
    mailing.sql("update dba.treportmanager set send_if = 'problems'")
    done = clone.run(mailing, "send_report", "orders")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in right.iterdir()] == ["orders.csv"]
    assert mailing.sql("select status, accepted from dba.treportdelivery where status <> 'nothing'") == [
        ("sent", ["target:client"])
    ]
    shutil.rmtree(right)


@pytest.mark.parametrize("protocol", ["smb", "ftps"])
def test_every_door_replaces_a_file_as_a_whole(installation: Installation, tmp_path: Path, protocol: str) -> None:
    with store_servers.RUNNING[protocol]() as server:
        options = build_target(server) | {"password": PASSWORD}
        target = targets.Target.model_validate({"name": "client"} | options)
        report = tmp_path / "report ü#1.csv"
        for content in (b"first" * 100_000, b"second"):
            report.write_bytes(content)
            # vsftpd lists no names that begin with a dot
            if protocol == "smb":
                (server.folder / f".{report.name}.0123abcd.part").write_bytes(b"what a killed one has left")
            targets.deliver(target, [report])
            assert server.list_names() == [report.name]
            assert (server.folder / report.name).read_bytes() == content
        absent = targets.Target.model_validate({"name": "client"} | options | {"path": f"{server.path}/absent"})
        with pytest.raises(EtlError, match="there is no folder"):
            targets.deliver(absent, [report])


def test_a_mail_has_each_kind_of_file_and_no_kill_repeats_it(
    mailing: Installation, sink: MoodySink, clone: Clone
) -> None:
    names = ("orders.csv", "orders.xlsx", "orders.parquet")
    configure(mailing, clone, {"type": "mail", "to": "orders@client.example", "subject": "Your orders"}, names)
    kill(mailing, clone, "systemscripts.mail:send", "after")
    mailing.sql("update dba.treportmanager set send_if = 'problems'")
    done = clone.run(mailing, "send_report", "orders")
    assert done.returncode == 0, done.stderr
    [first] = sink.read()
    # the client is not told which host it is
    assert (first["To"], first["Subject"]) == ("orders@client.example", "Your orders")
    body = first.get_body()
    assert body is not None and body.get_content().strip() == "Attached: orders.csv, orders.xlsx, orders.parquet"
    files = {part.get_filename(): part.get_payload(decode=True) for part in first.iter_attachments()}
    assert tuple(files) == names
    assert b'1,0.50,"a ""b"",",2026-11-02,,' in files["orders.csv"]
    sheet = openpyxl.load_workbook(io.BytesIO(files["orders.xlsx"])).active
    assert sheet is not None and [cell.value for cell in sheet[2]][:2] == [1, 0.5]
    (path := clone.folder / "orders.parquet").write_bytes(files["orders.parquet"])
    described = duckdb.sql(f"describe select * from '{path}'").fetchall()
    assert [row[1] for row in described][:5] == ["BIGINT", "DECIMAL(3,2)", "VARCHAR", "DATE", "BIGINT"]
    assert described[5][1] == "TIMESTAMP WITH TIME ZONE"
    rows = duckdb.sql(f"select order_id, note, other from '{path}' order by 1").fetchall()
    assert rows == [(1, 'a "b",', None), (2, 'a "b",', 2)]


def test_a_file_that_is_too_large_is_not_left_out_in_silence(mailing: Installation, clone: Clone) -> None:
    configure(mailing, clone, {"type": "mail", "to": "orders@client.example"})
    mailing.write_settings(REPORT_ATTACHMENT_MB="0.00001")
    done = clone.run(mailing, "send_report", "orders")
    assert done.returncode == 78 and "REPORT_ATTACHMENT_MB" in done.stderr, done.stderr
