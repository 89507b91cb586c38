"""One session with the mail server: its replies up to the one after DATA decide which recipients have the mail."""

from __future__ import annotations

import contextlib
import logging
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.mail import message as messages

logger = logging.getLogger(__name__)

_AUTHENTICATION = re.compile(r"(AUTH \w+ )[^\s'\\]+", re.IGNORECASE)
_LINE_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The mail is already accepted: the reply to QUIT changes nothing.
QUIT_SECONDS = 5
MAX_REPLY_BYTES = 8192
# reply codes of RFC 5321, 4.2.3
START_INPUT = 354
SERVICE_CLOSING = 421
NOT_A_MAILBOX = 553
# 4.5.3.1.10: old servers reply so if the other recipients are to get another mail
TOO_MANY_RECIPIENTS = 552


@dataclass(frozen=True)
class Refusal:
    """A recipient whom the server does not accept, with its reply. `is_temporary`: a later attempt may succeed."""

    mailbox: str
    code: int
    reply: str
    is_temporary: bool

    def __str__(self) -> str:
        """Return the recipient and the reason in one line."""
        return " ".join(f"{self.mailbox} ({self.code} {self.reply})".split())


def is_configured() -> bool:
    """Return whether a mail server is named in the settings."""
    return bool(settings.current().smtp_host)


def try_login() -> None:
    """Connect to the server and log in, but send nothing; raises what `send` raises."""
    messages.get_sender_address()
    with _translate_errors(), _open_session(None):
        pass


def send(
    message: EmailMessage,
    recipients: list[str],
    transcript: list[str] | None = None,
    correct_in: str = "",
    on_accepted: Callable[[list[Refusal]], None] | None = None,
) -> list[Refusal]:
    """Hand one mail to the configured server for these mailboxes; returns those that were refused.

    Every recipient that is not returned has the mail, regardless of what the server does after it accepted it.
    `transcript`: collects what both sides sent, with the secrets of the login hidden. `correct_in`: where to correct an
    address that is refused permanently, for the warning. `on_accepted`: called with those who were refused, as soon as
    the server has accepted the mail for the others, to record it before the rest of the session.

    Raises ConfigurationError (no server, refused login or certificate), TryLaterError (server away or busy), EtlError:
    in each case no recipient gets the mail.
    """
    with _translate_errors(), _open_session(transcript) as session:
        refused = _transact(session, message, recipients, transcript)
        if on_accepted is not None and len(refused) < len(recipients):
            on_accepted(refused)
    for refusal in refused:
        correct = f"; correct the address in {correct_in}" if correct_in and not refusal.is_temporary else ""
        logger.warning("%s", f"the mail server refused {refusal}{correct}", extra={"code": "recipient_refused"})
    return refused


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn errors of the session into the suite's own."""
    current_settings = settings.current()
    if not current_settings.smtp_host:
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST in config/.env.")
    try:
        yield
    # the errors of ssl are OSErrors
    except (OSError, smtplib.SMTPException) as error:
        raise _translate(error, f"mail server {current_settings.smtp_host}:{current_settings.smtp_port}") from error


@contextlib.contextmanager
def _open_session(transcript: list[str] | None) -> Iterator[smtplib.SMTP]:
    current_settings = settings.current()
    session = _connect(transcript)
    try:
        if current_settings.smtp_user:
            password = current_settings.smtp_password.get_secret_value() if current_settings.smtp_password else ""
            session.login(current_settings.smtp_user, password)
        yield session
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if session.sock is not None:
                session.sock.settimeout(min(QUIT_SECONDS, current_settings.smtp_timeout_seconds))
            session.quit()
    finally:
        session.close()


def _transact(
    session: smtplib.SMTP, message: EmailMessage, recipients: list[str], transcript: list[str] | None
) -> list[Refusal]:
    """Send the envelope, then the mail itself (RFC 5321, 3.3); return the refused recipients.

    Raises smtplib's errors if the server does not accept the mail for anyone.
    """
    session.ehlo_or_helo_if_needed()
    sender = messages.get_sender_address()
    refused = [refusal for mailbox in recipients if (refusal := _find_unfit(session, mailbox))]
    unfit = {refusal.mailbox for refusal in refused}
    fit = [mailbox for mailbox in recipients if mailbox not in unfit]
    if not fit:
        return refused
    messages.address_to(message, fit)
    is_international = not all(settings.extract_address(mailbox).isascii() for mailbox in [sender, *fit])
    content = messages.serialize(message, is_international)
    options = [f"size={len(content)}"] if session.has_extn("size") else []
    options += ["SMTPUTF8", "BODY=8BITMIME"] if is_international else []
    code, reply = session.mail(sender, options)
    if not _is_positive(code):
        raise smtplib.SMTPSenderRefused(code, reply, sender)
    for mailbox in fit:
        code, reply = session.rcpt(settings.parse_mailbox(mailbox)[1])
        if code == SERVICE_CLOSING:
            raise smtplib.SMTPResponseException(code, reply)
        if not _is_positive(code):
            is_temporary = _is_temporary(code) or code == TOO_MANY_RECIPIENTS
            refused.append(Refusal(mailbox, code, _decode_reply(reply), is_temporary))
    if len(refused) < len(recipients):
        _send_content(session, content, transcript)
    return refused


