"""Turn a function's signature into a command of typer: for --help, for mistakes, and for values of all types."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from systemscripts.commands import format_command, format_in_help
from systemscripts.errors import UsageError
from systemscripts.job.command_line import take_common_options
from systemscripts.job.parameters import Argument, Option, list_parameters


def read_words(function: Callable[..., Any], name: str, words: list[str]) -> dict[str, Any] | int:
    """Return the values of a command line by parameter, or an exit code for --help.

    Raises UsageError with one line that says what is wrong.
    """
    command = build_command(function, name)
    try:
        result = command.main(args=words, prog_name=format_in_help(f"{name}.py"), standalone_mode=False)
    except typer.TyperException as error:
        raise UsageError(" ".join(error.format_message().split()), f"See: {format_command(name, '--help')}") from error
    except typer.Abort as error:
        raise UsageError("nothing was entered", f"See: {format_command(name, '--help')}") from error
    return result if isinstance(result, dict) else int(result or 0)


def build_command(function: Callable[..., Any], name: str) -> typer.core.TyperCommand:
    """Return the command line of a function, including the options of every job."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    parameters = [*_declare_for_typer(function), *_declare_for_typer(take_common_options)]
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    text, examples = map(format_in_help, _split_documentation(function))
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name=name, help=text, epilog=examples, no_args_is_help=False)(collect)
    return typer.main.get_command(app)  # type: ignore[return-value]


def _declare_for_typer(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            parameter.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=parameter.default,
            annotation=_annotate_for_typer(parameter.annotation),
        )
        for parameter in list_parameters(function)
    ]


def _annotate_for_typer(annotation: Any) -> Any:
    """Return a type with our declaration replaced by that of typer."""
    for form in getattr(annotation, "__metadata__", ()):
        if isinstance(form, Option):
            return Annotated[annotation.__origin__, typer.Option(*form.names, **form.details)]
        if isinstance(form, Argument):
            return Annotated[annotation.__origin__, typer.Argument(**form.details)]
    return annotation


def _split_documentation(function: Callable[..., Any]) -> tuple[str, str]:
    text = textwrap.dedent(function.__doc__ or "").strip()
    first, _, rest = (inspect.getdoc(function) or text).partition("Examples:")
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    # \b: click must not join these lines into a paragraph
    return first.strip(), "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
