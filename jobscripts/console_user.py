"""Manage who may sign in to the console and what they may see: users, passwords, groups."""
# no cron log: add and password print a password

from __future__ import annotations

import contextlib
import sys
from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job, print_text, wants_json


class Action(StrEnum):
    """What to do."""

    add = "add"
    change = "change"
    password = "password"
    disable = "disable"
    list = "list"
    groups = "groups"
    group = "group"
    delete_group = "delete-group"


class UserRole(StrEnum):
    """What a user may do: the operator changes things, an analyst reads tables."""

    admin = "admin"
    user = "user"


@job(alert=False)
def console_user(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    name: Annotated[str, typer.Argument(help="The user or, for group and delete-group, the group.")] = "",
    role: Annotated[
        UserRole | None, typer.Option(help="For add and change: admin (operator) or user (analyst, if not given).")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="For add and change: a group of the user, several times for several; default: no group."),
    ] = None,
    email: Annotated[str | None, typer.Option(help="For add and change: where subscribed reports go.")] = None,
    is_generated: Annotated[bool, typer.Option("--generate", help="Generate a password and print it.")] = False,
    tables: Annotated[str | None, typer.Option(help="For group: tables that it may see, with commas between.")] = None,
    lists: Annotated[str | None, typer.Option(help="For group: imports whose lists it may see.")] = None,
    reports: Annotated[str | None, typer.Option(help="For group: reports that it may read.")] = None,
    personal: Annotated[str | None, typer.Option(help="For group: tables with visible personal columns.")] = None,
    description: Annotated[str | None, typer.Option(help="For group: what it is for.")] = None,
) -> Summary:
    """Manage the users of the console, and the groups that say what they may see.

    The password is prompted for on a terminal, else read from the first line of standard input. A new password and
    disable end all sessions of the user; a new password also enables a disabled user again.

    Tables are schema.table or schema.*, or targets, which is every table that an import fills. A user in several groups
    sees what any of them sees; a user in none sees what the group default sees. group adds a group or changes what is
    given, the rest stays.

    Examples:
        console_user.py add anna --role admin
        console_user.py password anna --generate
        console_user.py disable anna
        console_user.py group sales --tables 'public.orders,sales.*' --personal sales.customer
        console_user.py change ben --group sales --email ben@example.com
    """
    from systemscripts import db_utils
    from systemscripts.errors import UsageError
    from webconsole import user_commands
    from webconsole.security import users

    if action not in (Action.list, Action.groups) and not name:
        what = "group" if action in (Action.group, Action.delete_group) else "user"
        raise UsageError(f"name a {what}", f"Such as: {format_command('console_user', action, 'anna')}")
    password = ""
    if action in (Action.add, Action.password):
        password = users.generate_password() if is_generated else _ask_password()
    given = {"tables": tables, "lists": lists, "reports": reports, "personal": personal, "description": description}
    with (
        contextlib.closing(db_utils.connect(purpose="console_user")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        if action in (Action.list, Action.groups):
            return Summary(
                rows=users.list_users(cursor) if action is Action.list else user_commands.list_groups(cursor)
            )
        if action in (Action.group, Action.delete_group):
            return Summary(headline=user_commands.change_group(cursor, action, name, given))
        user_commands.change_user(cursor, action, name, password, role, group, email)
    if is_generated and password:
        _print_password(name, password)
    done = {
        Action.add: f"added as {role or UserRole.user}", Action.password: "has a new password",
        Action.disable: "is disabled", Action.change: "is changed",
    }  # fmt: skip
    return Summary(headline=f"{name} {done[action]}")


def _ask_password() -> str:
    import getpass

    from systemscripts.errors import UsageError

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise UsageError("the two passwords differ", "Try again.")
    return first


def _print_password(name: str, password: str) -> None:
    """Print the password outside the summary, which is masked and kept in the log."""
    import json

    print_text(json.dumps({"user": name, "password": password}) if wants_json() else f"password of {name}: {password}")


if __name__ == "__main__":
    console_user.main()
