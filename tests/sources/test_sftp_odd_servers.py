"""SFTP servers differ: they remove what was read, say wrong sizes or none, hang up. What arrived whole is loaded."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import psycopg2
import pytest

from demo import sftp_server
from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from tests.conftest import Installation
from tests.ssh.servers import Place

ROWS = "order_id,amount\n1,2\n2,3\n"
MORE = "order_id,amount\n3,4\n4,5\n"


@pytest.fixture
def served(here: Installation, tmp_path: Path) -> Iterator[Callable[..., Callable[[], Summary]]]:
    """Serve a folder by a server of some kind; gives what runs the import that fetches from it."""
    here.write_settings(SFTP_STILL_SECONDS="0", SFTP_ATTEMPTS="2", SFTP_ANSWER_SECONDS="3", FILE_STILL_SECONDS="0")
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    with contextlib.ExitStack() as stack:

        def serve(
            server_class: type[asyncssh.SFTPServer], settle: str = "delete", **more: Any
        ) -> Callable[[], Summary]:
            server = stack.enter_context(
                sftp_server.SftpServer(
                    root, tmp_path / "keys", factory=lambda channel: server_class(channel, chroot=str(root).encode())
                )
            )
            known = here.data / "var" / "ssh" / "known_hosts"
            known.parent.mkdir(parents=True, exist_ok=True)
            key = server.host_key.export_public_key().decode().split()
            known.write_text(f"[127.0.0.1]:{server.port} {key[0]} {key[1]}\n")
            remote = Place("127.0.0.1", server.port, "client", server.client_key_path, root / "in")
            source = remote.options(settle=settle)
            here.configure("orders", **{"file_pattern": r".*\.csv", "load_mode": "append", "sources": [source]} | more)

            def run() -> Summary:
                with contextlib.closing(psycopg2.connect(here.url)) as connection:
                    config = configuration.load_import(connection, "orders")
                    directories = Directories(here.data).create()
                    return run_imports.run_imports(
                        connection, [config], directories, str(uuid.uuid4()), run_imports.Options()
                    )

            return run

        yield serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of the server lie."""
    return tmp_path / "root" / "in"


