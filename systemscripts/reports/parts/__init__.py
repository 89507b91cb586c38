"""What a report can show that needs more than one query: each kind is a module here, found by listing the package.

A module NAME.py has `Options`, a pydantic model of what a report's YAML says under `parts: NAME:`, and
`make(cursor, options, rows, covered) -> Part`. `rows`: the report's queries by name. `covered`: what the module said of
the last delivery, {} at first. Templates find the part's value under NAME.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from systemscripts import plugins
from systemscripts.errors import ConfigurationError


@dataclass(frozen=True)
class Part:
    """One part of a report as it is now."""

    value: Any
    wanted: bool  # whether there is something to say
    covered: dict[str, Any]  # kept in dba.treportdelivery, so that nothing is said twice
    used: set[str] = field(default_factory=set)  # queries that only serve this part


def module(name: str) -> ModuleType:
    """The module of one kind; raises ConfigurationError with the nearest kind."""
    return plugins.load_module(__name__, name, "kind of part")


def check(parts: dict[str, Any]) -> None:
    """Raise ValueError when a kind is unknown or its options are wrong."""
    for name, options in parts.items():
        try:
            module(name).Options.model_validate(options)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
            raise ValueError(f"{name}: {faults}") from error
