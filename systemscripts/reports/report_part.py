"""One part of a report, and the modules in `parts/` that make parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from systemscripts import plugins
from systemscripts.errors import ConfigurationError, describe_faults
from systemscripts.reports import parts


@dataclass(frozen=True)
class ReportPart:
    """One part of a report as it is now."""

    value: Any
    # whether there is something to report
    has_news: bool
    # kept in dba.treportdelivery, so that nothing is reported twice
    covered: dict[str, Any]
    # the queries that only serve this part
    used_queries: set[str] = field(default_factory=set)


def load_part(name: str) -> ModuleType:
    """Return the module of one kind of part; raises ConfigurationError with the nearest kind."""
    return plugins.load_module(parts.__name__, name, "kind of part")


def check_parts(options_by_name: dict[str, Any]) -> None:
    """Raise ValueError if a kind of part is unknown or its options are wrong."""
    for name, options in options_by_name.items():
        try:
            load_part(name).Options.model_validate(options)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        except ValidationError as error:
            faults = describe_faults(error)
            raise ValueError(f"{name}: {faults}") from error
