"""Plain command lines are read without typer: whatever is read so must mean to typer the same."""

from __future__ import annotations

import importlib
from enum import EnumType
from typing import Annotated, Any

import pytest
import typer

from systemscripts.errors import UsageError
from systemscripts.job import Argument, Job, Option, typer_command
from systemscripts.job.command_line import take_common_options
from systemscripts.job.parameters import Parameter, list_parameters, read_plain_words
from tests.conftest import PROJECT

SCRIPTS = sorted(path.stem for path in (PROJECT / "jobscripts").glob("[a-z]*.py"))
TEXTS = (
    "a", "0", "7", "-7", "+7", "007", "1_000", "٣", "99999", "2.5", "", " ", "-", "--", "--json", "-h", "x=y", "~/a",
    "é", "2026-01-31", "2026-01", "\udce9.csv",
)  # fmt: skip


def list_common(parameters: list[Parameter]) -> list[Parameter]:
    return [*parameters, *list_parameters(take_common_options)]


def list_values(parameter: Parameter) -> list[str]:
    choices: Any = parameter.value_type if isinstance(parameter.value_type, EnumType) else ()
    return [*TEXTS, *(form(str(choice.value)) for choice in choices for form in (str, str.upper))]


def list_lines(parameters: list[Parameter]) -> list[list[str]]:
    """Return command lines in which each option and place has each value, alone and after the required words."""
    places = [parameter for parameter in parameters if not parameter.option_names]
    required = [
        list_values(parameter)[-2] if isinstance(parameter.value_type, EnumType) else "7"
        for parameter in places
        if parameter.is_required
    ]
    lines: list[list[str]] = [
        [],
        required,
        [*required, "7"],
        [*required, "7", "7", "7"],
        ["--json", *required, "--quiet"],
    ]
    for position, parameter in enumerate(places):
        lines += [[*required[:position], value, *required[position + 1 :]] for value in list_values(parameter)]
    for parameter in parameters:
        for name in parameter.option_names:
            lines += [
                [*required, name],
                [name, *required],
                [*required, name, "7", name, "8"],
                [*required, name[:-1], "7"],
            ]
            lines += [[*required, name, value] for value in list_values(parameter)]
            lines += [[f"{name}={value}", *required] for value in list_values(parameter)]
    return lines


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_line_that_is_read_without_typer_means_the_same_to_typer(script: str) -> None:
    job: Job = getattr(importlib.import_module(f"jobscripts.{script}"), script)
    parameters = list_common(list_parameters(job.function))
    plain = 0
    for line in list_lines(parameters):
        values = read_plain_words(parameters, line)
        if values is not None:
            plain += 1
            assert typer_command.read_words(job.function, script, line) == values, line
    assert plain > 3


def count_words(
    word: Annotated[str, Argument()], many: Annotated[int, Option(min=1, max=9)] = 1, half: float = 0.5
) -> None:
    """Test."""


@pytest.mark.parametrize(
    "line",
    ["", "a b", "a --many 0", "a --many 10", "a --half 1", "a --help", "a --man 1", "a --quiet --quiet", "a --many"],
)
def test_what_is_not_plain_is_left_to_typer(line: str) -> None:
    assert read_plain_words(list_common(list_parameters(count_words)), line.split()) is None


def test_a_number_at_its_limit_is_plain_and_one_beyond_it_is_a_mistake() -> None:
    values = read_plain_words(list_common(list_parameters(count_words)), ["a", "--many", "9"])
    assert values == {
        "word": "a", "many": 9, "half": 0.5, "debug": False, "as_json": False, "quiet": False, "wait": False,
    }  # fmt: skip
    with pytest.raises(UsageError, match="Invalid value for '--many'"):
        typer_command.read_words(count_words, "count_words", ["a", "--many", "10"])


def test_a_parameter_that_is_declared_with_typer_is_refused() -> None:
    def run(word: Annotated[str, typer.Argument()]) -> None:
        """Test."""

    with pytest.raises(TypeError, match="word: declare it with Argument or Option"):
        list_parameters(run)
