"""A client for HTTP APIs with retries, limits and checked addresses."""

from __future__ import annotations

from systemscripts.http_client.answer import NO_CONTENT, NoContent, find_named_error
from systemscripts.http_client.client import AskedToWaitError, Client, Limits, get_origin, redact_url
from systemscripts.http_client.notification import send_notification

__all__ = [
    "NO_CONTENT",
    "AskedToWaitError",
    "Client",
    "Limits",
    "NoContent",
    "find_named_error",
    "get_origin",
    "redact_url",
    "send_notification",
]
