"""An uploaded job reaches SFTP servers only at addresses that it may connect to."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from demo.sftp_server import USER, SftpServer
from systemscripts.address_rules import AddressRules
from systemscripts.errors import ConfigurationError
from systemscripts.ssh import Login, connection
from tests.conftest import Installation

LISTED = ("sftp.example.test",)


@pytest.mark.parametrize(
    ("leads_to", "rules", "reason"),
    [
        ("127.0.0.1", AddressRules(LISTED), "an address of a private network"),
        ("127.0.0.1", AddressRules((*LISTED, "127.0.0.1:1")), "an address of a private network"),
        ("127.0.0.1", AddressRules(("other.example.test", "127.0.0.1")), "not among those that uploads may use"),
        ("169.254.169.254", AddressRules((*LISTED, "0.0.0.0/0")), "an address that no source may use"),
        ("169.254.169.254", AddressRules(), "an address that no source may use"),
    ],
)
def test_a_listed_name_that_leads_elsewhere_gets_no_login(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads_to: str, rules: AddressRules, reason: str
) -> None:
    real: Any = socket.getaddrinfo

    def looked_up(host: str, *rest: Any, **more: Any) -> Any:
        return real(leads_to if host == "sftp.example.test" else host, *rest, **more)

    (tmp_path / "root").mkdir()
    with SftpServer(tmp_path / "root", tmp_path / "keys", password="a-long-word") as server:
        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        login = Login(host="sftp.example.test", port=server.port, user=USER, password="a-long-word")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=reason):
            connection.connect(login, rules)
