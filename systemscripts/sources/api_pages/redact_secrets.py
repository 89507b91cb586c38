"""Replace secrets in the saved state of a download by the names of their variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from systemscripts.configuration import variables
from systemscripts.sources.api_pages.pagination import Position


def list_secrets(options: dict[str, Any]) -> dict[str, str]:
    """Return value -> variable of a source's options, the longest value first: a short one may be part of it."""
    names = {value: name for name, value in variables.look_up_values(variables.find_names(options)).items()}
    return dict(sorted(names.items(), key=lambda pair: -len(pair[0])))


def redact_position(position: Position, secrets: dict[str, str]) -> Position:
    """Return a position with variables in place of their values."""

    def redact(text: str) -> str:
        for value, name in secrets.items():
            for spelling in (value, quote(value, safe=""), quote(value)):
                text = text.replace(spelling, f"${{{name}}}") if value else text
        return text

    return _change_texts(position, redact)


def restore_position(position: Position, secrets: dict[str, str]) -> Position:
    """Return a position with the values of the variables of this source alone: a server may have named others."""

    def restore(text: str) -> str:
        for value, name in secrets.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    return _change_texts(position, restore)


def _change_texts(position: Position, change: Callable[[str], str]) -> Position:
    def visit(value: Any) -> Any:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, dict):
            return {key: visit(item) for key, item in value.items()}
        return [visit(item) for item in value] if isinstance(value, list) else value

    return Position(change(position.url), visit(position.parameters))
