"""Decide whose mails count: the configured senders, and what the own server found out about SPF, DKIM and DMARC."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.headerregistry import HeaderRegistry
from email.message import Message
from typing import Literal

from systemscripts.configuration.source_options.mail import Options

Verdict = Literal["passed", "failed", "unknown"]
_COMMENT, _QUOTED = re.compile(r"\([^()]*\)"), re.compile(r'"[^"]*"')
_RESULT = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*([a-z]+)([^;]*)", re.IGNORECASE)
# RFC 8601, 2.7: which domain a result is about
_DOMAIN = {
    "dkim": re.compile(r"header\.[di]\s*=\s*(?:[^\s;@]*@)?([^\s;@]+)", re.IGNORECASE),
    "spf": re.compile(r"smtp\.(?:mailfrom|helo)\s*=\s*(?:[^\s;@]*@)?([^\s;@]+)", re.IGNORECASE),
}
_FAILED = ("fail", "softfail", "hardfail", "permerror", "policy")


def find_sender(message: Message) -> str:
    """Return the address of the one author of a mail in lower case, "" if there is not exactly one."""
    headers = message.get_all("From", [])
    if len(headers) != 1:
        return ""
    try:
        addresses = HeaderRegistry()("from", " ".join(str(headers[0]).split())).addresses  # type: ignore[attr-defined]
    except (ValueError, LookupError, MessageError):
        return ""
    return str(addresses[0].addr_spec).casefold() if len(addresses) == 1 else ""


def is_listed(sender: str, options: Options) -> bool:
    """Return whether the mails of a sender count."""
    return bool({sender, f"@{sender.rpartition('@')[2]}", "*"} & set(options.senders))


def is_named(sender: str, options: Options) -> bool:
    """Return whether a sender is listed by address or domain, not only as everyone."""
    return bool({sender, f"@{sender.rpartition('@')[2]}"} & set(options.senders))


def judge_authentication(message: Message, sender: str, server: str = "") -> Verdict:
    """Return what the receiving server found out about the sender.

    Only its own header counts, the first Authentication-Results or the first of `server`: others may be the sender's.
    A result of another domain than the sender's is one of the domain that really sent the mail, so it does not count.
    """
    written = [" ".join(str(header).split()) for header in message.get_all("Authentication-Results", [])]
    # the sender chooses what is in comments and quotes
    headers = [_QUOTED.sub('""', _COMMENT.sub("", text)) for text in written]
    own = [text for text in headers if not server or text.split(";")[0].split()[:1] == [server]]
    results = [
        (method.lower(), result.lower(), rest) for method, result, rest in _RESULT.findall(own[0] if own else "")
    ]
    domain = sender.rpartition("@")[2]
    passed = [(method, rest) for method, result, rest in results if result == "pass"]
    if any(result in _FAILED for method, result, _ in results if method == "dmarc"):
        return "failed"
    if any(method == "dmarc" or _is_about(domain, method, rest) for method, rest in passed):
        return "passed"
    return "failed" if passed or any(result in _FAILED for _, result, _ in results) else "unknown"


def _is_about(domain: str, method: str, rest: str) -> bool:
    match = _DOMAIN[method].search(rest)
    tested = match[1].casefold().rstrip(".") if match else ""
    # a parent domain signs for its subdomains, and the other way round (RFC 7489, 3.1.1, relaxed)
    return bool(tested) and "." in tested and (f".{domain}".endswith(f".{tested}") or tested.endswith(f".{domain}"))
