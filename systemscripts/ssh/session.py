"""An SFTP session that reconnects: a request is carried out, or fails with one clear message."""

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
    """The server refuses one request; the connection is fine."""


class Session:
    """SFTP to one server, connected at the first use.

    `progress` counts the bytes transferred, to tell a slow connection from a dead one. `rules` says which addresses may
    be used.
    """

    def __init__(self, login: Login, rules: AddressRules | None = None) -> None:
        self.login, self._rules = login, rules or AddressRules()
        self.progress = 0
        # None: not known yet
        self.offers_checksums: bool | None = None
        self._client: paramiko.SFTPClient | None = None

    def call(self, what: str, work: Callable[[paramiko.SFTPClient], Result]) -> Result:
        """Return the result of `work`, which is repeated with growing pauses when the connection is lost.

        `work` must be safe to repeat. Attempts are counted from the last progress (setting SFTP_ATTEMPTS). Raises
        TryLaterError after the last attempt, RefusedError if the server refuses, FileNotFoundError for a missing path.
        """
        attempts, failed = settings.current().sftp_attempts, 0
        while True:
            before = self.progress
            try:
                client = self._connect()
                return work(client)
            except (OSError, EOFError, paramiko.SSHException) as error:
                if self._client is not None and not is_lost(self._client, error):
                    if isinstance(error, FileNotFoundError):
                        raise
                    raise self._translate_refusal(error, what) from error
                fault: EtlError = self._build_loss(error, what)
                self.close()
            except TryLaterError as error:
                # an error of the work, not of the connection
                if self._client is not None:
                    raise
                fault = error
            failed = 1 if self.progress > before else failed + 1
            if failed >= attempts:
                raise fault
            logger.warning("%s; retrying", fault.message, extra={"code": "connection_retried"})
            time.sleep(retries.compute_pause(failed - 1, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS))

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            _get_transport(client).close()

    def _connect(self) -> paramiko.SFTPClient:
        if self._client is None:
            self._client = connection.connect(self.login, self._rules)
        return self._client

    def _build_loss(self, error: Exception, what: str) -> TryLaterError:
        name = self.login.name
        if isinstance(error, TimeoutError):
            seconds = settings.current().sftp_answer_seconds
            return TryLaterError(f"{name}: {what} stalled, no data for {seconds:g} s", connection.RETRY_HINT)
        return TryLaterError(f"{name}: the connection was lost during {what}", connection.RETRY_HINT)

    def _translate_refusal(self, error: Exception, what: str) -> RefusedError:
        """Return the answer of the server as one of our errors; paramiko has a special exception for a permission."""
        name, user = self.login.name, self.login.user
        if isinstance(error, PermissionError):
            return RefusedError(f"{name}: {what} is not allowed to {user}", "Ask its owner for permission.")
        return RefusedError(
            f"{name}: {what} failed, the server says: {error or type(error).__name__}",
            "Its disk may be full or its folder read-only: ask the owner of the server.",
        )


def is_openssh(client: paramiko.SFTPClient) -> bool:
    """Return whether the server is OpenSSH's, of which more than the protocol demands is known."""
    return "OpenSSH" in _get_transport(client).remote_version


def is_lost(client: paramiko.SFTPClient, error: Exception) -> bool:
    """Return whether an error comes from a lost connection, not from an answer of the server."""
    if isinstance(error, EOFError | TimeoutError | ConnectionError | paramiko.SSHException):
        return True
    return is_closed(client)


def is_closed(client: paramiko.SFTPClient) -> bool:
    """Return whether the connection is closed."""
    return _get_channel(client).closed or not _get_transport(client).is_active()


def _get_channel(client: paramiko.SFTPClient) -> paramiko.Channel:
    channel = client.get_channel()
    assert channel is not None
    return channel


def _get_transport(client: paramiko.SFTPClient) -> paramiko.Transport:
    return _get_channel(client).get_transport()
