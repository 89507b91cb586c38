"""List what has expired, from all modules of the package."""

from __future__ import annotations

from systemscripts import plugins
from systemscripts.retention.retention_view import Due, View


def list_due(view: View) -> list[Due]:
    """Return everything that has expired, by type."""
    due_items: list[Due] = []
    for module in plugins.load_modules(__package__, having="due"):
        due_items += module.due(view)
    return due_items
