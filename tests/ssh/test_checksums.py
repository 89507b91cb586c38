"""A server that offers checksums is asked for them: what arrives damaged is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko import sftp

from systemscripts.errors import EtlError
from systemscripts.ssh import Login, download, known_hosts, remote
from systemscripts.ssh.session import Session
from tests.conftest import Installation
from tests.ssh import servers


class _File(paramiko.SFTPHandle):
    """A file of which a byte may go wrong on its way; the checksum is taken of what lies there."""

    damage_reads = 0  # how many reads still arrive damaged
    most_at_once = 1 << 20

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._content = path.read_bytes()
        self._state = paramiko.SFTPAttributes.from_stat(path.stat())

    def stat(self) -> paramiko.SFTPAttributes:
        return self._state

    def read(self, offset: int, length: int) -> bytes:
        actual = self._content[offset : offset + min(length, _File.most_at_once)]
        if _File.damage_reads:
            _File.damage_reads -= 1
            return b"X" + actual[1:]
        return actual


class _Files(paramiko.SFTPServerInterface):
    root: Path

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
        return _File(self.root / path.lstrip("/"))

    def list_folder(self, path: str) -> Any:
        actual = []
        for item in sorted(self.root.iterdir()):
            actual.append(paramiko.SFTPAttributes.from_stat(item.stat(), item.name))
        return actual

    def lstat(self, path: str) -> Any:
        real = self.root / path.lstrip("/")
        return paramiko.SFTPAttributes.from_stat(real.stat()) if real.exists() else paramiko.SFTP_NO_SUCH_FILE


class _Everybody(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, type_name: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


@pytest.fixture
def session(here: Installation, tmp_path: Path) -> Iterator[Session]:
    """A session with a server of another make, which knows the check-file extension."""
    key = paramiko.ECDSAKey.generate()
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.csv").write_bytes(b"some bytes\n" * 40)
    files = type("Files", (_Files,), {"root": root})
    with servers.paramiko_server(key, _Everybody(), files) as port:
        login = Login.model_validate({"host": "127.0.0.1", "port": port, "user": "u", "password": "p"})
        known_hosts.add_key(login.name, key)
        result = Session(login)
        yield result
        result.close()


def test_a_right_checksum_is_compared(session: Session, tmp_path: Path) -> None:
    (entry,) = remote.list_entries(session, "/")
    part = tmp_path / "a.part"
    download.download_file(session, "/a.csv", entry, part, lambda amount: None)
    assert part.read_bytes() == b"some bytes\n" * 40
    assert session.offers_checksums is True


def test_a_damaged_file_is_not_taken(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_File, "damage_reads", 1)
    (entry,) = remote.list_entries(session, "/")
    part = tmp_path / "a.part"
    with pytest.raises(EtlError, match=r"a\.csv arrived damaged, its checksum differs"):
        download.download_file(session, "/a.csv", entry, part, lambda amount: None)
    assert not part.exists()


def _says(message_type: int, *items: object) -> Any:
    def check_file(server: paramiko.SFTPServer, request_number: int, message: paramiko.Message) -> None:
        server._response(request_number, message_type, *items)

    return check_file


def _hangs_up(server: paramiko.SFTPServer, request_number: int, message: paramiko.Message) -> None:
    server.sock.get_transport().close()


@pytest.mark.parametrize(
    "answer",
    [
        _says(sftp.CMD_STATUS, paramiko.SFTP_FAILURE, "Failure", ""),
        _says(sftp.CMD_STATUS, paramiko.SFTP_NO_SUCH_FILE, "it was collected", ""),
        _says(sftp.CMD_STATUS, paramiko.SFTP_EOF, "", ""),
        _says(sftp.CMD_EXTENDED_REPLY, b"\xff\xfe", b"\xff", b"x" * 5),
        _says(sftp.CMD_EXTENDED_REPLY),
        _hangs_up,
    ],
    ids=["failure", "gone", "end", "garbage", "nothing", "hung up"],
)
def test_what_arrived_whole_is_kept_whatever_becomes_of_the_checksum(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(paramiko.SFTPServer, "_check_file", answer)
    (entry,) = remote.list_entries(session, "/")
    part = tmp_path / "a.part"
    for _ in range(2):  # the connection is made again where it is needed
        part.unlink(missing_ok=True)
        assert download.download_file(session, "/a.csv", entry, part, lambda amount: None) == []
        assert part.read_bytes() == b"some bytes\n" * 40
    assert session.offers_checksums is False


def test_a_wrong_checksum_of_a_file_that_has_gone_since_is_a_warning(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_file(server: Any, request_number: int, message: Any) -> None:
        (server.server.root / "a.csv").unlink()
        answer = paramiko.Message()
        answer.add_int(request_number)
        answer.add_string("check-file")
        answer.add_string("sha256")
        answer.add_bytes(b"x" * 32)
        server._send_packet(sftp.CMD_EXTENDED_REPLY, answer)

    monkeypatch.setattr(paramiko.SFTPServer, "_check_file", check_file)
    (entry,) = remote.list_entries(session, "/")
    part = tmp_path / "a.part"
    (warning,) = download.download_file(session, "/a.csv", entry, part, lambda amount: None)
    assert "its checksum differs; it was kept" in warning and part.read_bytes() == b"some bytes\n" * 40


def test_a_server_that_gives_fewer_bytes_at_once_than_it_is_asked_for(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_File, "most_at_once", 3000)
    session.offers_checksums = False
    content = bytes(range(256)) * 500
    (tmp_path / "root" / "a.csv").write_bytes(content)
    (entry,) = remote.list_entries(session, "/")
    part = tmp_path / "a.part"
    assert download.download_file(session, "/a.csv", entry, part, lambda amount: None) == []
    assert part.read_bytes() == content
