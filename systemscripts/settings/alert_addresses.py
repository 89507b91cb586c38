"""The addresses of ALERT_URLS: services of Apprise, whose parts are secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Where the next address of ALERT_URLS begins.
NEXT_ALERT_URL = re.compile(r"[\s,]+(?=[A-Za-z0-9]{2,20}://)")
# A shorter part of an address, or a plain word, would hide much of every text.
MIN_TOKEN_LETTERS = 6
PLAIN_WORD = re.compile(r"[a-z]+|[0-9]{1,6}")
# Schemes of Apprise that speak without TLS to a host of one's own; with an s at the end they speak with TLS.
PLAIN_SCHEMES = frozenset({
    "amqp", "apprise", "bark", "deltachat", "emby", "enigma2", "evolution", "flowtriq", "fluxer", "form",
    "goalert", "gorush", "gotify", "hassio", "humhub", "irc", "jellyfin", "json", "kodi", "lametric", "mailto",
    "mastodon", "matrix", "misskey", "mmost", "mqtt", "ncloud", "nctalk", "notica", "notifico", "ntfy", "onebot",
    "opsimate", "parsep", "pinglet", "pjet", "psafer", "pushdeer", "rocket", "session", "signal", "smpp",
    "smseagle", "synology", "toot", "trigv", "xbmc", "xml", "xmpp",
})  # fmt: skip
# These speak with TLS to the service of their name if the address has nothing but the topic.
SERVICES_BY_TOPIC = ("ntfy", "notica")
# Schemes that have no form with TLS.
PLAIN_ONLY = ("growl", "rsyslog")


def split_addresses(value: object) -> object:
    """Return the addresses of ALERT_URLS; a comma within an address does not end it."""
    if not isinstance(value, str):
        return value
    addresses = [address for part in NEXT_ALERT_URL.split(value) if (address := part.strip(" ,"))]
    if any("://" not in address for address in addresses):
        raise ValueError("expected addresses of Apprise such as ntfy://topic, separated by commas")
    for address in addresses:
        _refuse_insecure(address)
    return addresses


def _refuse_insecure(address: str) -> None:
    """Raise ValueError for an address to which a message would go without TLS, or with any certificate."""
    scheme = address.partition("://")[0].lower()
    try:
        parts = urlsplit(address)
    except ValueError:
        # its words have the secrets of the address
        raise ValueError(f"expected an address of Apprise; encode the odd letters of {scheme}:// as %xx") from None
    if parts.hostname in LOOPBACK:
        return
    is_topic = scheme in SERVICES_BY_TOPIC and not parts.path.strip("/") and "@" not in parts.netloc
    if scheme in PLAIN_SCHEMES and not is_topic:
        raise ValueError(f"expected {scheme}s:// instead of {scheme}://, which is only for a server on this machine")
    if scheme in PLAIN_ONLY:
        raise ValueError(f"{scheme}:// has no encryption, it is only for a server on this machine")
    queries = {key.lower(): values for key, values in parse_qs(parts.query).items()}
    if any(value.strip().lower() not in ("yes", "true", "1", "on") for value in queries.get("verify", [])):
        raise ValueError(f"{scheme}:// has verify=no, so that its certificate is not checked; remove that")
    if "insecure" in [value.strip().lower() for value in queries.get("mode", [])]:
        raise ValueError(f"{scheme}:// has mode=insecure, so that it is not encrypted; remove that")


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
