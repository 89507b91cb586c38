"""A report's attachments go to delivery targets as files; what could not go is tried again, once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import targets
from tests.conftest import Installation
from tests.reports.conftest import MoodySink
from tests.ssh import servers
from tests.ssh.servers import Place


@pytest.fixture
def place(mailing: Installation, tmp_path: Path) -> Iterator[Place]:
    """A report with an attachment for a folder on an SFTP server and for a person."""
    target = f"test_reports_{os.getpid()}"
    path = targets.FOLDER / f"{target}.yaml"
    path.parent.mkdir(exist_ok=True)
    mailing.write_settings(SFTP_ATTEMPTS="1")
    try:
        with servers.asyncssh_place(tmp_path / "server") as (found, fingerprint):
            servers.trust(mailing, found.host, found.port, fingerprint)
            login = f"host: {found.host}:{found.port}\nuser: {found.user}\nkey_file: {found.key_path}\n"
            path.write_text(f"type: sftp\npath: /in\n{login}")
            mailing.sql(
                """insert into dba.treportmanager
                   (report_name, subject, template, recipients, queries, attachments, targets)
                   values ('orders', 'Orders', 'tables', '{analyst@example.test}', '{"orders": "select 1 as order_id"}',
                           '[{"name": "orders.csv", "query": "orders"}]', %s)""",
                ([target],),
            )
            yield found
    finally:
        path.unlink()


def test_person_and_target_get_it_once(mailing: Installation, sink: MoodySink, place: Place) -> None:
    done = mailing.run("send_report", "orders")
    assert done.returncode == 0, done.stderr
    assert place.names() == ["orders.csv"]
    assert "order_id" in (place.folder / "orders.csv").read_text()
    assert [message["To"] for message in sink.read()] == ["analyst@example.test"]


def test_a_target_that_is_away_gets_it_later_and_the_person_once(
    mailing: Installation, sink: MoodySink, place: Place
) -> None:
    away = place.folder.with_name("away")
    place.folder.rename(away)
    failed = mailing.run("send_report", "orders")
    assert failed.returncode == 1 and "there is no folder /in" in failed.stderr
    assert mailing.sql("select status from dba.treportdelivery") == [("pending",)]
    away.rename(place.folder)
    mailing.sql("update dba.treportmanager set is_active = true, send_if = 'problems'")  # nothing new of its own
    done = mailing.run("send_report", "orders")
    assert done.returncode == 0, done.stderr
    assert place.names() == ["orders.csv"]
    assert len(sink.mails()) == 1
    assert mailing.sql("select status, cardinality(accepted) from dba.treportdelivery order by 1 desc") == [
        ("sent", 2), ("nothing", 0),
    ]  # fmt: skip
