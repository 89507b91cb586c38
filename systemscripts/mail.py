"""Mail over SMTP with STARTTLS or TLS from the first byte, the server's certificate verified."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

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


def send(message: EmailMessage) -> None:
    """Hand one mail to the configured server; returns once every recipient was accepted.

    Raises ConfigurationError (no server, refused login or certificate), TryLaterError (server away or busy), EtlError.
    """
    wanted = settings.current()
    if not wanted.smtp_host:
        raise ConfigurationError("no mail server is configured", "Set SMTP_HOST in config/.env.")
    where = f"mail server {wanted.smtp_host}:{wanted.smtp_port}"
    try:
        with _session() as session:
            if wanted.smtp_user:
                password = wanted.smtp_password.get_secret_value() if wanted.smtp_password else ""
                session.login(wanted.smtp_user, password)
            refused = session.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise ConfigurationError(f"{where} refused the login of {wanted.smtp_user}", "Check SMTP_PASSWORD.") from error
    except ssl.SSLError as error:
        raise ConfigurationError(f"{where}: certificate not trusted ({error.reason})", "Check SMTP_CA_FILE.") from error
    except smtplib.SMTPResponseException as error:
        kind = TryLaterError if 400 <= error.smtp_code < 500 else EtlError
        raise kind(f"{where} answered {error.smtp_code} {error.smtp_error!r}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise EtlError(f"{where} refused {', '.join(error.recipients)}", "Check the recipients.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise TryLaterError(f"{where}: {error or type(error).__name__}", "It is tried again by the next run.") from error
    if refused:
        raise EtlError(f"{where} refused {', '.join(refused)}", "Check the recipients.")


def _session() -> smtplib.SMTP:
    wanted = settings.current()
    context = ssl.create_default_context(cafile=str(wanted.smtp_ca_file) if wanted.smtp_ca_file else None)
    address, seconds = (wanted.smtp_host, wanted.smtp_port), wanted.smtp_timeout_seconds
    if wanted.smtp_security == "ssl":
        return smtplib.SMTP_SSL(*address, timeout=seconds, context=context)
    if wanted.smtp_security == "none" and wanted.smtp_host not in LOOPBACK:
        raise ConfigurationError("SMTP_SECURITY=none is only for a server on this machine", "Use starttls or ssl.")
    session = smtplib.SMTP(*address, timeout=seconds)
    if wanted.smtp_security == "starttls":
        try:
            session.starttls(context=context)
        except BaseException:
            session.close()
            raise
    return session
