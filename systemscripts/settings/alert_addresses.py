"""The addresses of ALERT_URLS: services of Apprise, whose parts are secrets."""

from __future__ import annotations

import re
from urllib.parse import unquote

# Where the next address of ALERT_URLS begins.
NEXT_ALERT_URL = re.compile(r"[\s,]+(?=[A-Za-z0-9]{2,20}://)")
# A shorter part of an address, or a plain word, would hide much of every text.
MIN_TOKEN_LETTERS = 6
PLAIN_WORD = re.compile(r"[a-z]+|[0-9]{1,6}")


def split_addresses(value: object) -> object:
    """Return the addresses of ALERT_URLS; a comma within an address does not end it."""
    if not isinstance(value, str):
        return value
    addresses = [address for part in NEXT_ALERT_URL.split(value) if (address := part.strip(" ,"))]
    if any("://" not in address for address in addresses):
        raise ValueError("expected addresses of Apprise such as ntfy://topic, separated by commas")
    return addresses


def list_secret_parts(address: str) -> list[str]:
    """Return the parts of an address of Apprise that may be secret: all but the scheme, the host and plain words."""
    _, _, rest = address.partition("://")
    netloc = re.split(r"[/?]", rest, maxsplit=1)[0]
    login, _, host = netloc.rpartition("@")
    # a name with a dot, with or without a port, is a host; a token can take its place
    is_host = re.fullmatch(r"(localhost|[\w.-]+\.[\w-]+|\[[0-9a-fA-F:]+\])(:\d+)?", host) is not None
    tokens = re.split(r"[/?&=,:@]+", rest.replace(netloc, "" if is_host else host, 1))
    parts = [rest, login, *login.split(":"), *(token for token in tokens if _is_token(token))]
    return [part for text in parts for part in {text, unquote(text)} if len(part) >= MIN_TOKEN_LETTERS]


def _is_token(part: str) -> bool:
    return len(part) >= MIN_TOKEN_LETTERS and not PLAIN_WORD.fullmatch(part)
