"""Manage who may sign in to the console: add, new password, disable, list."""
# no cron log: add and password print a password

from __future__ import annotations

import contextlib
import sys
from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job, wants_json


class Action(StrEnum):
    """What to do."""

    add = "add"
    password = "password"
    disable = "disable"
    list = "list"


class UserRole(StrEnum):
    """What a user may do: the operator changes things, an analyst reads tables."""

    admin = "admin"
    user = "user"


@job(alert=False)
def console_user(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    name: Annotated[str, typer.Argument(help="The user's name.")] = "",
    role: Annotated[UserRole, typer.Option(help="For add: admin (operator) or user (analyst).")] = UserRole.user,
    is_generated: Annotated[bool, typer.Option("--generate", help="Generate a password and print it.")] = False,
) -> Summary:
    """Add a user of the console, set a new password, or disable a user.

    The password is prompted for on a terminal, else read from the first line of standard input. A new password and
    disable end all sessions of the user; a new password also enables a disabled user again.

    Examples:
        console_user.py add anna --role admin
        console_user.py password anna --generate
        console_user.py disable anna
    """
    from systemscripts import db_utils
    from systemscripts.errors import UsageError
    from webconsole.security import users

    if action is not Action.list and not name:
        raise UsageError("name a user", f"Such as: {format_command('console_user', action, 'anna')}")
    password = ""
    if action in (Action.add, Action.password):
        password = users.generate_password() if is_generated else _ask_password()
    with (
        contextlib.closing(db_utils.connect(purpose="console_user")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        if action is Action.add:
            users.add_user(cursor, name, password, role.value)
        elif action is Action.password:
            users.set_password(cursor, name, password)
        elif action is Action.disable:
            users.disable_user(cursor, name)
        else:
            return Summary(rows=users.list_users(cursor))
    if is_generated and password:
        _print_password(name, password)
    done = {Action.add: f"added as {role}", Action.password: "has a new password", Action.disable: "is disabled"}
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

    print(json.dumps({"user": name, "password": password}) if wants_json() else f"password of {name}: {password}")


if __name__ == "__main__":
    console_user.main()
