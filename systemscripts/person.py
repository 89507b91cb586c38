"""Who is behind what a process does: the person at the keyboard, not the account that jobs run as."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

# also part of an option of a database connection
_STRANGE_LETTER = re.compile(r"[^\w.@+-]")


def find_person() -> str:
    """Return the login of who started this process: of sudo where there was one, else of the account."""
    return _STRANGE_LETTER.sub("_", os.environ.get("SUDO_USER") or get_account())


def find_author(path: Path) -> str:
    """Return who wrote a file: its owner; of a file of root's, which people change by sudo, who is at the keyboard."""
    try:
        owner = path.stat().st_uid
        name = pwd.getpwuid(owner).pw_name
    except (OSError, KeyError):
        return find_person()
    return os.environ.get("SUDO_USER") or name if owner == 0 else name


def get_account() -> str:
    """Return the name of the operating system's user, or the number of one without a name."""
    import getpass

    try:
        return getpass.getuser()
    # a container may run as a number without a name
    except (KeyError, OSError):
        return str(os.getuid())
