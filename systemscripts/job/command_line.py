"""From a function's signature to its command line, and back to a call."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
import textwrap
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from systemscripts.errors import UsageError


@dataclass(frozen=True)
class Call:
    """What the operator asked for."""

    values: dict[str, Any]
    arguments: str  # as typed
    debug: bool
    as_json: bool
    wait: bool


def _with_frame_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; log everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for a run that holds the lock.")] = False,
) -> None:
    """The options that every job has; only the signature is used."""


def parse(function: Callable[..., Any], name: str, arguments: list[str]) -> Call | int:
    """Read a command line for a function; an exit code instead where only --help was asked for.

    Raises UsageError with one line that says what is wrong.
    """
    parser = command(function, name)
    try:
        result = parser.main(args=arguments, prog_name=f"{name}.py", standalone_mode=False)
    except typer.TyperException as error:
        raise UsageError(" ".join(error.format_message().split()), f"See: {name}.py --help") from error
    except typer.Abort as error:
        raise UsageError("nothing was entered", f"See: {name}.py --help") from error
    if not isinstance(result, dict):
        return int(result or 0)
    frame = {option: result.pop(option) for option in ("debug", "as_json", "wait")}
    return Call(result, shlex.join(arguments), **frame)


def command(function: Callable[..., Any], name: str) -> typer.core.TyperCommand:
    """The command line of a function, the options of every job included."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    collect.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*_parameters(function), *(p.replace(kind=p.KEYWORD_ONLY) for p in _parameters(_with_frame_options))]
    )
    collect.__annotations__ = _hints(function) | _hints(_with_frame_options)
    text, examples = _documentation(function)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name=name, help=text, epilog=examples, no_args_is_help=False)(collect)
    return typer.main.get_command(app)  # type: ignore[return-value]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return hints


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = _hints(function)
    return [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]


def _documentation(function: Callable[..., Any]) -> tuple[str, str]:
    text = textwrap.dedent(function.__doc__ or "").strip()
    first, _, rest = (inspect.getdoc(function) or text).partition("Examples:")
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    # \b: click must not fill these lines into a paragraph
    return first.strip(), "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def show(text: str) -> None:
    """Print a summary, masked already; a reader who has gone is no fault."""
    try:
        if text:
            print(text, flush=True)
    except BrokenPipeError:  # whoever read us has gone, which is his right; Python would complain at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
