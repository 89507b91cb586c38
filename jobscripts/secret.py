"""Encrypt a value for the settings file, or show one again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.job import Summary, job, wants_json


class Action(StrEnum):
    """What to do."""

    encrypt = "encrypt"
    decrypt = "decrypt"


@job(database=False, alert=False)
def secret(action: Annotated[Action, typer.Argument(help="encrypt, or decrypt.")]) -> Summary:
    """Encrypt a value for config/.env, such as S3_SECRET_ACCESS_KEY=enc:..., or decrypt one.

    The value is read from the standard input, or asked for without being shown: on a command line others could see it.
    The key lies in SECRET_KEY_FILE, which only its owner may read; it is made at the first use. Keep a copy elsewhere.

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

    given = getpass.getpass("value (not shown): ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    if not given:
        raise UsageError("there is no value", "Type it, or give it on the standard input.")
    if action is Action.decrypt and not given.startswith(secrets.MARK):
        raise UsageError(f"the value does not begin with {secrets.MARK}", "Give it whole, as it stands in config/.env.")
    function = secrets.encrypt if action is Action.encrypt else secrets.decrypt
    made = function(given, settings.current().secret_key_file)
    if wants_json():
        return Summary(details=[made])
    print(made)  # past the log: a secret shown on purpose must not be kept
    return Summary(shown=True)


if __name__ == "__main__":
    secret.main()