def put(folder: Path, name: str, content: str = ROWS) -> None:
    path = folder / name
    path.write_text(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def loaded(installation: Installation) -> list[str]:
    return [row[0] for row in installation.sql("select order_id from public.orders order by order_id")]


class GivesOnce(asyncssh.SFTPServer):
    """Removes a file when it is closed."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self.opened = self.map_path(path)
        return super().open(path, pflags, attrs)

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        Path(os.fsdecode(self.opened)).unlink()


class ForgetsWhatWasRead(GivesOnce):
    """Removes a file once its last byte was read; from then on nothing can be asked about it."""

    gone = False

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        data: bytes = super().read(file_obj, offset, size)  # type: ignore[assignment]
        if not data:
            self.gone = True
        return data

    def fstat(self, file_obj: object) -> Any:
        if self.gone:
            raise asyncssh.SFTPNoSuchFile("it was collected")
        return super().fstat(file_obj)


class HangsUpAfterTheLastByte(asyncssh.SFTPServer):
    """Removes a file with its last byte, and ends the connection."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self.opened = self.map_path(path)
        return super().open(path, pflags, attrs)

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        data: bytes = super().read(file_obj, offset, size)  # type: ignore[assignment]
        if not data:
            Path(os.fsdecode(self.opened)).unlink(missing_ok=True)
            self.channel.get_connection().abort()
        return data


@pytest.mark.parametrize("server_class", [GivesOnce, ForgetsWhatWasRead, HangsUpAfterTheLastByte])
def test_what_the_server_removes_once_it_was_read_is_kept_and_loaded(
    here: Installation, served: Any, folder: Path, server_class: type[asyncssh.SFTPServer]
) -> None:
    put(folder, "orders_1.csv")
    put(folder, "orders_2.csv", MORE)
    summary = served(server_class)()
    assert loaded(here) == ["1", "2", "3", "4"], summary
    assert summary.problems == [] and list(folder.iterdir()) == []
    assert sorted(here.read_archive()) == ["orders_1.csv", "orders_2.csv"]


class SaysWrongSizes(asyncssh.SFTPServer):
    """Says the same wrong size in lists and of open files."""

    wrong = 18

    def stat(self, path: bytes) -> Any:
        return self.told(super().stat(path))

    def lstat(self, path: bytes) -> Any:
        return self.told(super().lstat(path))

    def fstat(self, file_obj: object) -> Any:
        return self.told(super().fstat(file_obj))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            name.attrs = self.told(name.attrs)
            name.longname = b"odd"
            yield name

    def told(self, state: Any) -> Any:
        actual = state if isinstance(state, asyncssh.SFTPAttrs) else asyncssh.SFTPAttrs.from_local(state)
        actual.size = self.wrong
        return actual


def test_a_file_longer_than_its_announced_size_is_read_to_its_end(
    here: Installation, served: Any, folder: Path
) -> None:
    put(folder, "orders_1.csv")
    summary = served(SaysWrongSizes)()
    assert loaded(here) == ["1", "2"]
    assert here.read_archive() == {"orders_1.csv": ROWS.encode()} and list(folder.iterdir()) == []
    assert [text for text in map(str, summary.warnings) if "announces 18 bytes for orders_1.csv, but it has 24" in text]


def test_a_file_of_size_nought_that_has_bytes_is_read_whole(
    here: Installation, served: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SaysWrongSizes, "wrong", 0)
    put(folder, "orders_1.csv")
    served(SaysWrongSizes)()
    assert loaded(here) == ["1", "2"]


def test_a_file_shorter_than_its_announced_size_is_told_as_such_and_left_there(
    here: Installation, served: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SaysWrongSizes, "wrong", 30)
    put(folder, "orders_1.csv")
    run = served(SaysWrongSizes)
    for _ in range(2):  # at each run, until someone acts
        (problem,) = run().problems
        assert "orders_1.csv ends after 24 bytes, the server announces 30" in problem
        assert [path.name for path in folder.iterdir()] == ["orders_1.csv"]
    assert here.read_archive() == {} and list(Directories(here.data).temporary.iterdir()) == []


class SaysNoAttributes(SaysWrongSizes):
    """Says of a file only that it is there; what is asked beside that it does not know."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for item in Path(os.fsdecode(self.map_path(path))).iterdir():
            yield asyncssh.SFTPName(os.fsencode(item.name), os.fsencode(item.name), asyncssh.SFTPAttrs())

    def told(self, state: Any) -> Any:
        return asyncssh.SFTPAttrs()

    def lstat(self, path: bytes) -> Any:
        if not os.path.lexists(self.map_path(path)):
            raise asyncssh.SFTPNoSuchFile("gone")
        raise asyncssh.SFTPOpUnsupported("LSTAT")

    def fstat(self, file_obj: object) -> Any:
        raise asyncssh.SFTPOpUnsupported("FSTAT")


class SaysRightsWithoutAKind(SaysWrongSizes):
    """Says of its files which rights they have, but not that they are files."""

    def told(self, state: Any) -> Any:
        actual = state if isinstance(state, asyncssh.SFTPAttrs) else asyncssh.SFTPAttrs.from_local(state)
        actual.permissions = actual.permissions and actual.permissions & 0o777
        return actual


@pytest.mark.parametrize(("server_class", "warned"), [(SaysNoAttributes, True), (SaysRightsWithoutAKind, False)])
@pytest.mark.parametrize("settle", ["delete", "keep"])
def test_a_server_that_leaves_out_what_is_optional_is_worked_with(
    here: Installation, served: Any, folder: Path, server_class: type[asyncssh.SFTPServer], warned: bool, settle: str
) -> None:
    put(folder, "orders_1.csv")
    run = served(server_class, settle)
    first = run()
    assert first.problems == [], first
    assert loaded(here) == ["1", "2"]
    assert (
        bool([text for text in map(str, first.warnings) if "neither size nor time of orders_1.csv" in text]) == warned
    )
    put(folder, "orders_1.csv", MORE + "5,6\n")  # another delivery under the old name
    assert run().problems == []
    assert loaded(here) == ["1", "2", "3", "4", "5"]
    assert [path.name for path in folder.iterdir()] == ([] if settle == "delete" else ["orders_1.csv"])


class GivesNot(asyncssh.SFTPServer):
    """Does not give one file."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if path.endswith(b"orders_0.csv"):
            raise asyncssh.SFTPPermissionDenied("not for you")
        return super().open(path, pflags, attrs)


def test_one_unreadable_file_hides_nothing_of_the_others(here: Installation, served: Any, folder: Path) -> None:
    for name in ("orders_0.csv", "orders_1.csv", "line\nbreak.csv"):
        put(folder, name)
    (folder / "folder.csv").mkdir()
    run = served(GivesNot, file_pattern=r"(?s).*\.csv")
    for _ in range(2):
        summary = run()
        assert summary.exit_code != 0
        assert [text for text in summary.problems if "the download of orders_0.csv is not allowed to client" in text]
        for name in ("line\\nbreak.csv", "folder.csv"):
            assert [text for text in map(str, summary.warnings) if name in text], summary.warnings
    assert loaded(here) == ["1", "2"]


def test_a_file_above_the_limit_is_left_there_and_the_setting_is_named(
    here: Installation, served: Any, folder: Path
) -> None:
    here.write_settings(MAX_FILE_GB="0.000001")
    put(folder, "orders_1.csv", "order_id,amount\n" + "1,2\n" * 1000)
    put(folder, "orders_2.csv")
    from systemscripts import settings

    settings.reset()
    summary = served(asyncssh.SFTPServer)()
    (problem,) = summary.problems
    assert "orders_1.csv" in problem and "MAX_FILE_GB" in problem and summary.exit_code == 65
    assert [path.name for path in folder.iterdir()] == ["orders_1.csv"] and loaded(here) == ["1", "2"]


def test_an_empty_file_of_an_append_import_is_held_unless_that_is_allowed(
    here: Installation, served: Any, folder: Path
) -> None:
    put(folder, "orders_1.csv", "")
    run = served(asyncssh.SFTPServer)
    summary = run()
    (row,) = summary.rows
    assert row["state"] == "held" and "allow_empty" in summary.problems[0] and summary.exit_code == 65
    here.configure("orders", guards={"allow_empty": True})
    retried = here.run("datasets", "retry", "orders")
    assert (retried.returncode, "1 of 1 held datasets loaded" in retried.stdout) == (0, True), retried.stderr
