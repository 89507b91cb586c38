"""Files that wait and that no import takes: they match none, or more than one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from systemscripts import db_utils
from systemscripts.alerts import Finding
from systemscripts.configuration.unmatched_files import find_unmatched_files
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("unmatched",)
ORDER = 75
MOST_NAMED = 10


def find(view: View) -> Iterator[Finding]:
    """Name the files that match no import, or more than one."""
    found = find_unmatched_files(view.need_database(), view.directories)
    if found:
        names = ", ".join(map(str, found[:MOST_NAMED]))
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        yield Finding(
            "unmatched", "files wait that no import takes", f"in {found[0].path.parent}: {names}{more}",
            found[0].advice, items=frozenset(file.path.name for file in found),
        )  # fmt: skip


def check(context: Context) -> Iterator[Line]:
    """Name each file that matches no import, or more than one."""
    if context.settings is None:
        return
    # that the database does not answer, or has no tables yet, is told by its own check
    with contextlib.suppress(EtlError), contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
        for file in find_unmatched_files(connection, context.directories):
            yield Line(WARNING, "waiting file", f"{file.path.parent}: {file}: no import takes it", file.advice)
