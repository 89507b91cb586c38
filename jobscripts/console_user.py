"""Who may sign in to the console: add, new password, disable, list."""
# no cron log: add and password print a password

from __future__ import annotations

import contextlib
import sys
from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.job import Summary, job, wants_json


class Action(StrEnum):
    """What to do."""

    add = "add"
    password = "password"
    disable = "disable"
    list = "list"


class UserRole(StrEnum):
    """What somebody may do: the operator changes things, an analyst looks at tables."""

    admin = "admin"
    user = "user"


@job(alert=False)
def console_user(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    name: Annotated[str, typer.Argument(help="The user's name.")] = "",
    role: Annotated[UserRole, typer.Option(help="For add: admin (operator) or user (analyst).")] = UserRole.user,
    made_up: Annotated[bool, typer.Option("--generate", help="Make up a password and print it.")] = False,
) -> Summary:
    """Add a user of the console, give a new password, or let somebody in no more.

    The password is asked for on a terminal, else read from the first line of the input. A new password and disable end
    all sessions of the user; a new password also lets a disabled user in again.

    Examples:
        console_user.py add anna --role admin
        console_user.py password anna --generate
        console_user.py disable anna
    """
    from systemscripts import db_utils
    from systemscripts.errors import UsageError
    from webconsole.security import users

    if action is not Action.list and not name:
        raise UsageError("name a user", f"Such as: console_user.py {action} anna")
    password = ""
    if action in (Action.add, Action.password):
        password = users.generate_password() if made_up else _asked()
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
    if made_up and password:
        _print(name, password)
    done = {Action.add: f"added as {role}", Action.password: "has a new password", Action.disable: "is disabled"}
    return Summary(headline=f"{name} {done[action]}")


def _asked() -> str:
    import getpass

    from systemscripts.errors import UsageError

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise UsageError("the two passwords differ", "Try again.")
    return first


def _print(name: str, password: str) -> None:
    """Past the summary, which is masked and kept in the log."""
    import json

    print(json.dumps({"user": name, "password": password}) if wants_json() else f"password of {name}: {password}")


if __name__ == "__main__":
    console_user.main()
