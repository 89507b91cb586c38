"""Mail over SMTP with STARTTLS or TLS from the first byte, the server's certificate verified."""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

logger = logging.getLogger(__name__)

_AUTHENTICATION = re.compile(r"(AUTH \w+ )[^\s'\\]+", re.IGNORECASE)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def configured() -> bool:
    """Whether a mail server is named in the settings."""
    return bool(settings.current().smtp_host)


def compose(subject: str, recipients: list[str], text: str, html: str | None = None) -> EmailMessage:
    """Make one mail with a plain-text part and, where given, an HTML part (RFC 2046, 5.1.4: the best part last)."""
    wanted = settings.current()
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"] = wanted.mail_from or f"client-etl-workflow@{wanted.smtp_host or 'localhost'}"
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(settings.now().timestamp(), localtime=True)
    message["Message-ID"] = make_msgid(domain="client-etl-workflow.local")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to it
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def try_login() -> None:
    """Reach the server and log in, send nothing; raises what `send` raises."""
    _conversation(None, None)


def send(message: EmailMessage, spoken: list[str] | None = None) -> list[str]:
    """Hand one mail to the configured server; returns the addresses it refused while it took the mail for others.

    `spoken`: gets what both sides said, the login's secrets hidden.

    Raises ConfigurationError (no server, refused login or certificate), TryLaterError (server away or busy), EtlError:
    in each case nobody gets the mail.
    """
    refused = _conversation(message, spoken)
    if refused:  # an error would have it sent again to those who have it
        text = f"the mail server refused {', '.join(refused)}; the others have the mail"
        logger.warning("%s", text, extra={"code": "recipient_refused"})
    return refused


def _conversation(message: EmailMessage | None, spoken: list[str] | None) -> list[str]:
    """One session with the server; the addresses it refused."""
    wanted = settings.current()
    if not wanted.smtp_host:
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST in config/.env.")
    try:
        with _session(spoken) as session:
            if wanted.smtp_user:
                password = wanted.smtp_password.get_secret_value() if wanted.smtp_password else ""
                session.login(wanted.smtp_user, password)
            return list(session.send_message(message)) if message is not None else []
    except (OSError, smtplib.SMTPException) as error:  # ssl's errors are OSErrors
        raise _explained(error, f"mail server {wanted.smtp_host}:{wanted.smtp_port}") from error


def _explained(error: OSError | smtplib.SMTPException, where: str) -> EtlError:
    """The error of one attempt as the suite's own, by type and reply code (RFC 5321, 4.2.1: 4xx may work later)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        kind = TryLaterError if all(_temporary(code) for code in codes) else EtlError
        return kind(f"{where} refused {', '.join(error.recipients)}", "Check the recipients.")
    if isinstance(error, smtplib.SMTPAuthenticationError) and not _temporary(error.smtp_code):
        user = settings.current().smtp_user
        return ConfigurationError(f"{where} refused the login of {user}", "Check SMTP_PASSWORD.")
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        kind = TryLaterError if _temporary(error.smtp_code) else EtlError
        return kind(f"{where} answered {error.smtp_code} {text}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ConfigurationError(f"{where}: {error}", "Check SMTP_PORT and SMTP_SECURITY.")
    if isinstance(error, ssl.SSLError):
        return ConfigurationError(
            f"{where}: no trusted connection ({error.reason or error})", "Check SMTP_CA_FILE and SMTP_SECURITY."
        )
    return TryLaterError(f"{where}: {error or type(error).__name__}", "It is tried again by the next run.")


def _temporary(code: int) -> bool:
    return 400 <= code < 500


class _Spoken:
    """Notes what both sides say; mixed into the classes of smtplib."""

    debuglevel = 1
    lines: list[str]

    def _print_debug(self, *args: object) -> None:
        text = " ".join(str(each) for each in args)
        before = self.lines[-1] if self.lines else ""
        text = _AUTHENTICATION.sub(r"\1***", text)
        if text.startswith("send:") and "334" in before:  # the answer to a question of the login
            text = "send: ***"
        self.lines.append(text)


class _SpokenPlain(_Spoken, smtplib.SMTP):
    pass


class _SpokenTls(_Spoken, smtplib.SMTP_SSL):
    pass


def _classes(spoken: list[str] | None) -> tuple[type[smtplib.SMTP], type[smtplib.SMTP_SSL]]:
    if spoken is None:
        return smtplib.SMTP, smtplib.SMTP_SSL
    noted = {"lines": spoken}
    return type("Plain", (_SpokenPlain,), noted), type("Tls", (_SpokenTls,), noted)


def _session(spoken: list[str] | None = None) -> smtplib.SMTP:
    plain, tls = _classes(spoken)
    wanted = settings.current()
    if wanted.smtp_security == "none" and wanted.smtp_host not in LOOPBACK:
        raise ConfigurationError("SMTP_SECURITY=none is only for a server on this machine", "Use starttls or ssl.")
    context = _context()
    address, seconds = (wanted.smtp_host, wanted.smtp_port), wanted.smtp_timeout_seconds
    if wanted.smtp_security == "ssl":
        return tls(*address, timeout=seconds, context=context)
    session = plain(*address, timeout=seconds)
    if wanted.smtp_security == "starttls":
        try:
            session.starttls(context=context)
        except BaseException:
            session.close()
            raise
    return session


def _context() -> ssl.SSLContext:
    trusted = settings.current().smtp_ca_file
    try:
        return ssl.create_default_context(cafile=trusted)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"SMTP_CA_FILE: {trusted} cannot be used: {error}", "Check SMTP_CA_FILE.") from error
