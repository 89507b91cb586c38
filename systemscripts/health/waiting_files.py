"""Files that wait in the folders of the imports, and that none of them takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from systemscripts import db_utils
from systemscripts.configuration import untaken_files
from systemscripts.errors import EtlError
from systemscripts.health.lines import WARNING, Context, Line

ORDER = 75


def check(context: Context) -> Iterator[Line]:
    """Name each file that matches no import, or more than one."""
    if context.settings is None:
        return
    # that the database does not answer, or has no tables yet, is told by its own check
    with contextlib.suppress(EtlError), contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
        for file in untaken_files.find_untaken(connection, context.directories):
            yield Line(WARNING, "waiting file", f"{file.path.parent}: {file}: no import takes it", file.advice)