def _find_unfit(session: smtplib.SMTP, mailbox: str) -> Refusal | None:
    """Return why a recipient cannot be named to this server at all, or None if it can."""
    try:
        _, address = settings.parse_mailbox(mailbox)
    except ValueError as error:
        return Refusal(mailbox, NOT_A_MAILBOX, str(error), is_temporary=False)
    if address.isascii() or session.has_extn("smtputf8"):
        return None
    reply = "the server accepts only addresses in ASCII, it does not offer SMTPUTF8"
    return Refusal(mailbox, NOT_A_MAILBOX, reply, is_temporary=False)


def _send_content(session: smtplib.SMTP, content: bytes, transcript: list[str] | None) -> None:
    """Send the mail itself; it is accepted if the first line of the reply is 2xx, regardless of what follows.

    Raises SMTPDataError if it is not, SMTPServerDisconnected if the server closed the connection without a reply.
    """
    code, reply = session.docmd("DATA")
    if code != START_INPUT:
        raise smtplib.SMTPDataError(code, reply)
    session.send(_LINE_WITH_DOT.sub(b"..", content) + b".\r\n")
    line: bytes = session.file.readline(MAX_REPLY_BYTES) if session.file is not None else b""
    if transcript is not None:
        transcript.append(f"reply: {line!r}")
    if not line:
        raise smtplib.SMTPServerDisconnected("the server closed the connection before it accepted the mail")
    code = int(line[:3]) if line[:3].isdigit() else -1
    if not _is_positive(code):
        raise smtplib.SMTPDataError(code, line[4:].strip())


def _translate(error: OSError | smtplib.SMTPException, where: str) -> EtlError:
    """Return the error of an attempt as the suite's own, by type and reply code (RFC 5321, 4.2.1: 4xx is temporary)."""
    if isinstance(error, smtplib.SMTPAuthenticationError) and not _is_temporary(error.smtp_code):
        user, said = settings.current().smtp_user, f"{error.smtp_code} {_decode_reply(error.smtp_error)}"
        return ConfigurationError(f"{where} refused the login of {user}: {said}", "Check SMTP_PASSWORD.")
    if isinstance(error, smtplib.SMTPResponseException):
        error_class = TryLaterError if _is_temporary(error.smtp_code) else EtlError
        refused = (
            f"refused the sender {error.sender}: " if isinstance(error, smtplib.SMTPSenderRefused) else "answered "
        )
        hint = "Check MAIL_FROM." if isinstance(error, smtplib.SMTPSenderRefused) else ""
        return error_class(f"{where} {refused}{error.smtp_code} {_decode_reply(error.smtp_error)}", hint)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ConfigurationError(f"{where}: {error}", "Check SMTP_PORT and SMTP_SECURITY.")
    if isinstance(error, ssl.SSLError):
        return ConfigurationError(
            f"{where}: no trusted connection ({error.reason or error})", "Check SMTP_CA_FILE and SMTP_SECURITY."
        )
    return TryLaterError(f"{where}: {error or type(error).__name__}", "The next run tries again.")


def _decode_reply(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return " ".join(text.split())


def _is_positive(code: int) -> bool:
    return 200 <= code < 300


def _is_temporary(code: int) -> bool:
    return 400 <= code < 500


class _Transcribed:
    """Records what both sides send; mixed into the classes of smtplib."""

    debuglevel = 1
    lines: list[str]

    def _print_debug(self, *args: object) -> None:
        text = " ".join(map(str, args))
        before = self.lines[-1] if self.lines else ""
        text = _AUTHENTICATION.sub(r"\1***", text)
        # the reply to a challenge of the login
        if text.startswith("send:") and "334" in before:
            text = "send: ***"
        self.lines.append(text)


class _TranscribedPlain(_Transcribed, smtplib.SMTP):
    pass


class _TranscribedTls(_Transcribed, smtplib.SMTP_SSL):
    pass


def _build_classes(transcript: list[str] | None) -> tuple[type[smtplib.SMTP], type[smtplib.SMTP_SSL]]:
    if transcript is None:
        return smtplib.SMTP, smtplib.SMTP_SSL
    noted = {"lines": transcript}
    return type("Plain", (_TranscribedPlain,), noted), type("Tls", (_TranscribedTls,), noted)


def _connect(transcript: list[str] | None) -> smtplib.SMTP:
    plain, tls = _build_classes(transcript)
    current_settings = settings.current()
    if current_settings.smtp_security == "none" and current_settings.smtp_host not in LOOPBACK:
        raise ConfigurationError("SMTP_SECURITY=none is only for a server on this machine", "Use starttls or ssl.")
    context = _build_tls_context()
    address, seconds = (current_settings.smtp_host, current_settings.smtp_port), current_settings.smtp_timeout_seconds
    name = messages.choose_greeting_name()
    if current_settings.smtp_security == "ssl":
        return tls(*address, local_hostname=name, timeout=seconds, context=context)
    session = plain(*address, local_hostname=name, timeout=seconds)
    if current_settings.smtp_security == "starttls":
        try:
            session.starttls(context=context)
        except BaseException:
            session.close()
            raise
    return session


def _build_tls_context() -> ssl.SSLContext:
    trusted = settings.current().smtp_ca_file
    try:
        return ssl.create_default_context(cafile=trusted)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"SMTP_CA_FILE: {trusted} cannot be used: {error}", "Check SMTP_CA_FILE.") from error
