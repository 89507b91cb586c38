"""Turn a command line into a call of a function, by the signature of that function."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from systemscripts.job.parameters import Option, list_parameters, read_plain_words


@dataclass(frozen=True)
class Call:
    """The values and options of one command line."""

    values: dict[str, Any]
    # as typed
    arguments: str
    debug: bool
    as_json: bool
    quiet: bool
    wait: bool


def take_common_options(
    debug: Annotated[bool, Option("--debug", help="Show tracebacks; log everything.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print only warnings and problems.")] = False,
    wait: Annotated[bool, Option("--wait", help="Wait for a run that holds the lock.")] = False,
) -> None:
    """Declare the options that every job has; only the signature is used."""


def parse_arguments(function: Callable[..., Any], name: str, arguments: list[str]) -> Call | int:
    """Parse a command line for a function; return the call, or an exit code for --help.

    Raises UsageError with one line that says what is wrong.
    """
    parameters = [*list_parameters(function), *list_parameters(take_common_options)]
    values: dict[str, Any] | int | None = read_plain_words(parameters, arguments)
    if values is None:
        from systemscripts.job import typer_command

        values = typer_command.read_words(function, name, arguments)
    if isinstance(values, int):
        return values
    common = {option: values.pop(option) for option in ("debug", "as_json", "quiet", "wait")}
    return Call(values, shlex.join(arguments), **common)
