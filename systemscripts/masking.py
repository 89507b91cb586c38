"""Hide secrets in any text that leaves the process: logs, errors, arguments, mails, reason files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 4  # masking every "a" would hide the log, not the secret

_known: set[str] = set()
_PATTERNS = [
    # user:password@ in any address (RFC 3986, 3.2.1); the password may itself hold a colon
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s@]+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bauthorization\W{1,4}(?:bearer|basic)\s+)[^\s'\"]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"((?:^|[\s?&;,{('\"-])[\w-]*?(?:password|passwd|pwd|secret|token|api[_-]?key)['\"]?\s*[=:]\s*['\"]?)"
            r"[^\s'\"&;,})]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(--[\w-]*(?:password|secret|token|api-key)[ =])\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
]


def register(values: Iterable[str]) -> None:
    """Add secrets to hide, in each spelling they may appear in (plain, in an address, in a repr, in JSON)."""
    for value in values:
        if len(value) >= SHORTEST:
            spellings = {value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1], json.dumps(value)[1:-1]}
            _known.update(spellings)


def mask(text: str) -> str:
    """Return the text with every registered secret, and whatever looks like one, replaced by ***."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
