"""What a report can show that needs more than one query: each kind is a module here, found by listing the package.

A module NAME.py has `Options`, a pydantic model of what a report's YAML says under `parts: NAME:`, and
`make(cursor, options, rows, covered) -> Part`. `rows`: the report's queries by name. `covered`: what the module said of
the last delivery, {} at first. Templates find the part's value under NAME.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Part:
    """One part of a report as it is now."""

    value: Any
    wanted: bool  # whether there is something to say
    covered: dict[str, Any]  # kept in dba.treportdelivery, so that nothing is said twice
    used: set[str] = field(default_factory=set)  # queries that only serve this part


def names() -> list[str]:
    """The kinds of parts there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def module(name: str) -> ModuleType:
    """The module of one kind."""
    return importlib.import_module(f"{__name__}.{name}")


def check(parts: dict[str, Any]) -> None:
    """Raise ValueError when a kind is unknown or its options are wrong."""
    for name, options in parts.items():
        if name not in names():
            near = difflib.get_close_matches(name, names(), n=1)
            raise ValueError(f"{name} is no kind of part" + (f", did you mean {near[0]}?" if near else ""))
        try:
            module(name).Options.model_validate(options)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
            raise ValueError(f"{name}: {faults}") from error
