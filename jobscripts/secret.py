"""Encrypt a value for the settings file, or decrypt one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.job import Summary, job, print_text, wants_json


class Action(StrEnum):
    """What to do."""

    encrypt = "encrypt"
    decrypt = "decrypt"


@job(database=False, alert=False)
def secret(action: Annotated[Action, typer.Argument(help="What to do.")]) -> Summary:
    """Encrypt a value for config/.env, such as S3_SECRET_ACCESS_KEY=enc:..., or decrypt one.

    The value is read from standard input, or prompted for without being shown: others could see it on a command line.
    The key is in SECRET_KEY_FILE, which only its owner may read; it is created at first use. Keep a copy elsewhere.

    Examples:
        secret.py encrypt
        secret.py encrypt < key.txt
        secret.py decrypt
    """
    import getpass
    import sys

    from systemscripts import secret as secrets
    from systemscripts import settings
    from systemscripts.errors import UsageError

    value = getpass.getpass("value (not shown): ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    if not value:
        raise UsageError("there is no value", "Type it, or pass it on standard input.")
    if action is Action.decrypt and not value.startswith(secrets.MARK):
        raise UsageError(
            f"the value does not begin with {secrets.MARK}", "Give the whole value, as it is in config/.env."
        )
    function = secrets.encrypt if action is Action.encrypt else secrets.decrypt
    result = function(value, settings.current().secret_key_file)
    if wants_json():
        return Summary(details=[result])
    # printed here, so that it is not kept in the log
    print_text(result)
    return Summary(shown=True)


if __name__ == "__main__":
    secret.main()
