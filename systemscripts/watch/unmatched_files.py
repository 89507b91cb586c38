"""Files that wait and that no import takes: they match none, or more than one."""

from __future__ import annotations

from collections.abc import Iterator

from systemscripts.alerts import Finding
from systemscripts.configuration.untaken_files import find_untaken
from systemscripts.watch.view import View

KEYS = ("unmatched",)
MOST_NAMED = 10


def find(view: View) -> Iterator[Finding]:
    """Name the files that match no import, or more than one."""
    found = find_untaken(view.need_database(), view.directories)
    if found:
        names = ", ".join(map(str, found[:MOST_NAMED]))
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        yield Finding(
            "unmatched", "files wait that no import takes", f"in {found[0].path.parent}: {names}{more}",
            found[0].advice, items=frozenset(file.path.name for file in found),
        )  # fmt: skip
