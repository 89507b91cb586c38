"""Each part of making a connection has a limit that names itself, also where the library would wait for ever."""

from __future__ import annotations

import contextlib
import socket
import time

import paramiko
import pytest

from systemscripts import settings
from systemscripts.errors import TryLaterError
from systemscripts.ssh import Login, known_hosts
from systemscripts.ssh.session import Session
from tests.conftest import Installation
from tests.ssh import servers

SECONDS = 1.5


class _Slow(paramiko.ServerInterface):
    """Takes its time at one point."""

    def __init__(self, slow: str) -> None:
        self.slow = slow

    def _wait(self, part: str) -> None:
        if part == self.slow:
            time.sleep(SECONDS * 5)

    def check_auth_password(self, username: str, password: str) -> int:
        self._wait("login")
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, type_name: str, chanid: int) -> int:
        self._wait("channel")
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self._wait("subsystem")
        return super().check_channel_subsystem_request(channel, name)


def fault_of(login: Login) -> tuple[str, float]:
    begun = time.monotonic()
    with pytest.raises(TryLaterError) as caught:
        Session(login).call("a look", lambda client: client.stat("/"))
    return str(caught.value), time.monotonic() - begun


@pytest.fixture
def impatient(here: Installation) -> Installation:
    here.write_settings(SFTP_CONNECT_SECONDS=str(SECONDS), SFTP_ANSWER_SECONDS=str(SECONDS), SFTP_ATTEMPTS="1")
    settings.reset()
    return here


@pytest.mark.parametrize(
    ("slow", "said"),
    [("login", "the login"), ("channel", "the SFTP channel"), ("subsystem", "the SFTP channel")],
)
def test_login_and_channel(impatient: Installation, slow: str, said: str) -> None:
    key = paramiko.ECDSAKey.generate()
    with servers.paramiko_server(key, _Slow(slow), paramiko.SFTPServerInterface) as port:
        login = Login.model_validate({"host": "127.0.0.1", "port": port, "user": "u", "password": "p"})
        known_hosts.add_key(login.name, key)
        text, seconds = fault_of(login)
    assert f"[127.0.0.1]:{port}: {said} took longer than 1.5 s" in text
    assert seconds < SECONDS * 4


def test_connection(impatient: Installation) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # nobody accepts: the queue is full, and the system drops who knocks
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        login = Login.model_validate({"host": "127.0.0.1", "port": full.getsockname()[1], "user": "u", "password": "p"})
        text, _ = fault_of(login)
    assert "no connection within 1.5 s" in text
