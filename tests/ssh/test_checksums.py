"""A server that offers checksums is asked for them: what arrives damaged is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from systemscripts.errors import EtlError
from systemscripts.ssh import Login, download, known_hosts, remote
from systemscripts.ssh.session import Session
from tests.conftest import Installation
from tests.ssh import servers


class _File(paramiko.SFTPHandle):
    """A file of which a byte may go wrong on its way; the checksum is taken of what lies there."""

    damage_reads = 0  # how many reads still arrive damaged

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._content = path.read_bytes()
        self._state = paramiko.SFTPAttributes.from_stat(path.stat())

    def stat(self) -> paramiko.SFTPAttributes:
        return self._state

    def read(self, offset: int, length: int) -> bytes:
        found = self._content[offset : offset + length]
        if _File.damage_reads:
            _File.damage_reads -= 1
            return b"X" + found[1:]
        return found


class _Files(paramiko.SFTPServerInterface):
    root: Path

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
        return _File(self.root / path.lstrip("/"))

    def list_folder(self, path: str) -> Any:
        found = []
        for each in sorted(self.root.iterdir()):
            found.append(paramiko.SFTPAttributes.from_stat(each.stat(), each.name))
        return found


class _Everybody(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
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
        known_hosts.add(login.name, key)
        made = Session(login)
        yield made
        made.close()


def test_a_right_checksum_is_compared(session: Session, tmp_path: Path) -> None:
    (entry,) = remote.entries(session, "/")
    part = tmp_path / "a.part"
    download.download(session, "/a.csv", entry, part, lambda amount: None)
    assert part.read_bytes() == b"some bytes\n" * 40
    assert session.offers_checksums is True


def test_a_damaged_file_is_not_taken(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_File, "damage_reads", 1)
    (entry,) = remote.entries(session, "/")
    part = tmp_path / "a.part"
    with pytest.raises(EtlError, match=r"a\.csv arrived damaged, its checksum differs"):
        download.download(session, "/a.csv", entry, part, lambda amount: None)
    assert not part.exists()
