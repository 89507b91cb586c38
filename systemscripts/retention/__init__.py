"""What is kept for how long. Only this deletes for good: files, logs, rejected rows, history, rows no longer current.

A module has `due(view) -> list[Due]`, what would go, and each Due its `remove`, which may be repeated after a kill at
any point. Found by listing the package. The file of the last good load of each label is never due.
"""

from __future__ import annotations

from systemscripts import plugins
from systemscripts.retention.retention_view import Due, View
from systemscripts.retention.space import free_space

__all__ = ["Due", "View", "due", "free_space"]


def due(view: View) -> list[Due]:
    """Everything that has had its time, by kind."""
    found: list[Due] = []
    for module in plugins.load_modules(__name__, having="due"):
        found += module.due(view)
    return found
