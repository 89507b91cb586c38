"""Declare the arguments and options of a job in its signature: Annotated[str, Option(help="...")]."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any


class Argument:
    """A word that is given by its place; `details`: what typer.Argument takes, such as help."""

    def __init__(self, **details: Any) -> None:
        self.names: tuple[str, ...] = ()
        self.details = details


class Option(Argument):
    """A word that is given by a name, by default that of the parameter; `details`: what typer.Option takes."""

    def __init__(self, *names: str, **details: Any) -> None:
        super().__init__(**details)
        self.names = names


class Parameter:
    """One parameter of a job: `value_type` (without None), how it is given, and its default."""

    def __init__(self, declared: inspect.Parameter, annotation: Any) -> None:
        self.name, self.default, self.annotation = declared.name, declared.default, annotation
        value_type, *metadata = typing.get_args(annotation) if hasattr(annotation, "__metadata__") else (annotation,)
        value_type = _leave_out_none(value_type)
        self.takes_many = typing.get_origin(value_type) is list
        self.value_type = typing.get_args(value_type)[0] if self.takes_many else value_type
        self.is_required = declared.default is inspect.Parameter.empty
        self.form: Argument = metadata[0] if metadata else Argument() if self.is_required else Option()
        if not isinstance(self.form, Argument):
            raise TypeError(f"{self.name}: declare it with Argument or Option of systemscripts.job")

    @property
    def option_names(self) -> tuple[str, ...]:
        """Return the names with which it is given; none if it is given by its place."""
        if not isinstance(self.form, Option):
            return ()
        return self.form.names or (f"--{self.name.replace('_', '-')}",)

    def convert(self, text: str) -> Any:
        """Return the value that a text means; raises ValueError where it is for typer to say what it means."""
        if not text or text.startswith("-"):
            raise ValueError(text)
        if self.value_type in (str, Path) or (isinstance(self.value_type, type) and issubclass(self.value_type, Enum)):
            return self.value_type(text)
        if self.value_type is not int or not (text.isascii() and text.isdecimal()):
            raise ValueError(text)
        least, most = self.form.details.get("min"), self.form.details.get("max")
        if (least is not None and int(text) < least) or (most is not None and int(text) > most):
            raise ValueError(text)
        return int(text)


def list_parameters(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function in their order."""
    hints = typing.get_type_hints(function, include_extras=True)
    return [Parameter(declared, hints[name]) for name, declared in inspect.signature(function).parameters.items()]


def read_plain_words(parameters: list[Parameter], words: list[str]) -> dict[str, Any] | None:
    """Return the values of a command line by parameter, or None if it is a mistake, --help, or not plain.

    Plain are known options, each at most once, with texts, paths, whole numbers and choices as values: to read them
    needs no typer, whose import takes a tenth of a start.
    """
    values = {parameter.name: parameter.default for parameter in parameters}
    options = {name: each for each in parameters if not each.takes_many for name in each.option_names}
    places = [parameter for parameter in parameters if not parameter.option_names]
    rest: list[Any] = []
    waiting = iter(words)
    try:
        for word in waiting:
            name, has_value, text = word.partition("=")
            if not word.startswith("-"):
                value = places[0].convert(word)
                if places[0].takes_many:
                    rest.append(value)
                    values[places[0].name] = rest
                else:
                    values[places.pop(0).name] = value
            elif (parameter := options.pop(name)).value_type is not bool:
                values[parameter.name] = parameter.convert(text if has_value else next(waiting))
            elif has_value:
                return None
            else:
                values[parameter.name] = True
    except (IndexError, KeyError, StopIteration, ValueError):
        return None
    return None if inspect.Parameter.empty in values.values() else values


def _leave_out_none(value_type: Any) -> Any:
    parts = [part for part in typing.get_args(value_type) if part is not NoneType]
    is_optional = NoneType in typing.get_args(value_type) and len(parts) == 1
    return parts[0] if is_optional else value_type
