"""Change users, passwords and groups, for page and JSON."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from werkzeug.exceptions import Forbidden, TooManyRequests

from systemscripts import table_rights
from systemscripts.errors import MissingError, UsageError
from webconsole import connections, password_check
from webconsole.queries import relations
from webconsole.security import access, groups, users
from webconsole.security.groups import Group

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenTable:
    """A table that a group sees, and the columns that are masked for it."""

    name: str
    masked: tuple[str, ...]


def list_users_and_groups() -> tuple[list[dict[str, Any]], list[Group]]:
    """Return every user with their groups, and every group."""
    with connections.read_as_etl() as cursor:
        return users.list_users(cursor), groups.list_groups(cursor)


def add_user(name: str, role: str, email: str, group_names: Sequence[str]) -> str:
    """Add a user and return the generated password."""
    password = users.generate_password()
    with connections.write_as_etl() as cursor:
        users.add_user(cursor, name, password, _check_role(role), email)
        groups.set_groups(cursor, name, group_names)
    return _log(f"added {name} as {role}", password)


def change_user(name: str, role: str, email: str, group_names: Sequence[str]) -> None:
    """Change role, address and groups of a user."""
    with connections.write_as_etl() as cursor:
        if _check_role(role) != "admin":
            users.require_other_operator(cursor, name)
        users.change_user(cursor, name, _check_role(role), email)
        groups.set_groups(cursor, name, group_names)
    _log(f"changed {name}: {role}, groups {', '.join(group_names) or 'none'}")


def reset_password(name: str) -> str:
    """Give a user a generated password and return it; ends all of their sessions."""
    password = users.generate_password()
    with connections.write_as_etl() as cursor:
        users.set_password(cursor, name, password)
    return _log(f"set a new password for {name}", password)


def disable_user(name: str) -> None:
    """Lock a user out."""
    with connections.write_as_etl() as cursor:
        users.require_other_operator(cursor, name)
        users.disable_user(cursor, name)
    _log(f"disabled {name}")


def change_own_password(old: str, new: str) -> users.User:
    """Change the password of the user of this request and return the user, all of whose sessions are over.

    Raise Forbidden if the old password is wrong, TooManyRequests after too many wrong ones, UsageError if the new one
    is not valid.
    """
    name = access.require_user().name
    if new == old:
        raise UsageError("the new password is the old one", "Choose another one.")
    user, wait = password_check.check_password(name, old)
    if wait:
        raise TooManyRequests(f"Too many wrong passwords. Try again in {wait} s.", retry_after=wait)
    if user is None:
        raise Forbidden("The current password is wrong. Nothing was changed.")
    with connections.write_as_etl() as cursor:
        users.set_password(cursor, name, new)
        changed = users.find_user(cursor, name)
    _log("changed the own password")
    assert changed is not None
    return changed


def load_group(name: str) -> tuple[Group, list[SeenTable]]:
    """Return a group with the tables that it sees; raise MissingError if it does not exist."""
    with connections.read_as_etl() as cursor:
        group = groups.find_group(cursor, name)
        catalog = table_rights.read_catalog(cursor)
    if group is None:
        raise MissingError(f"there is no group {name!r}", "Choose one on the page Users.")
    patterns = (frozenset(values) for values in (group.tables, group.lists, group.reports, group.personal))
    seeing = table_rights.Visibility(grants=table_rights.Grants(*patterns), catalog=catalog)
    with connections.read_as_reader() as cursor:
        every_table = relations.list_relations(cursor)
    return group, [
        SeenTable(item.full_name, tuple(sorted(seeing.masked_columns(item.schema, item.name))))
        for item in every_table
        if seeing.may_see(item.schema, item.name)
    ]


def save_group(group: Group) -> None:
    """Add a group or change what it may see."""
    with connections.write_as_etl() as cursor:
        groups.save_group(cursor, group, access.require_user().name)
    changes = {key: value for key, value in dataclasses.asdict(group).items() if key not in ("name", "members")}
    _log(f"saved the group {group.name}: {changes}")


def delete_group(name: str) -> None:
    """Delete a group."""
    with connections.write_as_etl() as cursor:
        groups.delete_group(cursor, name)
    _log(f"deleted the group {name}")


def _check_role(role: str) -> users.Role:
    if role not in ("admin", "user"):
        raise UsageError(f"{role!r} is not a role", "Choose admin or user.")
    return cast("users.Role", role)


def _log(text: str, result: str = "") -> str:
    logger.info("console: %s %s", access.require_user().name, text)
    return result
