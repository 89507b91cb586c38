"""What is written down of a download holds the names of secrets, not the secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from systemscripts.configuration import variables
from systemscripts.sources.api_pages.pagination import Position


def secrets_of(options: dict[str, Any]) -> dict[str, str]:
    """The variables in a source's options by their value, the longest first: a short one may be part of it."""
    found = {value: name for name, value in variables.look_up_values(variables.find_names(options)).items()}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def concealed(position: Position, secrets: dict[str, str]) -> Position:
    """A position that may be written down: values of variables as their names again."""

    def named(text: str) -> str:
        for value, name in secrets.items():
            for spelling in (value, quote(value, safe=""), quote(value)):
                text = text.replace(spelling, f"${{{name}}}") if value else text
        return text

    return Position(named(position.url), {name: named(value) for name, value in position.parameters.items()})
