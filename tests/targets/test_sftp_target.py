"""Files are delivered to SFTP servers whole or not at all, and again where a delivery was cut."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from demo import sftp_server
from systemscripts import targets
from systemscripts.errors import EtlError
from tests.clones import Clone
from tests.conftest import Installation
from tests.ssh import servers
from tests.ssh.servers import Place
from tests.webconsole.conftest import wait_for


@pytest.fixture(params=["openssh", "asyncssh"])
def remote(request: pytest.FixtureRequest, here: Installation, tmp_path: Path) -> Iterator[Place]:
    make = servers.openssh_place if request.param == "openssh" else servers.asyncssh_place
    with make(tmp_path / "server") as (remote, fingerprint):
        servers.trust(here, remote.host, remote.port, fingerprint)
        yield remote


def target(remote: Place, **more: Any) -> targets.Target:
    return targets.Target.model_validate({**remote.options(**more), "name": "client"})


def test_a_delivered_file_is_whole_and_replaces_the_one_before(
    here: Installation, remote: Place, tmp_path: Path
) -> None:
    report = tmp_path / "report.bin"
    for size in (3_000_000, 1_000, 0):
        report.write_bytes(os.urandom(size))
        targets.deliver(target(remote), [report])
        assert remote.names() == ["report.bin"]
        assert (remote.folder / "report.bin").read_bytes() == report.read_bytes()


def test_cut_connections_end_in_the_same_file(here: Installation, remote: Place, tmp_path: Path) -> None:
    report = tmp_path / "report.bin"
    report.write_bytes(os.urandom(4_000_000))
    with servers.CuttingProxy(remote.port, 4, 2_000, 4_000, seed=4) as proxy:
        known_hosts = here.data / "var" / "ssh" / "known_hosts"
        known_hosts.write_text(known_hosts.read_text().replace(f":{remote.port} ", f":{proxy.port} "))
        remote.port = proxy.port
        targets.deliver(target(remote), [report])
        assert proxy.cuts == 4
    assert remote.names() == ["report.bin"]
    assert (remote.folder / "report.bin").read_bytes() == report.read_bytes()


class FullDisk(asyncssh.SFTPServer):
    """Has room for a little only."""

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if offset > 500_000:
            raise asyncssh.SFTPFailure("No space left on device")
        return int(super().write(file_obj, offset, data))  # type: ignore[arg-type]


def test_a_full_disk_there_leaves_no_half_file(here: Installation, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "report.bin").write_text("the one before")
    report = tmp_path / "report.bin"
    report.write_bytes(os.urandom(2_000_000))
    with sftp_server.SftpServer(
        root, tmp_path / "keys", factory=lambda channel: FullDisk(channel, chroot=str(root).encode())
    ) as server:
        servers.trust(here, "127.0.0.1", server.port, server.fingerprint)
        remote = Place("127.0.0.1", server.port, "client", server.client_key_path, root / "in")
        with pytest.raises(EtlError, match=r"the upload of report.bin"):
            targets.deliver(target(remote), [report])
    assert remote.names() == ["report.bin"]
    assert (remote.folder / "report.bin").read_text() == "the one before"


class Slow(asyncssh.SFTPServer):
    """Takes its time for each block."""

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        time.sleep(0.02)
        return int(super().write(file_obj, offset, data))  # type: ignore[arg-type]


def test_a_push_that_was_killed_is_completed_by_the_next_and_leaves_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    clone, root = Clone(tmp_path / "clone"), tmp_path / "root"
    (root / "in").mkdir(parents=True)
    report = tmp_path / "report.bin"
    with sftp_server.SftpServer(
        root, tmp_path / "keys", factory=lambda channel: Slow(channel, chroot=str(root).encode())
    ) as server:
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        installation.write_settings(SOURCE_TEST_HOST=f"127.0.0.1:{server.port}")
        (clone.folder / "config" / "targets").mkdir(exist_ok=True)
        (clone.folder / "config" / "targets" / "client.yaml").write_text(
            f"type: sftp\nhost: ${{SOURCE_TEST_HOST}}\nuser: client\nkey_file: {server.client_key_path}\npath: /in\n"
        )
        remote = Place("127.0.0.1", server.port, "client", server.client_key_path, root / "in")
        for is_the_same in (True, False):
            report.write_bytes(os.urandom(3_000_000))
            killed = clone.start(installation, "sftp_push", "client", report)
            wait_for(lambda: any(path.stat().st_size > 100_000 for path in remote.folder.glob(".report.bin.*.part")))
            os.killpg(killed.pid, signal.SIGKILL)
            killed.communicate()
            # a reader there never sees a half file under its name
            assert "report.bin" not in remote.names() or not is_the_same
            if not is_the_same:
                report.write_bytes(os.urandom(500_000))
            done = clone.run(installation, "sftp_push", "client", report)
            assert done.returncode == 0, done.stderr
            assert remote.names() == ["report.bin"]
            assert (remote.folder / "report.bin").read_bytes() == report.read_bytes()


def test_push_is_one_command(installation: Installation, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    unknown = clone.run(installation, "sftp_push", "nobody", str(tmp_path / "x"))
    assert unknown.returncode == 2 and "there is no delivery target 'nobody'" in unknown.stderr
    with servers.asyncssh_place(tmp_path / "server") as (remote, fingerprint):
        servers.trust(installation, remote.host, remote.port, fingerprint)
        installation.write_settings(SOURCE_TEST_HOST=f"{remote.host}:{remote.port}")
        (clone.folder / "config" / "targets").mkdir(exist_ok=True)
        (clone.folder / "config" / "targets" / "client.yaml").write_text(
            f"type: sftp\nhost: ${{SOURCE_TEST_HOST}}\nuser: {remote.user}\nkey_file: {remote.key_path}\npath: /in\n"
        )
        (tmp_path / "a.csv").write_text("1")
        (tmp_path / "b.csv").write_text("2")
        done = clone.run(installation, "sftp_push", "client", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
        assert done.returncode == 0 and "2 files delivered to client" in done.stdout, done.stderr
        assert remote.names() == ["a.csv", "b.csv"]
        missing = clone.run(installation, "sftp_push", "client", str(tmp_path / "c.csv"))
        assert missing.returncode == 2 and "does not exist" in missing.stderr
