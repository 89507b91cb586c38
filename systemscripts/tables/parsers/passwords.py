"""The passwords that an import has for protected files; only the process of a parser knows them."""

from __future__ import annotations

from systemscripts.errors import BadDataError, EtlError, PasswordError

# set by parser_child
KNOWN: list[str] = []


def make_error(name: str) -> EtlError:
    """Return the error for a file that no password opens: it is refused, or waits where the import has passwords."""
    if KNOWN:
        return PasswordError(name)
    return BadDataError(
        f"{name} is protected by a password",
        "Ask the sender for a file without a password, or set reading.password of the import.",
    )
