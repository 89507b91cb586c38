"""A backup brings back the house: on a bare host, from the bundle and the repository alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.clones import Clone
from tests.conftest import Installation, Server
from tests.smtp_server import SmtpServer

ORDERS = """\
file_pattern: 'orders_\\d\\.csv'
target_table: public.orders
load_mode: append
"""
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nnot a real one\n"


class House:
    """A person's clone with its own folders, home and database."""

    def __init__(self, folder: Path, url: str, reader_url: str) -> None:
        self.folder = folder
        self.clone = Clone(folder / "project")
        self.home = folder / "home"
        self.home.mkdir()
        self.data = self.clone.folder
        self.url, self.reader_url = url, reader_url
        self.settings_file = self.clone.folder / "config" / ".env"
        self.local = folder / "local"

    def run(self, *arguments: object, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "SMTP_", "DATABASE_", "PYTHONPATH"))}
        done = subprocess.run(
            [self.clone.wrapper, *map(str, arguments)],
            env=clean | {"HOME": str(self.home), "FILE_STILL_SECONDS": "0", "ETL_CRON_FILE": str(self.folder / "cron")}
            | more,
            capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL, cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def write_settings(self, *lines: str) -> None:
        text = "\n".join([f"DATABASE_URL={self.url}", f"DATABASE_READER_URL={self.reader_url}", *lines, ""])
        self.settings_file.write_text(text)
        self.settings_file.chmod(0o600)

    def drop(self, name: str, text: str) -> None:
        (self.data / "file_watcher").mkdir(exist_ok=True)
        (self.data / "file_watcher" / name).write_text(text)

    def use_embedded(self) -> None:
        """Ask the clone for the address of its own embedded server."""
        self.url = self.run("database.py", "url").stdout.strip()

    @property
    def bundle(self) -> Path:
        return max((self.data / "var" / "backups").glob("*.bundle"))

    def hash_files(self) -> dict[str, str]:
        """Everything that has to come back, by path and hash."""
        parts = ("archive", "file_watcher", "config", "sql", "var/pgp", "var/ssh", "var/pauses.json", "var/lake")
        paths = [self.data / part for part in parts] + [self.home]
        files = [f for path in paths for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file()]
        return {
            str(f.relative_to(self.folder)): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in files
            if f.name != ".env" and not f.name.startswith("alert_settings") and "__pycache__" not in f.parts
        }


@pytest.fixture
def build_house(server: Server, tmp_path: Path) -> Iterator[object]:
    databases: list[str] = []
    houses: list[House] = []

    def build(name: str) -> House:
        databases.append(f"house_{name}_{os.getpid()}")
        houses.append(House(tmp_path / name, *server.create_database(databases[-1])))
        return houses[-1]

    yield build
    for house in houses:
        if (house.data / "var" / "embedded_database.json").exists():
            house.run("database.py", "stop")
            shutil.rmtree(json.loads((house.data / "var" / "embedded_database.json").read_text())["folder"])
    for database in databases:
        server.execute(f'drop database if exists "{database}" with (force)')


def test_the_whole_house_comes_back_on_a_bare_host(build_house) -> None:  # type: ignore[no-untyped-def]
    old: House = build_house("old")
    old.write_settings("TIME_ZONE=Europe/London", "SOURCE_CLIENT_PASSWORD=a-secret-of-the-client")
    (old.clone.folder / "config" / "imports" / "orders.yaml").write_text(ORDERS)
    with (old.clone.folder / "config" / "imports" / "visits.yaml").open("a") as stream:
        stream.write("# changed here\n")
    (old.clone.folder / "config" / "transforms").mkdir(exist_ok=True)
    (old.clone.folder / "config" / "transforms" / "clean.py").write_text("def transform(frame):\n    return frame\n")
    (old.clone.folder / "config" / "targets").mkdir(exist_ok=True)
    (old.clone.folder / "config" / "targets" / "client.yaml").write_text(
        "{type: sftp, host: sftp.example.com, user: us, key_file: ~/.ssh/id_client, path: in}"
    )
    (old.home / ".ssh").mkdir(mode=0o700)
    (old.home / ".ssh" / "id_client").write_text(KEY)
    (old.home / ".ssh" / "id_client").chmod(0o600)
    (old.data / "var" / "ssh").mkdir(parents=True)
    (old.data / "var" / "ssh" / "known_hosts").write_text("sftp.example.com ssh-ed25519 AAAA\n")
    (old.data / "var" / "pgp" / "private-keys-v1.d").mkdir(parents=True, mode=0o700)
    (old.data / "var" / "pgp" / "private-keys-v1.d" / "AB.key").write_text("a key")
    (old.data / "var" / "pgp").chmod(0o700)
    old.drop("orders_1.csv", "a;b\n1;x\n2;y\n")
    old.run("generic_import.py", "orders")
    old.drop("orders_2.csv", "a;b\n3;z\n")
    old.run("generic_import.py", "orders")
    old.run("schedule.py", "pause", "weekly")
    old.drop("orders_3.csv", "a;b\n4;waits\n")
    assert "read back from end to end" in old.run("backup_database.py").stdout
    passphrase = old.folder / "passphrase"
    shutil.move(old.data / "var" / "backup_passphrase", passphrase)
    rows, files = old.sql("select dataset_id, source_row, a, b from public.orders order by 1, 2"), old.hash_files()

    bare: House = build_house("bare")
    media = bare.folder / "usb"
    shutil.copytree(old.bundle.parent, media)
    subprocess.run(["sha256sum", "--check", "--strict", *media.glob("*.sha256")], cwd=media, check=True)
    restored = bare.run("restore_database.py", media / old.bundle.name, "--passphrase-file", passphrase)
    assert "was restored from" in restored.stdout
    bare.use_embedded()
    assert bare.sql("select dataset_id, source_row, a, b from public.orders order by 1, 2") == rows
    assert bare.hash_files() == files
    assert (bare.home / ".ssh" / "id_client").stat().st_mode & 0o777 == 0o600
    assert (bare.data / "var" / "pgp").stat().st_mode & 0o777 == 0o700
    written = bare.settings_file.read_text()
    assert "SOURCE_CLIENT_PASSWORD=a-secret-of-the-client" in written
    assert old.url not in written
    assert "weekly" in bare.run("schedule.py", "show").stdout

    assert bare.sql("select job from dba.trun where status in ('running', 'interrupted')") == []

    bare.run("generic_import.py", "orders")  # nothing twice, and what waited is loaded
    assert bare.sql("select a from public.orders order by a") == [("1",), ("2",), ("3",), ("4",)]
    [(dataset,)] = bare.sql("select dataset_id from public.orders where a = '3'")
    bare.run("generic_import.py", "--undo", dataset)
    assert bare.sql("select a from public.orders_current order by a") == [("1",), ("2",), ("4",)]


def test_a_rehearsal_is_proved_by_one_mail_and_a_failed_one_is_one_alert_with_its_command(
    here: Installation,
) -> None:
    (here.data / "archive").mkdir()
    (here.data / "archive" / "orders.csv").write_text("a;b\n1;x\n")
    with SmtpServer() as smtp:
        here.write_settings(**smtp.settings, ALERT_RECIPIENTS="boss@example.test")
        assert here.run("backup_database").returncode == 0
        done = here.run("run_pipeline", "rehearsal")
        assert done.returncode == 0, done.stderr
        [proof] = smtp.delivered
        assert " can be restored" in proof.message["Subject"]
        text = proof.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "by count and hash" in text
        assert "sudo cat" in text
        [path] = (here.data / "var" / "backups").glob("*.bundle")
        path.write_bytes(path.read_bytes()[:-1])
        for _ in range(2):
            assert here.run("run_pipeline", "rehearsal").returncode != 0
        assert len(smtp.delivered) == 2
        alert = smtp.delivered[1].message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert f"{path} is damaged or incomplete" in alert.replace("\n", " ")
        assert "etl restore" in alert
        path.unlink()
        assert here.run("backup_database").returncode == 0
        assert here.run("run_pipeline", "rehearsal").returncode == 0
        subjects = [str(mail.message["Subject"]) for mail in smtp.delivered[2:]]
        assert sum("recovered" in subject for subject in subjects) == 1, subjects
        assert sum("can be restored" in subject for subject in subjects) == 1, subjects
        assert len(subjects) == 2
