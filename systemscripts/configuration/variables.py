"""Resolve `${SOURCE_...}` in a configuration: secrets and addresses from the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from systemscripts import settings
from systemscripts.configuration import plain_secrets
from systemscripts.errors import ConfigurationError, did_you_mean

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# as in a shell
_DEFAULT = ":-"


class UnsetVariableError(ConfigurationError):
    """A variable of a configuration is not set on this host, which may not use that configuration."""


def resolve_variables(value: Any, where: str) -> Any:
    """Return a value with its variables replaced, also inside lists and mappings.

    Call it at the moment of use: the result may contain secrets and must not be kept, logged or shown. `where` names
    the value in errors. ${SOURCE_X:-text} gives the text if SOURCE_X is not set; ${FILE#/KEY/PATH} is a secret in a
    YAML file (see plain_secrets). Raises ConfigurationError for a variable that is not set or does not begin with
    SOURCE_: a configuration has no access to other settings.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _get_value(match[1], where), value)
    if isinstance(value, Mapping):
        return {key: resolve_variables(item, where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_variables(item, where) for item in value]
    return value


def find_names(value: Any) -> list[str]:
    """Return the names of the variables in a value, in their order."""
    if isinstance(value, str):
        texts = _VARIABLE.findall(value)
        return [text if plain_secrets.is_reference(text) else text.partition(_DEFAULT)[0] for text in texts]
    if isinstance(value, Mapping):
        return [name for item in value.values() for name in find_names(item)]
    if isinstance(value, list | tuple):
        return [name for item in value for name in find_names(item)]
    return []


def look_up_values(names: list[str]) -> dict[str, str]:
    """Return those of the variables that are set, or written in a file: name -> value."""
    known = settings.current().source_variables
    values = {name: known[name].get_secret_value() for name in names if name in known}
    return values | {name: _get_value(name, "source") for name in names if plain_secrets.is_reference(name)}


def _get_value(text: str, where: str) -> str:
    if plain_secrets.is_reference(text):
        return str(resolve_variables(plain_secrets.read_secret(text, where), where))
    name, default_given, default = text.partition(_DEFAULT)
    known = settings.current().source_variables
    if name in known and (known[name].get_secret_value() or not default_given):
        return known[name].get_secret_value()
    prefix = settings.USER_PREFIX
    if not name.startswith(prefix):
        raise ConfigurationError(f"{where}: ${{{name}}} is not allowed in a configuration, only {prefix}...")
    if default_given:
        return default
    raise UnsetVariableError(
        f"{where}: ${{{name}}} is not set{did_you_mean(name, known)}",
        f"Add {name} to {settings.settings_file()}.",
    )
