"""Write docs/reference.md: every script with its options, from its signature, so that page and program agree."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from enum import EnumType
from pathlib import Path
from typing import Any

from systemscripts import commands, settings
from systemscripts.job import Job, command_line

PAGE = settings.PROJECT / "docs" / "reference.md"
FOLDER = settings.PROJECT / "jobscripts"
HEAD = """# Reference of the scripts

Generated from the scripts' own signatures: `python -m systemscripts.job.reference_page` writes this page, and a test
compares the two. [scripts.md](scripts.md) lists the scripts by purpose.

Every script runs as `etl SCRIPT [ARGUMENTS]`, or under its [short name](scripts.md#short-names), and also knows:

| option | what it does |
| --- | --- |
| `--json` | Print the summary as JSON. |
| `--quiet` | Print only warnings and problems. |
| `--debug` | Show tracebacks; log everything. |
| `--wait` | Wait for a run that holds the lock. |
| `--help` | Show the help. |

Exit codes: 0 done (also: nothing to do), 1 failed, 2 wrong usage, 65 bad input data, 75 try again later,
78 bad configuration, 128+n ended by signal n.
"""


def render_page() -> str:
    """Return the whole text of the page."""
    return HEAD + "".join(_render_script(name) for name in sorted(path.stem for path in FOLDER.glob("*.py")))


def _render_script(name: str) -> str:
    script: Job = getattr(importlib.import_module(f"jobscripts.{name}"), name)
    text, examples = _split_documentation(script)
    rows = list(_render_rows(script))
    table = ["", "| argument | what it is | default |", "| --- | --- | --- |", *rows] if rows else []
    facts = _describe_needs(script)
    return "\n".join(["", f"## {name}", "", text, *table, "", facts, "", *(f"    {line}" for line in examples), ""])


def _split_documentation(script: Job) -> tuple[str, list[str]]:
    text, _, rest = inspect.cleandoc(script.__doc__ or "").partition("Examples:")
    examples = [line.strip() for line in rest.splitlines() if line.strip()]
    return commands.format_in_page(" ".join(text.split())), [commands.format_in_page(line) for line in examples]


def _describe_needs(script: Job) -> str:
    needs = script.needs
    parts = ["Needs the database" if needs.database else "Needs no database"]
    if needs.lock is not None:
        parts.append("One run at a time" + (f" per {needs.lock.strip('{}').upper()}" if needs.lock else ""))
    parts.append("A failure sends an alert" if needs.alert else "Failures are only printed; no alert is sent")
    return f"{'. '.join(parts)}."


def _render_rows(script: Job) -> Iterator[str]:
    declared = inspect.signature(script.function).parameters
    parameters: list[Any] = list(command_line.build_command(script.function, script.name).params)
    for parameter in parameters:
        name = str(parameter.name)
        # an option of every job is described once above
        if name not in declared:
            continue
        annotation: Any = parameter.type_descriptor.annotation
        words = str(getattr(parameter, "help", "") or "").replace("|", "\\|")
        if isinstance(annotation, EnumType):
            values: list[Any] = list(annotation)
            words += f" One of: {', '.join(str(value.value) for value in values)}."
        default = _format_default(parameter.required, declared[name].default)
        yield f"| `{_format_name(parameter)}` | {words} | {default} |"


def _format_name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    option = str(parameter.opts[0])
    return option if parameter.is_flag else f"{option} {option.lstrip('-').replace('-', '_').upper()}"


def _format_default(required: bool, value: Any) -> str:
    if required:
        return "required"
    return "" if value in (None, "", False) else f"`{getattr(value, 'value', value)}`"


def write_page(path: Path = PAGE) -> None:
    """Write the page to a file."""
    path.write_text(render_page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
