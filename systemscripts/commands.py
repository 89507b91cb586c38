"""Format commands as people can type them: `etl ...`, quoted, for this installation and their current folder."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# with the table of short names; the script etl reads it too
SCRIPTS_PAGE = PROJECT / "docs" / "scripts.md"
SHORT_NAME_ROW = re.compile(r"^\| `([a-z]+)` \| `([a-z_ ]+)` \|", re.MULTILINE)
# without them a command would work on another installation
CARRIED_VARIABLES = ("ETL_DATA_DIR", "ETL_ENV_FILE")
# after these a shell reads a word in double quotes as it is
_READ_IN_DOUBLE_QUOTES = frozenset('"$`\\!')
_SCRIPT_IN_TEXT = re.compile(r"\b([a-z][a-z_]+)\.py\b")

_is_reader_elsewhere = False


def format_command(script: str, *words: object) -> str:
    """Return the command that runs a script with these words, as it can be pasted into a shell here.

    Its address is ./etl in the project's folder, else etl where that is installed, else the whole path.
    """
    return _format_address(_is_reader_elsewhere) + " ".join(map(_quote, shorten_names([script, *map(str, words)])))


def format_program(program: str, *words: object) -> str:
    """Return the command that runs a program of the project's folder, such as install_dependencies.sh."""
    path = f"./{program}" if _is_in_project() and not _is_reader_elsewhere else str(PROJECT / program)
    return " ".join(map(_quote, [path, *map(str, words)]))


def format_in_help(text: str) -> str:
    """Return a text with each NAME.py of a script replaced by its command, as an example for any installation."""
    return _replace_scripts(
        text, lambda script: " ".join([_format_program(_is_in_project()), *shorten_names([script])])
    )


def format_in_page(text: str) -> str:
    """Return a text for the documents, with each NAME.py of a script replaced by `etl` and its name."""
    return _replace_scripts(text, lambda script: " ".join(["etl", *shorten_names([script])]))


def format_for_elsewhere(text: str) -> str:
    """Return a text for readers who are not in the folder of this process, such as those of a mail."""
    return text.replace(_format_address(False), _format_address(True))


def expect_reader_elsewhere() -> None:
    """Format all following commands for people who are not in the folder of this process, such as in a browser."""
    global _is_reader_elsewhere
    _is_reader_elsewhere = True


def is_script(name: str) -> bool:
    """Return whether there is a script of this name."""
    return (PROJECT / "jobscripts" / f"{name}.py").is_file()


def shorten_names(words: list[str]) -> list[str]:
    """Return the words of a command with its short name instead of the words that it replaces."""
    for short, meaning in read_short_names().items():
        if words[: len(meaning)] == meaning:
            return [short, *words[len(meaning) :]]
    return words


@functools.cache
def read_short_names() -> dict[str, list[str]]:
    """Return the short names and the words that each replaces, the longest first; none if the page is missing."""
    try:
        text = SCRIPTS_PAGE.read_text(encoding="utf-8")
    except OSError:
        return {}
    names = {short: meaning.split() for short, meaning in SHORT_NAME_ROW.findall(text)}
    return dict(sorted(names.items(), key=lambda item: -len(item[1])))


def _replace_scripts(text: str, replace: Callable[[str], str]) -> str:
    return _SCRIPT_IN_TEXT.sub(lambda match: replace(match[1]) if is_script(match[1]) else match[0], text)


def _format_address(is_elsewhere: bool) -> str:
    """Return what precedes the name of the script: the variables of this installation, and the program."""
    is_here = not is_elsewhere and _is_in_project()
    variables = {name: os.environ[name] for name in CARRIED_VARIABLES if os.environ.get(name)}
    carried = "".join(f"{name}={_quote(_format_path(path, is_here))} " for name, path in variables.items())
    return f"{carried}{_format_program(is_here)} "


def _format_program(is_here: bool) -> str:
    return "./etl" if is_here else "etl" if _is_installed() else _quote(str(PROJECT / "etl"))


def _format_path(path: str, is_here: bool) -> str:
    """Return an absolute path, or one relative to the project if that is the current folder of the reader."""
    whole = Path(path).expanduser().absolute()
    return str(whole.relative_to(PROJECT) if is_here and whole.is_relative_to(PROJECT) else whole)


def _is_in_project() -> bool:
    # the folder may be removed
    try:
        return Path.cwd() == PROJECT
    except OSError:
        return False


@functools.cache
def _is_installed() -> bool:
    """Return whether `etl` means this installation."""
    import shutil

    program = shutil.which("etl")
    return program is not None and Path(program).resolve() == (PROJECT / "etl").resolve()


def _quote(word: str) -> str:
    has_single = "'" in word and not _READ_IN_DOUBLE_QUOTES.intersection(word)
    return f'"{word}"' if has_single else shlex.quote(word)
