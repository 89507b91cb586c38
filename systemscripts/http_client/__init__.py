"""A client for HTTP APIs with retries, limits and checked addresses."""

from __future__ import annotations

from systemscripts.http_client.answer import NO_CONTENT, NoContent, find_named_error
from systemscripts.http_client.client import MISSING_STATUSES, AskedToWaitError, Client, Limits, Reply
from systemscripts.http_client.link_header import find_link
from systemscripts.http_client.notification import send_notification
from systemscripts.http_client.oauth2 import Grant
from systemscripts.http_client.url_origin import get_origin, redact_url

__all__ = [
    "MISSING_STATUSES",
    "NO_CONTENT",
    "AskedToWaitError",
    "Client",
    "Grant",
    "Limits",
    "NoContent",
    "Reply",
    "find_link",
    "find_named_error",
    "get_origin",
    "redact_url",
    "send_notification",
]
