"""The connection to a mailbox: TLS, login, a new connection where one was lost, errors in words."""

from __future__ import annotations

import contextlib
import imaplib
import importlib.util
import logging
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from systemscripts import retries
from systemscripts.address_rules import AddressRules
from systemscripts.commands import format_program
from systemscripts.configuration.source_options.mail import Options
from systemscripts.errors import ConfigurationError, EtlError, GaveUpError

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

logger = logging.getLogger(__name__)
Given = TypeVar("Given")
# between two answers; large mails arrive in pieces
ANSWER_SECONDS = 60
# in a row without any success, then a later run goes on
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.2


class MailboxSession:
    """A mailbox of which one folder at a time is open."""

    def __init__(self, options: Options) -> None:
        """Raise ConfigurationError if the package for it is not installed."""
        if importlib.util.find_spec("imap_tools") is None:
            raise ConfigurationError(
                "a source of type mail needs the Python package imap-tools",
                f"Run: {format_program('install_dependencies.sh', '--python-only', '--with', 'mail')}",
            )
        self._options = options
        self._mailbox: BaseMailBox | None = None
        self._folder = ""
        self.uid_validity = ""

    def call(self, folder: str, what: str, function: Callable[[BaseMailBox], Given]) -> Given:
        """Return what a function gets from a folder; a lost connection is opened again.

        Raises ConfigurationError for a refused login or certificate or a missing folder, GaveUpError if the server is
        away, EtlError if it refuses; `what` says what was asked.
        """
        from imap_tools.errors import ImapToolsError

        name, failed = self._options.name, 0
        while True:
            try:
                return function(self._open(folder))
            except ssl.SSLCertVerificationError as error:
                raise ConfigurationError(
                    f"{name}: its certificate is not trusted: {error.verify_message}",
                    "Correct host, or set ca_file of the source to the certificate of its authority (PEM).",
                ) from error
            except (imaplib.IMAP4.abort, OSError) as error:
                self.close()
                failed += 1
                if failed >= ATTEMPTS:
                    reason = " ".join(str(error).split()) or type(error).__name__
                    raise GaveUpError(
                        f"{name}: {what} failed {failed} times: {reason}", "The next run continues from there."
                    ) from error
                logger.info("%s: the connection was lost (%s); it is opened again", name, type(error).__name__)
                time.sleep(retries.choose_pause(failed - 1, FIRST_PAUSE_SECONDS))
            except (imaplib.IMAP4.error, ImapToolsError) as error:
                self.close()
                text = " ".join(str(error).split())
                raise EtlError(f"{name}: {what} was refused: {text}", "Check the rights of the user there.") from error

    def close(self) -> None:
        """Close the connection; what the server says then changes nothing."""
        if self._mailbox is not None:
            # not imap_tools' logout: a connection that is lost would wait for an answer
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                self._mailbox.client.shutdown()
        self._mailbox, self._folder = None, ""

    def _open(self, folder: str) -> BaseMailBox:
        from imap_tools.errors import MailboxFolderSelectError, MailboxFolderStatusError

        if self._mailbox is None:
            self._mailbox = connect(self._options)
        if self._folder != folder:
            try:
                self._mailbox.folder.set(folder)
                self.uid_validity = str(self._mailbox.folder.status(folder, ["UIDVALIDITY"])["UIDVALIDITY"])
            except (MailboxFolderSelectError, MailboxFolderStatusError) as error:
                raise ConfigurationError(
                    f"{self._options.name}: there is no folder {folder}", "Correct folders of the source."
                ) from error
            self._folder = folder
        return self._mailbox


def connect(options: Options) -> BaseMailBox:
    """Return a mailbox after the login; raises ConfigurationError, and OSError or IMAP4.abort if it is away."""
    import imap_tools

    AddressRules().resolve(options.host, options.real_port)
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"{options.ca_file} cannot be read as certificates (PEM)", "Correct ca_file."
        ) from error
    box_type = imap_tools.MailBoxStartTls if options.starttls else imap_tools.MailBox
    mailbox = box_type(options.host, options.real_port, timeout=ANSWER_SECONDS, ssl_context=context)
    try:
        if options.token is not None:
            mailbox.xoauth2(options.user, options.token.get_secret_value(), initial_folder=None)
        elif options.password is not None:
            mailbox.login_utf8(options.user, options.password.get_secret_value(), initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, imap_tools.MailboxLoginError) as error:
        with contextlib.suppress(OSError):
            mailbox.client.shutdown()
        method = "its token" if options.token else "its password"
        raise ConfigurationError(
            f"{options.host}:{options.real_port} refused the login of {options.user} with {method}",
            f"Check user and {method.removeprefix('its ')} of the source.",
        ) from error
    return mailbox
