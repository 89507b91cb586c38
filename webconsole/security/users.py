"""Who may sign in: dba.tuser, with argon2id hashes."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from systemscripts.errors import UsageError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

Role = Literal["admin", "user"]
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_hasher = argon2.PasswordHasher()  # the second recommended choice of RFC 9106: argon2id, 64 MiB, 3 passes
_at_once = threading.Semaphore(2)  # each check takes 64 MiB: sign-ins must not eat the machine
_nobody = _hasher.hash(secrets.token_urlsafe(16))  # an unknown name takes as long as a wrong password


@dataclass(frozen=True)
class User:
    """Somebody who is signed in, or may sign in."""

    name: str
    role: Role
    token_version: int

    @property
    def is_admin(self) -> bool:
        """Whether he may change anything."""
        return self.role == "admin"


def find(cursor: Cursor, name: str) -> User | None:
    """The active user of this name, or None."""
    cursor.execute("select user_name, role, token_version from dba.tuser where user_name = %s and is_active", (name,))
    row = cursor.fetchone()
    return User(*row) if row else None


def check_password(cursor: Cursor, name: str, password: str) -> User | None:
    """The user whose password this is, or None; takes as long either way."""
    cursor.execute("select password_hash from dba.tuser where user_name = %s and is_active", (name,))
    row = cursor.fetchone()
    with _at_once:
        try:
            _hasher.verify(row[0] if row else _nobody, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return None
    return find(cursor, name) if row else None


def signed_in(cursor: Cursor, name: str) -> None:
    """Note the time of a sign-in."""
    cursor.execute("update dba.tuser set last_login_at = now() where user_name = %s", (name,))


def add(cursor: Cursor, name: str, password: str, role: Role) -> None:
    """Make a user; raises UsageError for a bad name or password, or when there is one of that name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a user name", "Lower-case letters, digits, and . _ @ - between them.")
    cursor.execute("select 1 from dba.tuser where user_name = %s", (name,))
    if cursor.fetchone():
        raise UsageError(f"there is a user {name} already", f"New password: console_user.py password {name}")
    cursor.execute(
        "insert into dba.tuser (user_name, password_hash, role) values (%s, %s, %s)",
        (name, _hash(password), role),
    )


def set_password(cursor: Cursor, name: str, password: str) -> None:
    """Change a password, end all sessions and let the user in again if he was disabled; raises UsageError."""
    _change(cursor, name, "password_hash = %s, is_active = true", _hash(password))


def disable(cursor: Cursor, name: str) -> None:
    """End all sessions of a user and let him in no more; raises UsageError when there is none."""
    _change(cursor, name, "is_active = %s", False)


def listed(cursor: Cursor) -> list[dict[str, object]]:
    """Every user, without what is secret."""
    names = ("user_name", "role", "is_active", "created_at", "last_login_at")
    cursor.execute(f"select {', '.join(names)} from dba.tuser order by user_name")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def one_time_password() -> str:
    """A password that nobody has to think of."""
    return secrets.token_urlsafe(12)


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(f"a password has at least {SHORTEST_PASSWORD} letters", "Take a longer one.")
    return _hasher.hash(password)


def _change(cursor: Cursor, name: str, assignment: str, value: object) -> None:
    cursor.execute(
        f"update dba.tuser set {assignment}, token_version = token_version + 1 where user_name = %s", (value, name)
    )
    if cursor.rowcount == 0:
        raise UsageError(f"there is no user {name!r}", "See: console_user.py list")
