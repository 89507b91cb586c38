"""Compose mails: 7-bit throughout, one mailbox per recipient, headers that every server accepts."""

from __future__ import annotations

import socket
from email.generator import BytesGenerator
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr, formatdate, make_msgid
from io import BytesIO
from typing import Any

from systemscripts import settings
from systemscripts.errors import ConfigurationError
from systemscripts.mail import origin

_ADDRESS_HEADERS = ("from", "to")
_PLACEHOLDERS = ("localdomain", "local", "arpa")


class _HeaderPolicy(EmailPolicy):
    """Writes the headers that the standard library folds wrongly: names with commas, subjects of long words.

    Its folding drops the quotes of a long name, and may begin a subject with an empty line.
    """

    def fold(self, name: str, value: Any) -> str:
        """Return one header with its line end."""
        if name.lower() in _ADDRESS_HEADERS and hasattr(value, "addresses"):
            mailboxes = [_write_mailbox(address.display_name, address.addr_spec) for address in value.addresses]
            return f"{name}: {f',{self.linesep} '.join(mailboxes)}{self.linesep}"
        if name.lower() == "subject":
            text = " ".join(str(value).split())
            if not text.isascii():
                text = Header(text, "utf-8", header_name=name).encode(linesep=self.linesep)
            return f"{name}: {text}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return one header as bytes."""
        return self.fold(name, value).encode("utf-8", "surrogateescape")


# 7 bit: no server needs to offer anything (RFC 6152)
POLICY = _HeaderPolicy(linesep="\r\n", cte_type="7bit")
# for addresses that are not ASCII (RFC 6531)
INTERNATIONAL_POLICY = POLICY.clone(utf8=True)


def compose(
    subject: str, recipients: list[str], text: str, html: str | None = None, is_for_client: bool = False
) -> EmailMessage:
    """Return one mail with a plain-text part and, where given, an HTML part (RFC 2046, 5.1.4: the best part last).

    Subject and text name the environment and the host, unless it is for someone outside, whom they do not concern.
    `recipients`: mailboxes. Raises ConfigurationError where
    MAIL_FROM or a recipient is not one.
    """
    message = EmailMessage(policy=POLICY)
    message["Subject"] = origin.write_plain_subject(subject) if is_for_client else origin.add_to_subject(subject)
    message["From"] = _build_header([get_sender()], "MAIL_FROM")
    message["To"] = _build_header(recipients, "the recipients")
    message["Date"] = formatdate(settings.now().timestamp(), localtime=True)
    message["Message-ID"] = make_message_id()
    # RFC 3834: no out-of-office answers to it
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text if is_for_client else origin.sign(text))
    if html is not None:
        message.add_alternative(html if is_for_client else origin.sign_html(html), subtype="html")
    return message


def address_to(message: EmailMessage, recipients: list[str]) -> None:
    """Put other recipients into the header of a mail; raises ConfigurationError where one is not a mailbox."""
    del message["To"]
    message["To"] = _build_header(recipients, "the recipients")


def serialize(message: EmailMessage, is_international: bool = False) -> bytes:
    """Return a mail as it goes over the wire, in 7 bit unless its addresses cannot be written so."""
    stream = BytesIO()
    policy = INTERNATIONAL_POLICY if is_international else POLICY
    BytesGenerator(stream, policy=policy).flatten(message, linesep="\r\n")
    return stream.getvalue()


def get_sender() -> str:
    """Return the sender of the mails: MAIL_FROM, or the suite at the mail server."""
    current_settings = settings.current()
    # an IPv6 address is written in brackets (RFC 5321, 4.1.3)
    host = (
        f"[IPv6:{current_settings.smtp_host}]"
        if ":" in current_settings.smtp_host
        else current_settings.smtp_host or "localhost"
    )
    return current_settings.mail_from or f"client-etl-workflow@{host}"


def get_sender_address() -> str:
    """Return the address of the sender; raises ConfigurationError if MAIL_FROM is not one."""
    try:
        return settings.parse_mailbox(get_sender())[1]
    except ValueError as error:
        raise ConfigurationError(f"MAIL_FROM: {error}", "Correct it, then run it again.") from error


def make_message_id() -> str:
    """Return a Message-ID with a name that exists: the sender's domain, else this machine's (RFC 5322, 3.6.4).

    The resolver, which may be slow, is not asked: a run that fails needs an ID even if no mail can be sent.
    """
    return make_msgid(domain=_find_real_domain(get_sender()) or socket.gethostname() or "localhost")


def choose_greeting_name() -> str:
    """Return the name to greet a server with (RFC 5321, 4.1.4): this machine's, the sender's domain, or the address."""
    name = socket.getfqdn()
    if name.isascii() and _is_real_domain(name):
        return name
    # not the domain of the default sender, which is the server's own name: the server would reject that
    if domain_name := _find_real_domain(settings.current().mail_from):
        return domain_name
    try:
        return f"[{socket.gethostbyname(socket.gethostname())}]"
    except OSError:
        return "[127.0.0.1]"


def _find_real_domain(mailbox: str) -> str:
    try:
        _, address = settings.parse_mailbox(mailbox)
    except ValueError:
        return ""
    domain = address.rpartition("@")[2]
    return domain if _is_real_domain(domain) else ""


def _is_real_domain(name: str) -> bool:
    """Return whether a name is more than the short name of a host, an address or a placeholder of its resolver."""
    labels = name.lower().rstrip(".").split(".")
    is_address = labels[-1].isdigit() or name.startswith("[")
    return len(labels) > 1 and not is_address and "localhost" not in labels and labels[-1] not in _PLACEHOLDERS


def _build_header(mailboxes: list[str], where: str) -> str:
    """Return mailboxes as a header that is parsed as the same ones."""
    try:
        return ", ".join(_quote_mailbox(*settings.parse_mailbox(mailbox)) for mailbox in mailboxes)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}", "Correct it, then run it again.") from error


def _quote_mailbox(name: str, address: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>' if name else address


def _write_mailbox(name: str, address: str) -> str:
    """Return a mailbox as ASCII where its address is: the name quoted or as an encoded word (RFC 2047)."""
    if name.isascii() or not address.isascii():
        return _quote_mailbox(name, address)
    return formataddr((name, address))
