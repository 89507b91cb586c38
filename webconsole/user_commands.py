"""Do what console_user.py is asked to, with users and groups."""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from webconsole.security import groups, users

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def change_user(
    cursor: Cursor,
    action: str,
    name: str,
    password: str,
    role: str | None,
    group_names: Sequence[str] | None,
    email: str | None,
) -> None:
    """Add or change a user, set a password, or disable a user; what is None stays. Raise what the functions raise."""
    if action == "add":
        users.add_user(cursor, name, password, cast("users.Role", role or "user"), email or "")
    elif action == "change":
        users.change_user(cursor, name, cast("users.Role | None", role), email)
    elif action == "password":
        users.set_password(cursor, name, password)
    else:
        users.disable_user(cursor, name)
    if group_names is not None and action in ("add", "change"):
        groups.set_groups(cursor, name, group_names)


def change_group(cursor: Cursor, action: str, name: str, given: Mapping[str, str | None]) -> str:
    """Add, change or delete a group and return a sentence about it; what is None stays."""
    if action == "delete-group":
        groups.delete_group(cursor, name)
        return f"the group {name} is deleted"
    changes: dict[str, Any] = {key: groups.split_patterns(text) for key, text in given.items() if text is not None}
    if given["description"] is not None:
        changes["description"] = given["description"]
    before = groups.find_group(cursor, name)
    groups.save_group(cursor, dataclasses.replace(before or groups.Group(name), **changes), getpass.getuser())
    return f"the group {name} is {'changed' if before else 'added'}"


def list_groups(cursor: Cursor) -> list[dict[str, object]]:
    """Return every group as a row of a table."""
    lists = ("tables", "lists", "reports", "personal", "members")
    rows: list[dict[str, object]] = []
    for group in groups.list_groups(cursor):
        patterns = {key: ", ".join(getattr(group, key)) for key in lists}
        rows.append({"group": group.name, "description": group.description, **patterns})
    return rows
