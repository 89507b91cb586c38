"""Retention: what is kept for how long. Only this deletes for good: files, logs, rejected rows, history, old rows.

A module of this package has `due(view) -> list[Due]`, what would be deleted; the `remove` of each Due may be repeated
after a kill at any point. They are found by listing the package. The file of the last good load of each label is never
due.
"""

from __future__ import annotations

from systemscripts.retention.due_items import list_due
from systemscripts.retention.retention_view import Due, View
from systemscripts.retention.space import free_space

__all__ = ["Due", "View", "free_space", "list_due"]
