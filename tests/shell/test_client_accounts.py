"""A client account made by the script can deliver a file, which is imported, and can reach nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from systemscripts.directory_management import Directories
from systemscripts.monitoring import doctor_lines
from systemscripts.monitoring.checks import client_accounts
from tests.conftest import PROJECT, Installation
from tests.ssh import servers

LIBRARY = PROJECT / "systemscripts" / "shell" / "client_accounts.bash"


@dataclass
class Host:
    """A host with the suite's user, an sshd of its own, and folders that only this test uses."""

    folder: Path
    root: Path
    name: str
    service: str
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def call(self, function: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """One of the library's functions, as configure_etl_user.sh calls it."""
        caller = (
            'set -euo pipefail; fail() { printf \'%s\\n\' "$2" >&2; exit "$1"; }; say() { printf \'%s\\n\' "$*"; };'
            f'SERVICE_USER={self.service}; SERVICE_GROUP={self.service}; source {LIBRARY}; {function} "$@"'
        )
        return subprocess.run(
            ["bash", "-c", caller, "configure", *map(str, arguments)], env=os.environ | self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def sftp(self, *commands: str, key: str = "client_key", user: str = "") -> subprocess.CompletedProcess[str]:
        """OpenSSH's own client with a batch of commands; it ends at the first that fails."""
        return subprocess.run(
            ["sftp", "-b", "-", *self._options(key), "-P", str(self.port), f"{user or self.name}@127.0.0.1"],
            input="\n".join(commands), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def ssh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ssh", *self._options("client_key"), "-p", str(self.port)]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )

    def _options(self, key: str) -> list[str]:
        choices = {
            "IdentityFile": self.folder / key, "IdentitiesOnly": "yes", "IdentityAgent": "none", "BatchMode": "yes",
            "StrictHostKeyChecking": "yes", "UserKnownHostsFile": self.folder / "known_hosts",
        }  # fmt: skip
        return ["-F", "none", *(part for name, value in choices.items() for part in ("-o", f"{name}={value}"))]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    servers.needs_sshd()
    mark = uuid.uuid4().hex[:7]
    accounts = Host(tmp_path, Path(f"/srv/etlt_{mark}"), f"etltc{mark}", f"etlts{mark}")
    accounts.environment = {
        "CLIENT_ROOT": str(accounts.root), "CLIENT_KEYS": f"/etc/ssh/etlt_{mark}_keys", "CLIENT_GROUP": f"etltg{mark}",
        "SSHD_CONFIG_FOLDER": str(tmp_path / "sshd_config.d"), "SSHD_PID_FILE": str(tmp_path / "sshd.pid"),
    }  # fmt: skip
    (tmp_path / "sshd_config.d").mkdir()
    for name in ("host_key", "client_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    configuration = (
        f"HostKey {tmp_path}/host_key\nPidFile {tmp_path}/sshd.pid\nUsePAM no\nSubsystem sftp internal-sftp\n"
        f"AuthorizedKeysFile none\nInclude {tmp_path}/sshd_config.d/*.conf\n"
    )
    subprocess.run(["useradd", "--system", "--user-group", "-M", accounts.service], check=True)
    try:
        with servers.running_sshd(tmp_path, configuration) as accounts.port:
            public = (tmp_path / "host_key.pub").read_text().split()
            (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{accounts.port} {public[0]} {public[1]}\n")
            yield accounts
    finally:
        for user in (accounts.name, accounts.service):
            subprocess.run(["userdel", user], check=False, capture_output=True)
        subprocess.run(["groupdel", accounts.environment["CLIENT_GROUP"]], check=False, capture_output=True)
        shutil.rmtree(accounts.root, ignore_errors=True)
        shutil.rmtree(accounts.environment["CLIENT_KEYS"], ignore_errors=True)


def add(host: Host) -> None:
    done = host.call("add_client", host.name, host.folder / "client_key.pub")
    assert done.returncode == 0, done.stderr
    until = time.monotonic() + 30
    while host.sftp("pwd").returncode and time.monotonic() < until:  # sshd is reloading its settings
        time.sleep(0.1)


def test_a_client_delivers_a_file_and_it_is_imported(host: Host, installation: Installation) -> None:
    add(host)
    (host.folder / "orders_1.csv").write_text("order_id,amount\n1,2\n")
    put = host.sftp(f"put {host.folder}/orders_1.csv /inbox/orders_1.csv", "ls -l /inbox")
    assert put.returncode == 0 and "orders_1.csv" in put.stdout, put.stderr
    inbox = host.root / host.name / "inbox"
    # the suite's user can read it and take it away
    as_service = ["runuser", "-u", host.service, "--"]
    read = subprocess.run([*as_service, "cat", inbox / "orders_1.csv"], capture_output=True, text=True, check=False)
    assert read.stdout == "order_id,amount\n1,2\n", read.stderr
    moved = subprocess.run([*as_service, "mv", inbox / "orders_1.csv", inbox / "orders_2.csv"], check=False)
    assert moved.returncode == 0
    installation.write_settings(FILE_STILL_SECONDS="0")
    installation.configure("orders", file_pattern=r".*\.csv", sources=[{"type": "local", "path": str(inbox)}])
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    assert installation.sql("select order_id, amount from public.orders") == [("1", "2")]
    assert list(inbox.iterdir()) == [] and list(installation.read_archive()) == ["orders_2.csv"]
    (host.root / host.name / "outbox" / "answer.txt").write_text("thank you")
    got = host.sftp(f"get /outbox/answer.txt {host.folder}/answer.txt")
    assert got.returncode == 0 and (host.folder / "answer.txt").read_text() == "thank you"


def test_the_account_can_reach_nothing_else(host: Host) -> None:
    add(host)
    listed = [line.strip("/") for line in host.sftp("ls -1 /").stdout.splitlines() if not line.startswith("sftp>")]
    assert sorted(listed) == ["inbox", "outbox"]
    for command in (
        "ls /etc", "get /etc/passwd", "ls /../etc", "cd /inbox/../../..\nls etc", "mkdir /more", "rm /inbox",
        f"put {host.folder}/host_key.pub /outbox/x", f"put {host.folder}/host_key.pub /x", "rename /inbox /other",
        "symlink /etc/passwd /outbox/link",
    ):  # fmt: skip
        assert host.sftp(*command.split("\n")).returncode != 0, command
    shell = host.ssh(f"{host.name}@127.0.0.1", "id")
    assert "uid=" not in shell.stdout
    forwarded = host.ssh("-W", f"127.0.0.1:{host.port}", f"{host.name}@127.0.0.1")
    assert forwarded.returncode != 0 and "SSH-2.0" not in forwarded.stdout
    assert host.sftp("pwd", key="other_key").returncode != 0
    assert host.sftp("pwd", user="root").returncode != 0


def test_a_client_makes_no_link_and_changes_no_mode_time_or_owner(host: Host) -> None:
    add(host)
    (host.folder / "orders_1.csv").write_text("order_id\n1\n")
    assert host.sftp(f"put {host.folder}/orders_1.csv /inbox/").returncode == 0
    for command in (
        "symlink /etc/passwd /inbox/link", "ln /inbox/orders_1.csv /inbox/hard_link", "chmod 777 /inbox/orders_1.csv",
        "chmod 700 /inbox", "chown 0 /inbox/orders_1.csv",
    ):  # fmt: skip
        assert host.sftp(command).returncode != 0, command
    inbox = host.root / host.name / "inbox"
    assert (inbox.owner(), inbox.group()) == ("root", host.service)
    # a program that sets the time of what it delivers is told so, and the file is complete
    os.utime(host.folder / "orders_1.csv", (1, 1))
    assert host.sftp(f"put -p {host.folder}/orders_1.csv /inbox/dated.csv").returncode == 0
    assert (inbox / "dated.csv").stat().st_mtime > 1 and (inbox / "dated.csv").read_text() == "order_id\n1\n"
    assert sorted(path.name for path in inbox.iterdir()) == ["dated.csv", "orders_1.csv"]
    # folders too are for the service and this client alone
    assert host.sftp("mkdir /inbox/more", f"put {host.folder}/orders_1.csv /inbox/more/").returncode == 0
    as_service = ["runuser", "-u", host.service, "--", "rm", inbox / "more" / "orders_1.csv"]
    assert subprocess.run(as_service, check=False).returncode == 0
    assert not (inbox / "more").stat().st_mode & 0o007


def test_an_account_of_before_gets_the_rights_of_now(host: Host) -> None:
    add(host)
    inbox = host.root / host.name / "inbox"
    subprocess.run(["setfacl", "-b", inbox], check=True)
    shutil.chown(inbox, host.name, host.service)
    inbox.chmod(0o2770)
    (host.folder / "orders_1.csv").write_text("order_id\n1\n")
    assert host.sftp(f"put {host.folder}/orders_1.csv /inbox/").returncode == 0
    add(host)
    assert inbox.owner() == "root" and (inbox / "orders_1.csv").exists()
    assert host.sftp("rm /inbox/orders_1.csv", f"put {host.folder}/orders_1.csv /inbox/").returncode == 0


def test_doctor_names_old_accounts_and_clients_without_a_limit(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration, mounts = host.folder / "sshd_config.d" / "client_etl_workflow.conf", host.folder / "mounts"
    for name, value in (("CLIENT_ROOT", host.root), ("SSHD_CONFIGURATION", configuration), ("MOUNTS", mounts)):
        monkeypatch.setattr(client_accounts, name, value)
    context = doctor_lines.Context(None, Directories(host.folder), host.folder / "cron")
    assert list(client_accounts.check(context)) == []
    add(host)
    mounts.write_text("/dev/a / ext4 rw 0 0\n/dev/b /srv ext4 rw,usrquota 0 0\n/dev/c /srv/other ext4 rw 0 0\n")
    assert [line.state for line in client_accounts.check(context)] == ["ok", "ok"]
    mounts.write_text("/dev/a / ext4 rw 0 0\n/dev/b /srv/other ext4 rw,usrquota 0 0\n")
    no_limit = list(client_accounts.check(context))[-1]
    assert no_limit.state == "warning" and "nothing limits how much clients store" in no_limit.message
    configuration.write_text("ForceCommand internal-sftp -u 0007\n")
    old = next(client_accounts.check(context))
    assert old.state == "warning" and f"--add-client {host.name} --key" in old.next


def test_a_removed_client_can_no_longer_log_in_and_the_delivered_files_remain(host: Host) -> None:
    add(host)
    (host.folder / "orders_1.csv").write_text("order_id\n1\n")
    assert host.sftp(f"put {host.folder}/orders_1.csv /inbox/").returncode == 0
    done = host.call("remove_client", host.name)
    assert done.returncode == 0, done.stderr
    assert host.sftp("pwd").returncode != 0
    assert (host.root / host.name / "inbox" / "orders_1.csv").exists()
    # the next account that gets its number gets none of its rights
    numbers = subprocess.run(
        ["getfacl", "-n", host.root / host.name / "inbox"], capture_output=True, text=True, check=True
    )
    assert not re.search(r"^(default:)?user:\d", numbers.stdout, re.MULTILINE)
    assert (host.root / host.name / "outbox").stat().st_gid == (host.root / host.name / "inbox").stat().st_gid
    assert host.call("remove_client", host.name).returncode == 2
    add(host)  # which comes back


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("root", "client_key.pub", "is not a client"),
        ("../x", "client_key.pub", "is not valid"),
        ("acme", "client_key", "private key"),
        ("acme", "sshd_config", "does not contain a public SSH key"),
        ("acme", "missing.pub", "cannot be read"),
    ],
)
def test_what_cannot_be_an_account_is_refused(host: Host, name: str, key: str, said: str) -> None:
    done = host.call("add_client", name, host.folder / key)
    assert done.returncode == 2 and said in done.stderr
