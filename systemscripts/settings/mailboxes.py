"""Parse mail recipients (RFC 5322, 3.4): an address, or a name with the address in angle brackets."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_NAMED = re.compile(r"(?P<name>.*?)\s*<\s*(?P<address>[^<>]*?)\s*>", re.DOTALL)
# the parts of a comma-separated list: a comma inside quotes or angle brackets does not separate recipients
_PART = re.compile(r'(?:"(?:\\.|[^"\\])*"|<[^<>]*>|[^,"<]|["<])+')
_LOCAL_PART = re.compile(r'[^\s\x00-\x1f@<>()\[\]\\,;:"]+|"(?:\\[ -~]|[ !#-\[\]-~])+"')
_DOMAIN = re.compile(r'\[[0-9A-Za-z:.]+\]|[^\s\x00-\x1f@<>()\[\]\\,;:"]+')
# in an unquoted name: brackets, or an address before a comma ("Doe, Jane" is one name)
_SECOND_RECIPIENT = re.compile(r"[<>]|@[^,;]*[,;]")
# RFC 5321, 4.5.3.1.3: a path of 256 octets with its brackets.
MAX_ADDRESS_LETTERS = 254


def parse_mailbox(text: str) -> tuple[str, str]:
    """Return the name (unquoted, may be empty) and the address of one recipient; raises ValueError."""
    match = _NAMED.fullmatch(text.strip())
    name, address = (match["name"], match["address"]) if match else ("", text.strip())
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain) or len(address) > MAX_ADDRESS_LETTERS:
        raise ValueError(
            f'{text!r} is not a mail address (expected jane@example.com or "Doe, Jane" <jane@example.com>)'
        )
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{text!r} is not a mail address: {error}") from error
    if any(not letter.isprintable() for letter in name):
        raise ValueError(f"{text!r}: the name contains characters that cannot be printed")
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    elif _SECOND_RECIPIENT.search(name):
        raise ValueError(f"{text!r} contains more than one recipient (write each separately, or the name in quotes)")
    return name.strip(), f"{local}@{domain}"


def extract_address(mailbox: str) -> str:
    """Return the address alone, which identifies a recipient."""
    match = _NAMED.fullmatch(mailbox.strip())
    return match["address"] if match else mailbox.strip()


def normalize_mailbox(text: str) -> str:
    """Return a recipient in a form that fits any list, with its name quoted; raises ValueError."""
    from email.utils import quote

    name, address = parse_mailbox(text)
    return f'"{quote(name)}" <{address}>' if name else address


def split_mailboxes(value: object) -> object:
    """Return the recipients of a comma-separated text; a list is left as it is."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in _PART.findall(value) if part.strip()]


Mailbox = Annotated[str, AfterValidator(normalize_mailbox)]
Mailboxes = Annotated[list[Mailbox], BeforeValidator(split_mailboxes)]
