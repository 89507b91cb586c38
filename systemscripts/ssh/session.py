"""An SFTP session that comes back after a cut: what is asked of it is done, or fails with one clear line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import paramiko

from systemscripts import retries, settings
from systemscripts.address_rules import AddressRules
from systemscripts.errors import EtlError, TryLaterError
from systemscripts.ssh import connection
from systemscripts.ssh.login import Login

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 10.0
Result = TypeVar("Result")


class RefusedError(EtlError):
    """The server answers, and says no to this one thing."""


class Session:
    """SFTP to one server, connected at the first use.

    `progress` counts what got through, so that a slow connection can be told from a dead one. `rules`: which addresses
    may be connected to.
    """

    def __init__(self, login: Login, rules: AddressRules | None = None) -> None:
        self.login, self._rules = login, rules or AddressRules()
        self.progress = 0
        self.offers_checksums: bool | None = None  # not known yet
        self._client: paramiko.SFTPClient | None = None

    def call(self, what: str, work: Callable[[paramiko.SFTPClient], Result]) -> Result:
        """Do some work, again and with growing pauses when the connection is cut; the work must bear repetition.

        A cut after which something got through starts the count anew (setting SFTP_ATTEMPTS). Raises TryLaterError when
        it stays away, RefusedError when the server refuses what is asked, FileNotFoundError when there is no such path.
        """
        attempts, failed = settings.current().sftp_attempts, 0
        while True:
            before = self.progress
            try:
                client = self._connected()
                return work(client)
            except (OSError, EOFError, paramiko.SSHException) as error:
                if self._client is not None and not is_lost(self._client, error):
                    raise self._refusal(error, what) from error
                fault: EtlError = self._lost(error, what)
                self.close()
            except TryLaterError as error:
                if self._client is not None:  # not about the connection
                    raise
                fault = error
            failed = 1 if self.progress > before else failed + 1
            if failed >= attempts:
                raise fault
            logger.warning("%s; it is tried again", fault.message, extra={"code": "connection_retried"})
            time.sleep(retries.compute_pause(failed - 1, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS))

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            _transport(client).close()

    def _connected(self) -> paramiko.SFTPClient:
        if self._client is None:
            self._client = connection.connect(self.login, self._rules)
        return self._client

    def _lost(self, error: Exception, what: str) -> TryLaterError:
        name = self.login.name
        if isinstance(error, TimeoutError):
            seconds = settings.current().sftp_answer_seconds
            return TryLaterError(f"{name}: {what} stalled, nothing came for {seconds:g} s", connection.AGAIN)
        return TryLaterError(f"{name}: the connection was cut during {what}", connection.AGAIN)

    def _refusal(self, error: Exception, what: str) -> Exception:
        """What the server answered, as the suite's own error; paramiko gives two answers an errno of their own."""
        name, user = self.login.name, self.login.user
        if isinstance(error, FileNotFoundError):
            return error
        if isinstance(error, PermissionError):
            return RefusedError(f"{name}: {what} is not allowed to {user}", "Ask the server's owner for the right.")
        return RefusedError(
            f"{name}: {what} failed, the server says: {error or type(error).__name__}",
            "Its disk may be full or its folder read-only: ask its owner.",
        )


def is_lost(client: paramiko.SFTPClient, error: Exception) -> bool:
    """Whether the connection is at fault for an error: then it holds no answer of the server."""
    if isinstance(error, EOFError | TimeoutError | ConnectionError | paramiko.SSHException):
        return True
    return is_closed(client)


def is_closed(client: paramiko.SFTPClient) -> bool:
    """Whether the connection below has ended."""
    return _channel(client).closed or not _transport(client).is_active()


def _channel(client: paramiko.SFTPClient) -> paramiko.Channel:
    found = client.get_channel()
    assert found is not None
    return found


def _transport(client: paramiko.SFTPClient) -> paramiko.Transport:
    return _channel(client).get_transport()
