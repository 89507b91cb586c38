"""Manage the groups of users in dba.tusergroup: what each may see, and who is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from systemscripts.commands import format_command
from systemscripts.errors import UsageError
from systemscripts.table_rights import DEFAULT_GROUP, TARGETS

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# a group with more patterns than this is a list of tables that no one reads; use * in them
MAX_PATTERNS = 200
# schema.table of two longest names
MAX_PATTERN_LETTERS = 128
MAX_DESCRIPTION_LETTERS = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SEPARATORS = re.compile(r"[,\s]+")


@dataclass(frozen=True)
class Group:
    """A group and its patterns: tables, lists (imports), reports, and tables whose personal columns it sees."""

    name: str
    description: str = ""
    tables: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        """Return whether this is the group of the users without a group."""
        return self.name == DEFAULT_GROUP


def split_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of a text with commas, blanks or lines between them, each once."""
    return tuple(dict.fromkeys(part for part in _SEPARATORS.split(text) if part))


def list_groups(cursor: Cursor) -> list[Group]:
    """Return every group with its members, the default group first."""
    cursor.execute(
        """select g.group_name, g.description, g.tables, g.lists, g.reports, g.personal,
               array(select m.user_name from dba.tgroupmember m where m.group_name = g.group_name order by 1)
           from dba.tusergroup g order by g.group_name <> %s, g.group_name""",
        (DEFAULT_GROUP,),
    )
    return [Group(row[0], row[1], *(tuple(values) for values in row[2:])) for row in cursor.fetchall()]


def find_group(cursor: Cursor, name: str) -> Group | None:
    """Return a group, or None."""
    return next((group for group in list_groups(cursor) if group.name == name), None)


def save_group(cursor: Cursor, group: Group, changed_by: str) -> None:
    """Add a group or change what it may see; its members stay. Raise UsageError if a name or pattern is not valid."""
    if not _NAME.fullmatch(group.name):
        raise UsageError(
            f"{group.name!r} is not a valid name of a group", "Use lower-case letters and digits, with . _ - between."
        )
    if len(group.description) > MAX_DESCRIPTION_LETTERS or not group.description.isprintable():
        raise UsageError(f"a description has at most {MAX_DESCRIPTION_LETTERS} letters", "Shorten it.")
    for patterns in (group.tables, group.personal):
        _check_patterns(patterns, must_be_table=True)
    for patterns in (group.lists, group.reports):
        _check_patterns(patterns)
    cursor.execute(
        """insert into dba.tusergroup (group_name, description, tables, lists, reports, personal, changed_by)
           values (%s, %s, %s, %s, %s, %s, %s)
           on conflict (group_name) do update set description = excluded.description, tables = excluded.tables,
               lists = excluded.lists, reports = excluded.reports, personal = excluded.personal,
               changed_by = excluded.changed_by, changed_at = now()""",
        (group.name, group.description, list(group.tables), list(group.lists), list(group.reports),
         list(group.personal), changed_by),
    )  # fmt: skip


def delete_group(cursor: Cursor, name: str) -> None:
    """Delete a group; its members see what their other groups see. Raise UsageError for the default group."""
    if name == DEFAULT_GROUP:
        raise UsageError("the group default is for users without a group", "Change what it may see instead.")
    cursor.execute("delete from dba.tusergroup where group_name = %s", (name,))
    if cursor.rowcount == 0:
        raise _make_unknown_error([name])


def set_groups(cursor: Cursor, user_name: str, names: Iterable[str]) -> None:
    """Put a user into exactly these groups; none: the default group. Raise UsageError if one does not exist."""
    chosen = sorted(set(names) - {DEFAULT_GROUP})
    cursor.execute("select 1 from dba.tuser where user_name = %s", (user_name,))
    if not cursor.fetchone():
        raise UsageError(f"there is no user {user_name!r}", f"Type: {format_command('console_user', 'list')}")
    cursor.execute("select group_name from dba.tusergroup where group_name = any(%s)", (chosen,))
    if unknown := sorted(set(chosen) - {row[0] for row in cursor.fetchall()}):
        raise _make_unknown_error(unknown)
    cursor.execute("delete from dba.tgroupmember where user_name = %s and group_name <> all(%s)", (user_name, chosen))
    cursor.execute(
        """insert into dba.tgroupmember (group_name, user_name)
           select unnest(%s::text[]), %s on conflict do nothing""",
        (chosen, user_name),
    )


def _check_patterns(patterns: tuple[str, ...], must_be_table: bool = False) -> None:
    if len(patterns) > MAX_PATTERNS:
        raise UsageError(f"a group has at most {MAX_PATTERNS} names in a list", "Use * for any letters.")
    for pattern in patterns:
        is_table = pattern in (TARGETS, "*") or "." in pattern
        if not pattern or len(pattern) > MAX_PATTERN_LETTERS or not pattern.isprintable():
            raise UsageError(f"{pattern[:80]!r} is not a valid name", "Name one table, list or report, or use *.")
        if must_be_table and not is_table:
            raise UsageError(
                f"{pattern!r} is not a table",
                f"Write schema.table, such as public.{pattern}, schema.* or {TARGETS} (what imports fill).",
            )


def _make_unknown_error(names: list[str]) -> UsageError:
    return UsageError(
        f"there is no group {', '.join(map(repr, names))}", f"Type: {format_command('console_user', 'groups')}"
    )
