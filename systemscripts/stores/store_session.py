"""A session with a store that opens a lost connection again: a request is carried out, or fails with one message."""

from __future__ import annotations

import importlib.util
import logging
import ssl
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from systemscripts import masking, plugins, retries, settings
from systemscripts.commands import format_program
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.stores import protocols
from systemscripts.stores.store_login import StoreLogin

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.2, 10.0
# what is asked for at once; less on a bad connection, so that something arrives between two losses
BLOCK_BYTES, MIN_BLOCK_BYTES = 1 << 19, 1 << 14
RETRY_HINT = "The next run tries it again."


class RefusedError(EtlError):
    """The server refuses one request; the connection is fine."""


class BusyError(TryLaterError):
    """Another program has the file open."""


class StoreSession:
    """A store, opened at the first use.

    `progress` counts the bytes transferred, `block_bytes` is how many to ask for at once.
    """

    def __init__(self, login: StoreLogin) -> None:
        """Raise ConfigurationError if a package for the protocol is not installed."""
        self.login, self.progress, self.block_bytes = login, 0, BLOCK_BYTES
        self._protocol = _load_protocol(login)
        self._store: Any = None
        if not login.is_tested:
            # no warning: it would be one of every run
            logger.info("stores of protocol %s are not tested by this project", login.protocol)

    def call(self, what: str, work: Callable[[Any], Result]) -> Result:
        """Return what `work` gets from the store; it is repeated with growing pauses when the connection is lost.

        `work` must be safe to repeat. Attempts are counted from the last progress (setting SFTP_ATTEMPTS). Raises
        ConfigurationError for a refused login or certificate, TryLaterError after the last attempt, BusyError for a
        file that is in use, RefusedError if the server refuses, FileNotFoundError for a missing path.
        """
        failed = 0
        while True:
            before = self.progress
            try:
                if self._store is None:
                    self._store = self._protocol.open_store(self.login)
                self._store.invalidate_cache()
                return work(self._store)
            except EtlError:
                raise
            except Exception as error:  # fsspec's stores raise the exceptions of many libraries
                fault = self._explain(error, what)
                if not isinstance(fault, _LostError):
                    raise fault from error
                self.close()
                self.block_bytes = max(MIN_BLOCK_BYTES, self.block_bytes // 4)
                failed = 1 if self.progress > before else failed + 1
                if failed >= settings.current().sftp_attempts:
                    raise TryLaterError(fault.message, RETRY_HINT) from error
            logger.warning("%s; retrying", fault.message, extra={"code": "connection_retried"})
            time.sleep(retries.compute_pause(failed - 1, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS))

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        store, self._store = self._store, None
        if store is not None:
            self._protocol.close_store(store)

    def _explain(self, error: Exception, what: str) -> Exception:
        """Return an error of a library as one of ours."""
        login = self.login
        if certificate := _find_untrusted(error):
            return ConfigurationError(
                f"{login.name}: its certificate is not trusted: {certificate.verify_message}",
                "Correct host, or set ca_file to the certificate of its authority (PEM).",
            )
        text = " ".join(masking.mask(str(error)).split())[:300] or type(error).__name__
        verdict = self._protocol.judge(error)
        if verdict == "missing":
            return FileNotFoundError(what)
        if verdict == "login":
            user = f" of {login.user}" if login.user else ""
            return ConfigurationError(f"{login.name} refused the login{user}", "Check user and password.")
        if verdict == "busy":
            return BusyError(f"{login.name}: {what}: another program has the file open", RETRY_HINT)
        if verdict == "lost":
            return _LostError(f"{login.name}: the connection was lost during {what} ({text})")
        return RefusedError(
            f"{login.name}: {what} was refused: {text}", "Check path, and the rights of the user there."
        )


class _LostError(EtlError):
    """The connection was lost."""


def _find_untrusted(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the error of a certificate among an error and what caused it, None if there is none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _load_protocol(login: StoreLogin) -> ModuleType:
    """Return the module that opens a store; raises ConfigurationError if a package is missing."""
    name = login.protocol if login.is_tested else "other_stores"
    module = plugins.load_module(protocols.__name__, name, "protocol")
    for package, imported in (("fsspec", "fsspec"), *module.PACKAGES):
        if importlib.util.find_spec(imported) is None:
            raise ConfigurationError(
                f"a store with protocol {login.protocol} needs the Python package {package}",
                f"Run: {format_program('install_dependencies.sh', '--python-only', '--with', 'shares')}",
            )
    return module
