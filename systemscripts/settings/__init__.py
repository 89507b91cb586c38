"""Every setting as one typed object, read once, and the one clock: `settings.current()`, `settings.now()`."""

from __future__ import annotations

from systemscripts.settings import clock
from systemscripts.settings.clock import clock_is_set, file_stamp, now, zone
from systemscripts.settings.loader import USER_PREFIX, current, is_set, load, settings_file
from systemscripts.settings.mailboxes import Mailbox, Mailboxes, address_of, parse_mailbox
from systemscripts.settings.model import Settings, names, prefix
from systemscripts.settings.project import PROJECT, version

__all__ = [
    "PROJECT",
    "USER_PREFIX",
    "Mailbox",
    "Mailboxes",
    "Settings",
    "address_of",
    "clock_is_set",
    "current",
    "file_stamp",
    "is_set",
    "load",
    "names",
    "now",
    "parse_mailbox",
    "prefix",
    "reset",
    "settings_file",
    "version",
    "zone",
]


def reset() -> None:
    """Forget what was read, after the environment was changed on purpose (the demo, tests)."""
    current.cache_clear()
    clock.offset.cache_clear()
