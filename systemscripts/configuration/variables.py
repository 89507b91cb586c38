"""`${SOURCE_...}` in a configuration: secrets and addresses that stand in the settings, resolved when used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from systemscripts import settings
from systemscripts.configuration import plain_secrets
from systemscripts.errors import ConfigurationError, did_you_mean

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = ":-"  # as in a shell


class UnsetVariableError(ConfigurationError):
    """What a configuration names is not set on this host: it is not used here, or not set up yet."""


def resolve_variables(value: Any, where: str) -> Any:
    """A value of a configuration with its variables replaced, also inside lists and mappings.

    Call it at the moment of use: what it returns may hold secrets and must not be kept, logged or shown. `where` says
    in errors what the value belongs to. Raises ConfigurationError for a variable that no setting gives, or that does
    not begin with SOURCE_: no other setting can be reached from a configuration. ${SOURCE_X:-text} is the text where no
    setting gives SOURCE_X; ${FILE#/PLACE} is a secret that stands in a YAML file (see plain_secrets).
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value_of(found[1], where), value)
    if isinstance(value, Mapping):
        return {key: resolve_variables(each, where) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_variables(each, where) for each in value]
    return value


def find_names(value: Any) -> list[str]:
    """The variables that a value names, in their order."""
    if isinstance(value, str):
        found = _VARIABLE.findall(value)
        return [name if plain_secrets.is_reference(name) else name.partition(_DEFAULT)[0] for name in found]
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in find_names(each)]
    if isinstance(value, list | tuple):
        return [name for each in value for name in find_names(each)]
    return []


def look_up_values(names: list[str]) -> dict[str, str]:
    """Of some variables those that a setting or a file gives, name -> value."""
    known = settings.current().source_variables
    found = {name: known[name].get_secret_value() for name in names if name in known}
    return found | {name: _value_of(name, "source") for name in names if plain_secrets.is_reference(name)}


def _value_of(text: str, where: str) -> str:
    if plain_secrets.is_reference(text):
        return str(resolve_variables(plain_secrets.read_secret(text, where), where))
    name, default_given, default = text.partition(_DEFAULT)
    known = settings.current().source_variables
    if name in known and (known[name].get_secret_value() or not default_given):
        return known[name].get_secret_value()
    prefix = settings.USER_PREFIX
    if not name.startswith(prefix):
        raise ConfigurationError(f"{where}: ${{{name}}} is not a variable that a configuration may name: {prefix}...")
    if default_given:
        return default
    raise UnsetVariableError(
        f"{where}: ${{{name}}} is not set{did_you_mean(name, known)}",
        f"Add {name} to {settings.settings_file()}.",
    )
