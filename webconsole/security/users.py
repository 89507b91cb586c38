"""Manage the users of the console in dba.tuser, with argon2id password hashes."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from systemscripts.commands import format_command
from systemscripts.errors import UsageError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

Role = Literal["admin", "user"]
MIN_PASSWORD_LETTERS, MAX_PASSWORD_LETTERS = 12, 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
# one address as reports are sent to it; the mail server has the last word
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}")
# the second recommended choice of RFC 9106: argon2id, 64 MiB, 3 passes
_hasher = argon2.PasswordHasher()
# each check takes 64 MiB, and many sign-ins at once must not use up the memory
_hashing_slots = threading.Semaphore(2)
# checked for an unknown name, so that it takes as long as a wrong password
_dummy_hash = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class User:
    """A user who may sign in."""

    name: str
    role: Role
    token_version: int

    @property
    def is_admin(self) -> bool:
        """Return whether this user may change things."""
        return self.role == "admin"


def find_user(cursor: Cursor, name: str) -> User | None:
    """Return the active user of this name, or None."""
    cursor.execute("select user_name, role, token_version from dba.tuser where user_name = %s and is_active", (name,))
    row = cursor.fetchone()
    return User(*row) if row else None


def check_password(cursor: Cursor, name: str, password: str) -> User | None:
    """Return the user if the password is right, else None; both take the same time."""
    cursor.execute("select password_hash from dba.tuser where user_name = %s and is_active", (name,))
    row = cursor.fetchone()
    with _hashing_slots:
        try:
            _hasher.verify(row[0] if row else _dummy_hash, password[:MAX_PASSWORD_LETTERS])
        except (VerificationError, InvalidHashError):
            return None
    return find_user(cursor, name) if row else None


def record_sign_in(cursor: Cursor, name: str) -> None:
    """Record the time of a sign-in."""
    cursor.execute("update dba.tuser set last_login_at = now() where user_name = %s", (name,))


def add_user(cursor: Cursor, name: str, password: str, role: Role, email: str = "") -> None:
    """Add a user; raise UsageError if the name, password or address is not valid, or the user exists already."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid user name", "Use lower-case letters and digits, with . _ @ - between them."
        )
    cursor.execute("select 1 from dba.tuser where user_name = %s", (name,))
    if cursor.fetchone():
        raise UsageError(
            f"the user {name} already exists",
            f"For a new password type: {format_command('console_user', 'password', name)}",
        )
    cursor.execute(
        "insert into dba.tuser (user_name, password_hash, role, email) values (%s, %s, %s, %s)",
        (name, _hash(password), role, _check_email(email)),
    )


def set_password(cursor: Cursor, name: str, password: str) -> None:
    """Change a password, end all sessions and enable a disabled user; raise UsageError if there is no such user."""
    _update_user(cursor, name, "password_hash = %s, is_active = true", _hash(password))


def disable_user(cursor: Cursor, name: str) -> None:
    """Disable a user and end all of their sessions; raise UsageError if there is no such user."""
    _update_user(cursor, name, "is_active = %s", False)


def change_user(cursor: Cursor, name: str, role: Role | None = None, email: str | None = None) -> None:
    """Change the role or address of a user; None: it stays. Raise UsageError if one is not valid."""
    cursor.execute(
        "update dba.tuser set role = coalesce(%s, role), email = coalesce(%s, email) where user_name = %s",
        (role, None if email is None else _check_email(email), name),
    )
    if cursor.rowcount == 0:
        raise _make_unknown_error(name)


def list_users(cursor: Cursor) -> list[dict[str, object]]:
    """Return every user with their groups, without secrets."""
    names = ("user_name", "role", "is_active", "groups", "email", "created_at", "last_login_at")
    cursor.execute(
        """select u.user_name, u.role, u.is_active,
               array(select m.group_name from dba.tgroupmember m where m.user_name = u.user_name order by 1),
               u.email, u.created_at, u.last_login_at
           from dba.tuser u order by u.user_name"""
    )
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def require_other_operator(cursor: Cursor, name: str) -> None:
    """Raise UsageError if a user is the only active operator, who could not be replaced in the console."""
    cursor.execute("select user_name from dba.tuser where role = 'admin' and is_active for update")
    if cursor.fetchall() == [(name,)]:
        raise UsageError(f"{name} is the only operator", "Make another user an operator first.")


def generate_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(12)


def _hash(password: str) -> str:
    if not MIN_PASSWORD_LETTERS <= len(password) <= MAX_PASSWORD_LETTERS:
        raise UsageError(
            f"a password has {MIN_PASSWORD_LETTERS} to {MAX_PASSWORD_LETTERS} letters", "Choose another one."
        )
    return _hasher.hash(password)


def _update_user(cursor: Cursor, name: str, assignment: str, value: object) -> None:
    cursor.execute(
        f"update dba.tuser set {assignment}, token_version = token_version + 1 where user_name = %s", (value, name)
    )
    if cursor.rowcount == 0:
        raise _make_unknown_error(name)


def _make_unknown_error(name: str) -> UsageError:
    return UsageError(f"there is no user {name!r}", f"Type: {format_command('console_user', 'list')}")


def _check_email(email: str) -> str:
    if email and not (_EMAIL.fullmatch(email) and email.isprintable()):
        raise UsageError(f"{email[:80]!r} is not an e-mail address", "Enter one address, or leave it empty.")
    return email
