"""The origin of an address, and an address without its secrets."""

from __future__ import annotations

from urllib.parse import urlsplit


def get_origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address (RFC 6454); credentials are for one origin."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def redact_url(url: str) -> str:
    """Return an address without login and parameters, which may hold secrets, for logs and errors."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
