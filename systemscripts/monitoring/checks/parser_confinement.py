"""Check whether the kernel confines the processes that parse strangers' files."""

from __future__ import annotations

from collections.abc import Iterator

from systemscripts.monitoring.doctor_lines import OK, WARNING, Context, Line
from systemscripts.tables.workbooks import confinement

ORDER = 25


def check(context: Context | None) -> Iterator[Line]:
    """Yield one line."""
    version = confinement.get_landlock_version()
    if version == 0:
        yield Line(
            WARNING,
            "parsers",
            "the kernel has no Landlock: the parser of a stranger's file could read what this user reads",
            "Start a kernel of version 5.13 or newer with landlock among its modules (lsm=landlock,...).",
        )
    else:
        yield Line(OK, "parsers", f"the parser of a stranger's file reads only that (Landlock {version})")
