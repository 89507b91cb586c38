"""Replace secrets in the saved state of a download by the names of their variables.

A `$` of any other text is doubled there, so that neither a server nor a key can name a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from systemscripts.configuration import variables
from systemscripts.sources.api_pages.pagination import Position

# what stands for a variable, or for `$`; a text of an older state may have a single `$`
_ESCAPED = re.compile(r"\$(?:\$|\{([^}]*)\})")


def list_secrets(options: dict[str, Any]) -> dict[str, str]:
    """Return value -> variable of a source's options."""
    return {value: name for name, value in variables.look_up_values(variables.find_names(options)).items()}


def escape_text(text: str) -> str:
    """Return a text of a server or a key as a position keeps it, without any variable."""
    return text.replace("$", "$$")


def redact_position(position: Position, secrets: dict[str, str]) -> Position:
    """Return a position with variables in place of their values."""
    names = {
        spelling: f"${{{name}}}"
        for value, name in secrets.items()
        for spelling in (value, quote(value, safe=""), quote(value))
        if value
    }
    # the longest first: a short one may be part of it
    spellings = [re.escape(spelling) for spelling in sorted(names, key=len, reverse=True)]
    known = re.compile("|".join([*spellings, r"\$"]))
    return _change_texts(position, lambda text: known.sub(lambda match: names.get(match[0], "$$"), text))


def restore_position(position: Position, secrets: dict[str, str]) -> Position:
    """Return a position with the values of the variables of this source."""
    values = {name: value for value, name in secrets.items()}

    def restore(match: re.Match[str]) -> str:
        return "$" if match[1] is None else values.get(match[1], match[0])

    return _change_texts(position, lambda text: _ESCAPED.sub(restore, text))


def _change_texts(position: Position, change: Callable[[str], str]) -> Position:
    def visit(value: Any) -> Any:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, dict):
            return {key: visit(item) for key, item in value.items()}
        return [visit(item) for item in value] if isinstance(value, list) else value

    return Position(change(position.url), visit(position.parameters))
