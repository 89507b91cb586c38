"""What can go wrong with an SFTP server is one clear line with the next step, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from demo import sftp_server
from tests.conftest import PROJECT, Installation
from tests.ssh import servers
from tests.ssh.servers import Place

ROWS = "order_id,amount\n1,2\n"
KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"


@pytest.fixture
def remote(installation: Installation, tmp_path: Path) -> Iterator[Place]:
    """A folder with one file on a server that is trusted."""
    installation.write_settings(
        SFTP_STILL_SECONDS="0", SFTP_ATTEMPTS="2", SFTP_ANSWER_SECONDS="3", SFTP_CONNECT_SECONDS="3"
    )
    with servers.asyncssh_place(tmp_path / "server") as (remote, fingerprint):
        servers.trust(installation, remote.host, remote.port, fingerprint)
        remote.put("orders_1.csv", ROWS)
        yield remote


def configure(installation: Installation, remote: Place, **more: Any) -> None:
    installation.configure(
        "orders", file_pattern=r".*\.csv", load_mode="append", sources=[remote.options(settle="delete") | more]
    )


def fails(installation: Installation, code: int, *texts: str, script: str = "generic_import") -> str:
    """Run the import; it fails with this code and one line that holds the texts."""
    done = installation.run(script, "orders")
    assert done.returncode == code, (done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith(script)]
    assert len(lines) == 1, done.stderr
    for text in texts:
        assert text in lines[0]
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]


def assert_untouched(installation: Installation, remote: Place) -> None:
    """The file still lies there and nothing of it is here."""
    assert "orders_1.csv" in remote.names()
    assert installation.list_waiting() == [] and installation.read_archive() == {}


def works_again(installation: Installation, remote: Place) -> None:
    """After the fault the same command loads the file."""
    configure(installation, remote)
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    assert installation.sql("select order_id, amount from public.orders") == [("1", "2")]
    assert remote.names() == []


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_command(
    installation: Installation, remote: Place
) -> None:
    known_hosts = installation.data / "var" / "ssh" / "known_hosts"
    before = known_hosts.read_text()
    known_hosts.unlink()
    configure(installation, remote)
    line = fails(installation, 78, f"the host key of [127.0.0.1]:{remote.port} is not known: ssh-ed25519 SHA256:")
    assert_untouched(installation, remote)
    command = shlex.split(line.partition("then run: ")[2].partition("etl ")[2])
    assert command[:3] == ["sftp_trust_host", f"[127.0.0.1]:{remote.port}", "--fingerprint"]
    done = installation.run("sftp_trust_host", *command[1:])
    assert done.returncode == 0, done.stderr
    assert known_hosts.read_text() == before
    works_again(installation, remote)


def test_a_changed_host_key_is_a_loud_failure(installation: Installation, remote: Place, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
    known_hosts = installation.data / "var" / "ssh" / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{remote.port} {other[0]} {other[1]}\n")
    configure(installation, remote)
    line = fails(installation, 78, "THE HOST KEY OF", "HAS CHANGED", "nothing was sent", "--replace")
    assert_untouched(installation, remote)
    fingerprint = line.partition("--fingerprint ")[2].split()[0]
    without = installation.run("sftp_trust_host", f"127.0.0.1:{remote.port}", "--fingerprint", fingerprint)
    assert without.returncode == 78 and "HAS CHANGED" in without.stderr
    done = installation.run("sftp_trust_host", f"127.0.0.1:{remote.port}", "--fingerprint", fingerprint, "--replace")
    assert done.returncode == 0, done.stderr
    works_again(installation, remote)


def test_a_file_that_ends_too_early_once_is_fetched_again(
    installation: Installation, remote: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, early = asyncssh.SFTPServer.read, iter([True])

    def broken(server: Any, file: Any, offset: int, size: int) -> Any:
        return b"" if offset and next(early, False) else read(server, file, offset, size)

    monkeypatch.setattr(asyncssh.SFTPServer, "read", broken)
    remote.put("orders_1.csv", "order_id,amount\n" + "".join(f"{row},1\n" for row in range(50_000)))
    configure(installation, remote)
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    assert next(early, None) is None
    assert installation.sql("select count(distinct order_id) from public.orders") == [(50_000,)], done.stdout
    assert remote.names() == []


def test_nothing_is_trusted_by_itself(installation: Installation, remote: Place) -> None:
    known_hosts = installation.data / "var" / "ssh" / "known_hosts"
    known_hosts.unlink()
    host = f"127.0.0.1:{remote.port}"
    asked = installation.run("sftp_trust_host", host)
    assert asked.returncode == 2 and "nothing is trusted" in asked.stderr and "--fingerprint SHA256:" in asked.stderr
    wrong = installation.run("sftp_trust_host", host, "--fingerprint", "SHA256:" + "A" * 43)
    assert wrong.returncode == 78 and "nothing is trusted" in wrong.stderr
    assert not known_hosts.exists()


def test_a_key_that_others_can_read_is_not_used(installation: Installation, remote: Place) -> None:
    remote.key_path.chmod(0o644)
    configure(installation, remote)
    fails(installation, 78, "can be read by others (mode 644)", f"chmod 600 {remote.key_path}")
    assert_untouched(installation, remote)
    remote.key_path.chmod(0o600)
    works_again(installation, remote)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file or directory"), ("not a key", "is not a private key")]
)
def test_a_key_that_is_missing_or_none_is_said(
    installation: Installation, remote: Place, tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "some_key"
    if content is not None:
        path.write_text(content)
        path.chmod(0o600)
    configure(installation, remote, key_file=str(path))
    fails(installation, 78, str(path), said)


def test_a_refused_login_names_what_was_tried(installation: Installation, remote: Place, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    configure(installation, remote, key_file=str(tmp_path / "other"))
    fails(installation, 78, f"refused the login of {remote.user}", f"key {tmp_path / 'other'}")
    assert_untouched(installation, remote)
    works_again(installation, remote)


def test_a_server_that_is_away_is_for_later(installation: Installation, remote: Place) -> None:
    configure(installation, remote, port=servers.free_port())
    fails(installation, 75, "no connection: Connection refused")
    installation.drop("orders_9.csv", "order_id,amount\n9,9\n")  # what waits here is loaded nevertheless
    assert installation.run("generic_import", "orders").returncode == 75
    assert installation.sql("select order_id from public.orders") == [("9",)]


@pytest.mark.parametrize(("greeting", "said"), [(b"", "the SSH banner"), (b"SSH-2.0-slow\r\n", "the SSH key exchange")])
def test_a_silent_server_is_named_by_the_part_that_is_late(
    installation: Installation, remote: Place, greeting: bytes, said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                held.append(client)
                client.sendall(greeting)

        threading.Thread(target=accept, daemon=True).start()
        configure(installation, remote, port=listener.getsockname()[1])
        fails(installation, 75, f"{said}", "took longer than 3 s")
    for client in held:
        client.close()


class StallingFiles(asyncssh.SFTPServer):
    """Sends the beginning of a file, then nothing more."""

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:  # type: ignore[override]
        if offset:
            await asyncio.sleep(60)
        return os.pread(file_obj.fileno(), size, offset)


def test_a_stalled_transfer_names_itself_and_goes_on_later(
    installation: Installation, remote: Place, tmp_path: Path
) -> None:
    content = ROWS + "".join(f"{n},{n}\n" for n in range(2, 30_000))
    root = tmp_path / "slow"
    (root / "in").mkdir(parents=True)
    with sftp_server.SftpServer(
        root, tmp_path / "server" / "keys", factory=lambda channel: StallingFiles(channel, chroot=str(root).encode())
    ) as server:
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        slow = Place("127.0.0.1", server.port, "client", remote.key_path, root / "in")
        slow.put("orders_1.csv", content)
        configure(installation, slow)
        fails(installation, 75, "the download of orders_1.csv stalled, no data for 3 s")
        assert_untouched(installation, slow)
    remote.put("orders_1.csv", content)
    configure(installation, remote)
    assert installation.run("generic_import", "orders").returncode == 0
    assert installation.read_archive() == {"orders_1.csv": content.encode()}


class Names(asyncssh.SFTPServer):
    """A server that lists names of its own choice; each opens the one file there is."""

    listed: tuple[bytes, ...] = ()

    async def scandir(self, path: bytes) -> Any:  # type: ignore[override]
        state = os.stat(self.map_path(path) + b"/orders_1.csv")  # noqa: PTH116
        for name in self.listed:
            attributes = asyncssh.SFTPAttrs.from_local(state)
            yield asyncssh.SFTPName(name, attrs=attributes)

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        return open(self.map_path(b"/in/orders_1.csv"), "rb")  # noqa: PTH123

    def lstat(self, path: bytes) -> Any:
        return os.stat(self.map_path(b"/in/orders_1.csv"))  # noqa: PTH116


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (b"../../etc/cron.d/x", "../../etc/cron.d/x", "contains a path"),
        (b"/etc/cron.d/x.csv", "/etc/cron.d/x.csv", "contains a path"),
        (b"..\\x.csv", "..\\\\x.csv", "contains a path"),
        (b"orders\n_2.csv", "orders\\n_2.csv", "contains control characters"),
        (b"orders\x1b[31m.csv", "orders\\x1b[31m.csv", "contains control characters"),
        (b"orders\xff.csv", "orders\\udcff.csv", "is not UTF-8"),
        (b"o" * 300 + b".csv", "ooo", "is longer than 200 bytes"),
    ],
)
def test_names_from_the_server_are_never_trusted(
    installation: Installation, remote: Place, tmp_path: Path, name: bytes, shown: str, reason: str
) -> None:
    root = tmp_path / "named"
    (root / "in").mkdir(parents=True)

    class Listed(Names):
        listed = (name, b"orders_1.csv")

    with sftp_server.SftpServer(
        root, tmp_path / "server" / "keys", factory=lambda channel: Listed(channel, chroot=str(root).encode())
    ) as server:
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        named = Place("127.0.0.1", server.port, "client", remote.key_path, root / "in")
        named.put("orders_1.csv", ROWS)
        installation.configure("orders", file_pattern=r"(?s).*", load_mode="append", sources=[named.options()])
        summary = installation.summary("generic_import", "orders")
    assert summary["files"] == 1 and summary["problems"] == []  # the good one comes nevertheless
    said = [text for text in summary["warnings"] if shown in text and reason in text]
    assert len(said) == 1 and "\n" not in said[0], summary["warnings"]
    assert list(installation.read_archive()) == ["orders_1.csv"]
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and p.name in ("x", "x.csv")]
    assert outside == []


def test_two_files_of_one_name_both_arrive(installation: Installation, remote: Place) -> None:
    (remote.folder.parent / "more").mkdir()
    more = Place(remote.host, remote.port, remote.user, remote.key_path, remote.folder.parent / "more", "/more")
    more.put("orders_1.csv", "order_id,amount\n2,3\n")
    installation.configure(
        "orders", file_pattern=r".*\.csv", load_mode="append",
        sources=[remote.options(settle="delete"), more.options(settle="delete")],
    )  # fmt: skip
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    assert installation.sql("select order_id from public.orders order by 1") == [("1",), ("2",)]
    assert remote.names() == [] and more.names() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_here_loses_nothing(installation: Installation, remote: Place) -> None:
    content = ROWS + "3,4\n" * 1_000_000
    remote.put("orders_1.csv", content)
    temporary = installation.data / "file_watcher"
    temporary.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", temporary], capture_output=True)
    if mounted.returncode:
        pytest.skip("no mounts here")
    try:
        configure(installation, remote)
        fails(installation, 75, "orders_1.csv", "KEEP_FREE_GB", "Free space", "still at its source")
        assert "orders_1.csv" in remote.names()
        assert [p for p in temporary.rglob("*") if p.is_file()] == []
    finally:
        subprocess.run(["umount", temporary], check=True)
    assert installation.run("generic_import", "orders").returncode == 0
    assert remote.names() == []


@contextlib.contextmanager
def served_by(
    server_class: type[asyncssh.SFTPServer], installation: Installation, remote: Place, tmp_path: Path
) -> Iterator[None]:
    """The same folder on a server of another kind, from which the import fetches."""
    root = remote.folder.parent
    with sftp_server.SftpServer(
        root, tmp_path / "server" / "keys", factory=lambda channel: server_class(channel, chroot=str(root).encode())
    ) as server:
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        configure(installation, remote, port=server.port)
        yield


class Unwilling(asyncssh.SFTPServer):
    """Does not give one file."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if path.endswith(b"orders_0.csv"):
            raise asyncssh.SFTPPermissionDenied("not for you")
        return super().open(path, pflags, attrs)


