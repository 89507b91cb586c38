"""Turn a function's signature into a command line, and a command line into a call."""

from __future__ import annotations

import inspect
import shlex
import textwrap
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from systemscripts.commands import format_command, format_in_help
from systemscripts.errors import UsageError


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


def _take_common_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; log everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only warnings and problems.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for a run that holds the lock.")] = False,
) -> None:
    """Declare the options that every job has; only the signature is used."""


def parse_arguments(function: Callable[..., Any], name: str, arguments: list[str]) -> Call | int:
    """Parse a command line for a function; return the call, or an exit code for --help.

    Raises UsageError with one line that says what is wrong.
    """
    parser = build_command(function, name)
    try:
        result = parser.main(args=arguments, prog_name=format_in_help(f"{name}.py"), standalone_mode=False)
    except typer.TyperException as error:
        raise UsageError(" ".join(error.format_message().split()), f"See: {format_command(name, '--help')}") from error
    except typer.Abort as error:
        raise UsageError("nothing was entered", f"See: {format_command(name, '--help')}") from error
    if not isinstance(result, dict):
        return int(result or 0)
    common = {option: result.pop(option) for option in ("debug", "as_json", "quiet", "wait")}
    return Call(result, shlex.join(arguments), **common)


def build_command(function: Callable[..., Any], name: str) -> typer.core.TyperCommand:
    """Return the command line of a function, including the options of every job."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    collect.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*_list_parameters(function), *(p.replace(kind=p.KEYWORD_ONLY) for p in _list_parameters(_take_common_options))]
    )
    collect.__annotations__ = _get_hints(function) | _get_hints(_take_common_options)
    text, examples = map(format_in_help, _split_documentation(function))
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name=name, help=text, epilog=examples, no_args_is_help=False)(collect)
    return typer.main.get_command(app)  # type: ignore[return-value]


def _get_hints(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return hints


def _list_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = _get_hints(function)
    return [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]


def _split_documentation(function: Callable[..., Any]) -> tuple[str, str]:
    text = textwrap.dedent(function.__doc__ or "").strip()
    first, _, rest = (inspect.getdoc(function) or text).partition("Examples:")
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    # \b: click must not join these lines into a paragraph
    return first.strip(), "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
