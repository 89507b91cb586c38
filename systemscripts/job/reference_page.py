"""docs/reference.md: every script with its options, from its signature, so that page and program cannot differ."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from enum import EnumType
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.job import Job, command_line

PAGE = settings.PROJECT / "docs" / "reference.md"
FOLDER = settings.PROJECT / "jobscripts"
HEAD = """# Reference of the scripts

Made from the scripts' own signatures: `python -m systemscripts.job.reference_page` writes this page, and a test
compares. In short and by purpose they are listed in [scripts.md](scripts.md).

Every script runs as `./run_python_etl_script.sh SCRIPT [ARGUMENTS]` and also knows:

| option | what it does |
| --- | --- |
| `--json` | Print the summary as JSON. |
| `--debug` | Show tracebacks; log everything. |
| `--wait` | Wait for a run that holds the lock. |
| `--help` | Show the help. |

Exit codes: 0 done (also: nothing to do), 1 failed, 2 wrong usage, 65 bad input data, 75 try again later,
78 bad configuration, 128+n ended by signal n.
"""


def page() -> str:
    """The whole text of the page."""
    return HEAD + "".join(_script(name) for name in sorted(path.stem for path in FOLDER.glob("*.py")))


def _script(name: str) -> str:
    found: Job = getattr(importlib.import_module(f"jobscripts.{name}"), name)
    text, examples = _documentation(found)
    rows = list(_rows(found))
    table = ["", "| argument | what it is | default |", "| --- | --- | --- |", *rows] if rows else []
    facts = _facts(found)
    return "\n".join(["", f"## {name}.py", "", text, *table, "", facts, "", *(f"    {line}" for line in examples), ""])


def _documentation(found: Job) -> tuple[str, list[str]]:
    text, _, rest = inspect.cleandoc(found.__doc__ or "").partition("Examples:")
    return " ".join(text.split()), [line.strip() for line in rest.splitlines() if line.strip()]


def _facts(found: Job) -> str:
    needs = found.needs
    parts = ["needs no database" if not needs.database else "needs the database"]
    if needs.lock is not None:
        parts.append("one run at a time" + (f" for each {needs.lock.strip('{}')}" if needs.lock else ""))
    parts.append("its failures are told" if needs.alert else "its failures are told to nobody but its caller")
    return f"It {', '.join(parts)}."


def _rows(found: Job) -> Iterator[str]:
    declared = inspect.signature(found.function).parameters
    parameters: list[Any] = list(command_line.command(found.function, found.name).params)
    for parameter in parameters:
        name = str(parameter.name)
        if name not in declared:  # an option of every job, said once above
            continue
        kind: Any = parameter.type_descriptor.annotation
        words = str(getattr(parameter, "help", "") or "").replace("|", "\\|")
        if isinstance(kind, EnumType):
            values: list[Any] = list(kind)
            words += f" One of: {', '.join(str(each.value) for each in values)}."
        yield f"| `{_name(parameter)}` | {words} | {_default(parameter.required, declared[name].default)} |"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    option = str(parameter.opts[0])
    return option if parameter.is_flag else f"{option} {option.lstrip('-').replace('-', '_').upper()}"


def _default(required: bool, value: Any) -> str:
    if required:
        return "required"
    return "" if value in (None, "", False) else f"`{getattr(value, 'value', value)}`"


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