def test_a_file_that_the_server_does_not_give_keeps_no_other(
    installation: Installation, remote: Place, tmp_path: Path
) -> None:
    with served_by(Unwilling, installation, remote, tmp_path):
        remote.put("orders_0.csv", ROWS, age_seconds=7200)  # the oldest comes first
        fails(installation, 1, "the download of orders_0.csv is not allowed to client")
        assert remote.names() == ["orders_0.csv"] and list(installation.read_archive()) == ["orders_1.csv"]


class ReadOnly(asyncssh.SFTPServer):
    """Lets nobody change anything."""

    def remove(self, path: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("read-only")


def test_a_read_only_server_is_a_problem_but_no_second_load(
    installation: Installation, remote: Place, tmp_path: Path
) -> None:
    with served_by(ReadOnly, installation, remote, tmp_path):
        for _ in range(2):
            fails(installation, 1, "deleting /in/orders_1.csv is not allowed to client")
        assert installation.sql("select count(*) from public.orders") == [(1,)]
        assert installation.sql("select status, archived_at is not null, settled_at is null from dba.tfile") == [
            ("loaded", True, True)
        ]
    assert remote.names() == ["orders_1.csv"]


def test_a_file_that_was_replaced_meanwhile_is_not_removed(installation: Installation, remote: Place) -> None:
    configure(installation, remote)
    assert installation.run("sftp_pull", "orders").returncode == 0
    remote.put("orders_1.csv", "order_id,amount\n7,8\n", age_seconds=30)
    assert installation.run("generic_import", "orders", "--phase", "load").returncode == 0
    assert remote.names() == ["orders_1.csv"]
    assert installation.run("generic_import", "orders").returncode == 0
    assert installation.sql("select order_id from public.orders order by 1") == [("1",), ("7",)]
    assert remote.names() == []


def test_what_is_not_in_the_archive_is_not_removed_at_the_server(installation: Installation, remote: Place) -> None:
    configure(installation, remote)
    command = [
        sys.executable,
        str(KILLING),
        "systemscripts.ingest.archive_and_settle:finish_file",
        "before",
        "1",
        "generic_import",
    ]
    environment = installation.process_environment()
    subprocess.run([*command, "orders"], env=environment, capture_output=True, check=False, cwd=installation.data)
    (installation.data / "file_watcher" / "orders_1.csv").unlink()  # someone takes it away before it is archived
    again = installation.run("generic_import", "orders")
    assert again.returncode == 0, again.stderr
    # it was fetched once more from the server, where it still lay: the same content, now safe in the archive
    assert installation.read_archive() == {"orders_1.csv": ROWS.encode()}
    assert installation.sql("select status from dba.tfile order by file_id") == [("loaded",), ("duplicate",)]
    assert installation.sql("select count(*) from public.orders") == [(1,)] and remote.names() == []


def test_a_password_in_the_yaml_works_with_a_warning_and_shows_nowhere(
    installation: Installation, remote: Place, tmp_path: Path
) -> None:
    root = remote.folder.parent
    with sftp_server.SftpServer(root, tmp_path / "server" / "keys", password="Geheim-123") as server:
        servers.trust(installation, "127.0.0.1", server.port, server.fingerprint)
        options = {"type": "sftp", "host": f"127.0.0.1:{server.port}", "user": "client", "path": "/in"}
        installation.configure("orders", file_pattern=r".*\.csv", sources=[options | {"password": "Geheim-123"}])
        written = installation.run("generic_import", "orders")
        assert written.returncode == 0, written.stderr
        assert "password is a secret in plain text; write it as ${SOURCE_...}" in written.stdout
        installation.write_settings(SOURCE_CLIENT_PASSWORD="Geheim-124")
        installation.configure("orders", sources=[options | {"password": "${SOURCE_CLIENT_PASSWORD}"}])
        refused = installation.run("generic_import", "orders")
        assert refused.returncode == 78 and "refused the login of client" in refused.stderr
        assert "plain text" not in refused.stdout
        shown = written.stdout + written.stderr + refused.stdout + refused.stderr + installation.read_logs()
        assert "Geheim-12" not in shown
        assert "Geheim" not in str(installation.sql("select message, detail from dba.tlogentry"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hots": "x"}, "hots: Extra inputs are not permitted"),
        ({"settle": "burn"}, "settle: Input should be 'delete', 'move' or 'keep'"),
        ({"host": "h:99999"}, "expected a port"),
        ({"key_file": ""}, "needs key_file, agent: true, or password"),
        ({"user": "${SOURCE_NOBODY}"}, "${SOURCE_NOBODY} is not set"),
        ({"path": "/nowhere"}, "there is no folder /nowhere"),
    ],
)
def test_wrong_options_are_named(installation: Installation, remote: Place, options: dict[str, str], said: str) -> None:
    configured = remote.options(settle="delete") | options
    if "host" in options:
        del configured["port"]
    installation.configure("orders", file_pattern=r".*\.csv", sources=[configured])
    fails(installation, 1 if "path" in options else 78, said)


def test_the_agents_keys_are_used_where_wanted(installation: Installation, remote: Place) -> None:
    if not shutil.which("ssh-agent"):
        pytest.skip("needs ssh-agent")
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    actual = dict(part.split("=", 1) for part in agent.replace("\n", ";").split(";") if "=" in part)
    try:
        environment = os.environ | {"SSH_AUTH_SOCK": actual["SSH_AUTH_SOCK"]}
        subprocess.run(["ssh-add", "-q", remote.key_path], env=environment, check=True)
        options = {"type": "sftp", "host": remote.host, "port": remote.port, "user": remote.user, "path": "/in"}
        installation.configure("orders", file_pattern=r".*\.csv", sources=[options | {"agent": True}])
        done = installation.run("generic_import", "orders", SSH_AUTH_SOCK=actual["SSH_AUTH_SOCK"])
        assert done.returncode == 0, done.stderr
    finally:
        os.kill(int(actual["SSH_AGENT_PID"]), 15)
