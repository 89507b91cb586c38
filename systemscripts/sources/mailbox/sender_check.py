"""Decide whose mails count: the configured senders, and what the own server found out about SPF, DKIM and DMARC."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.headerregistry import HeaderRegistry
from email.message import Message
from typing import Literal

from systemscripts.configuration.source_options.mail import Options

Verdict = Literal["passed", "failed", "unknown"]
_PIECE = re.compile(r'\\.|[^\\()"]+|.', re.DOTALL)
_RESULT = re.compile(r"\s*(dmarc|dkim|spf)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)(.*)", re.IGNORECASE | re.DOTALL)
# RFC 8601, 2.7: which domains a result is about
_DOMAIN = {
    "dmarc": re.compile(r"header\.from\s*=\s*(?:[^\s;@=]*@)?([^\s;@=]+)", re.IGNORECASE),
    "dkim": re.compile(r"header\.[di]\s*=\s*(?:[^\s;@=]*@)?([^\s;@=]+)", re.IGNORECASE),
    "spf": re.compile(r"smtp\.(?:mailfrom|helo)\s*=\s*(?:[^\s;@]*@)?([^\s;@=]+)", re.IGNORECASE),
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

    Only its own header counts, the first Authentication-Results or the first of `server` ("*" is any): others may be
    the sender's. A result of another domain than the sender's is of the one that really sent the mail, so it does
    not count. A header that can be read in two ways has words that the sender has chosen as results.
    """
    written = [" ".join(str(header).split()) for header in message.get_all("Authentication-Results", [])]
    own = [text for text in written if server in ("", "*") or text.split(";")[0].split()[:1] == [server]]
    if not own:
        return "unknown"
    # a server that does not escape what it quotes in a comment makes both readings possible
    verdicts = {_judge(_remove_chosen(own[0], can_quote), sender.rpartition("@")[2]) for can_quote in (False, True)}
    return verdicts.pop() if len(verdicts) == 1 else "failed"


def _judge(text: str | None, domain: str) -> Verdict:
    if text is None:
        return "failed"
    matches = [match.groups() for part in text.split(";") if (match := _RESULT.match(part))]
    results = [(method.lower(), result.lower(), rest) for method, result, rest in matches]
    passed = [(method, rest) for method, result, rest in results if result == "pass"]
    if any(result in _FAILED for method, result, _ in results if method == "dmarc"):
        return "failed"
    if any(_is_about(domain, method, rest) for method, rest in passed):
        return "passed"
    return "failed" if passed or any(result in _FAILED for _, result, _ in results) else "unknown"


def _remove_chosen(text: str, can_quote: bool) -> str | None:
    """Return a header without its comments and quoted texts, which the sender chooses; None if one has no end.

    `can_quote`: whether a comment has quoted texts, too (RFC 5322, 3.2.2: it has not).
    """
    kept: list[str] = []
    depth, is_quoted = 0, False
    for piece in _PIECE.findall(text):
        if is_quoted:
            is_quoted = piece != '"'
        elif piece == '"' and (can_quote or not depth):
            is_quoted = True
            kept += [] if depth else ['""']
        elif piece == "(":
            depth += 1
        elif depth:
            depth -= piece == ")"
        else:
            kept.append(piece)
    return None if depth or is_quoted else "".join(kept)


def _is_about(domain: str, method: str, rest: str) -> bool:
    """Return whether all domains that a result names are those of the sender."""
    names = [name.casefold().rstrip(".") for name in _DOMAIN[method].findall(rest)]
    # a parent domain signs for its subdomains, and the other way round (RFC 7489, 3.1.1, relaxed)
    return bool(names) and all(
        "." in name and (f".{domain}".endswith(f".{name}") or name.endswith(f".{domain}")) for name in names
    )
