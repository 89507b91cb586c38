"""`${SOURCE_...}` in a configuration: secrets and addresses that stand in the settings, resolved when used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from systemscripts import masking, settings
from systemscripts.errors import ConfigurationError, did_you_mean

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = ":-"  # as in a shell


class UnsetVariableError(ConfigurationError):
    """What a configuration names is not set on this host: it is not used here, or not set up yet."""


def resolved(value: Any, where: str) -> Any:
    """A value of a configuration with its variables replaced, also inside lists and mappings.

    Call it at the moment of use: what it returns may hold secrets and must not be kept, logged or shown. `where` says
    in errors what the value belongs to. Raises ConfigurationError for a variable that no setting gives, or that does
    not begin with SOURCE_: no other setting can be reached from a configuration. ${SOURCE_X:-text} is the text where no
    setting gives SOURCE_X.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value_of(found[1], where), value)
    if isinstance(value, Mapping):
        return {key: resolved(each, where) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(each, where) for each in value]
    return value


def names_in(value: Any) -> list[str]:
    """The variables that a value names, in their order."""
    if isinstance(value, str):
        return [name.partition(_DEFAULT)[0] for name in _VARIABLE.findall(value)]
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in names_in(each)]
    if isinstance(value, list | tuple):
        return [name for each in value for name in names_in(each)]
    return []


def written_secrets(value: Any, where: str) -> list[str]:
    """A sentence for each secret that stands in a configuration itself instead of being named there.

    For a file on this host it is a warning; what is uploaded from elsewhere is to be refused.
    """
    found = []
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, str) and each and masking.is_secret_name(str(key)) and not _VARIABLE.search(each):
                found.append(f"{where}: {key} is written in the configuration itself; name it there as ${{SOURCE_...}}")
            found += written_secrets(each, where)
    elif isinstance(value, list | tuple):
        found = [text for each in value for text in written_secrets(each, where)]
    return found


def values_of(names: list[str]) -> dict[str, str]:
    """Of some variables those that a setting gives, name -> value."""
    known = settings.current().source_variables
    return {name: known[name].get_secret_value() for name in names if name in known}


def _value_of(text: str, where: str) -> str:
    name, default_given, default = text.partition(_DEFAULT)
    known = settings.current().source_variables
    if name in known and (known[name].get_secret_value() or not default_given):
        return known[name].get_secret_value()
    prefix = settings.USER_PREFIX
    if not name.startswith(prefix):
        raise ConfigurationError(f"{where}: ${{{name}}} is no variable that a configuration may name: {prefix}...")
    if default_given:
        return default
    raise UnsetVariableError(
        f"{where}: ${{{name}}} is not set{did_you_mean(name, known)}",
        f"Add {name} to {settings.settings_file()}.",
    )
