"""Find waiting files that no import accepts: they match none, or more than one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from systemscripts import db_utils
from systemscripts.alerts import Finding
from systemscripts.configuration.unmatched_files import find_unmatched_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("unmatched",)
ORDER = 75
# A message stays readable.
MAX_NAMED_FILES = 10


def find(view: View) -> Iterator[Finding]:
    """Name the files that match no import, or more than one."""
    files = find_unmatched_files(WaitingNames(view.need_database(), view.directories))
    if files:
        names = ", ".join(map(str, files[:MAX_NAMED_FILES]))
        more = f" and {len(files) - MAX_NAMED_FILES} more" if len(files) > MAX_NAMED_FILES else ""
        yield Finding(
            "unmatched", "files wait that no import accepts", f"in {files[0].path.parent}: {names}{more}",
            files[0].advice, items=frozenset(file.path.name for file in files),
        )  # fmt: skip


def check(context: Context) -> Iterator[Line]:
    """Name each file that matches no import, or more than one."""
    if context.settings is None:
        return
    # a database that does not answer, or has no tables yet, has a check of its own
    with contextlib.suppress(EtlError), contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
        for file in find_unmatched_files(WaitingNames(connection, context.directories)):
            yield Line(WARNING, "waiting file", f"{file.path.parent}: {file}: no import accepts it", file.advice)
