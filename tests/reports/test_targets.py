"""A report's attachments go to delivery targets as files; what could not go is tried again, once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.conftest import Installation
from tests.reports.conftest import MoodySink
from tests.ssh import servers


@dataclass
class Setting:
    """A folder on an SFTP server that a report goes to, and the clone of the project that knows it."""

    clone: Clone
    folder: Path

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def send(self, installation: Installation) -> subprocess.CompletedProcess[str]:
        return self.clone.run(installation, "send_report", "orders")


@pytest.fixture
def target(mailing: Installation, tmp_path: Path) -> Iterator[Setting]:
    """A report with an attachment for a folder on an SFTP server and for a person."""
    clone = Clone(tmp_path / "clone")
    mailing.write_settings(SFTP_ATTEMPTS="1")
    with servers.asyncssh_place(tmp_path / "server") as (server, fingerprint):
        servers.trust(mailing, server.host, server.port, fingerprint)
        login = f"host: {server.host}:{server.port}\nuser: {server.user}\nkey_file: {server.key_path}\n"
        (clone.folder / "config" / "targets").mkdir(exist_ok=True)
        (clone.folder / "config" / "targets" / "client.yaml").write_text(f"type: sftp\npath: /in\n{login}")
        mailing.sql(
            """insert into dba.treportmanager
               (report_name, subject, template, recipients, queries, attachments, targets)
               values ('orders', 'Orders', 'tables', '{analyst@example.test}', '{"orders": "select 1 as order_id"}',
                       '[{"name": "orders.csv", "query": "orders"}]', '{client}')"""
        )
        yield Setting(clone, server.folder)


def test_person_and_target_get_it_once(mailing: Installation, sink: MoodySink, target: Setting) -> None:
    done = target.send(mailing)
    assert done.returncode == 0, done.stderr
    assert target.names() == ["orders.csv"]
    assert "order_id" in (target.folder / "orders.csv").read_text()
    assert [message["To"] for message in sink.read()] == ["analyst@example.test"]


def test_a_target_that_is_away_gets_it_later_and_the_person_once(
    mailing: Installation, sink: MoodySink, target: Setting
) -> None:
    away = target.folder.with_name("away")
    target.folder.rename(away)
    failed = target.send(mailing)
    assert failed.returncode == 1 and "there is no folder /in" in failed.stderr
    assert mailing.sql("select status from dba.treportdelivery") == [("pending",)]
    away.rename(target.folder)
    mailing.sql("update dba.treportmanager set is_active = true, send_if = 'problems'")  # nothing new of its own
    done = target.send(mailing)
    assert done.returncode == 0, done.stderr
    assert target.names() == ["orders.csv"]
    assert len(sink.list_mails()) == 1
    assert mailing.sql("select status, cardinality(accepted) from dba.treportdelivery order by 1 desc") == [
        ("sent", 2), ("nothing", 0),
    ]  # fmt: skip
