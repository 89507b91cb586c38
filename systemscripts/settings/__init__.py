"""The settings as one typed object, read once, and the one clock: `settings.current()`, `settings.now()`."""

from __future__ import annotations

from systemscripts.settings.clock import format_file_stamp, get_zone, is_clock_set, now, reset
from systemscripts.settings.loader import USER_PREFIX, current, is_set, load, settings_file
from systemscripts.settings.mailboxes import Mailbox, Mailboxes, extract_address, parse_mailbox
from systemscripts.settings.model import Settings, list_names, normalize_prefix
from systemscripts.settings.project import PROJECT, read_version

__all__ = [
    "PROJECT",
    "USER_PREFIX",
    "Mailbox",
    "Mailboxes",
    "Settings",
    "current",
    "extract_address",
    "format_file_stamp",
    "get_zone",
    "is_clock_set",
    "is_set",
    "list_names",
    "load",
    "normalize_prefix",
    "now",
    "parse_mailbox",
    "read_version",
    "reset",
    "settings_file",
]
