"""All checks of watchdog.py, what no run can report itself: each module of checks/ that has `find`.

Bad jobs that are no longer expected to run are not findings: see `find_given_up`.
"""

from __future__ import annotations

import logging

from systemscripts import plugins
from systemscripts.alerts import Finding
from systemscripts.monitoring import checks
from systemscripts.monitoring.retired_jobs import find_given_up
from systemscripts.monitoring.watchdog_view import Unseen, View

__all__ = ["Finding", "Unseen", "View", "find_given_up", "look"]

logger = logging.getLogger(__name__)


def look(view: View) -> tuple[list[Finding], set[str]]:
    """Everything that is wrong, and the keys of what could not be looked at."""
    findings: list[Finding] = []
    unseen = set()
    for module in plugins.load_modules(checks.__name__, having="find"):
        try:
            findings += module.find(view)
        except Unseen as reason:
            logger.info("not looked at: %s (%s)", module.__name__.rpartition(".")[2], reason)
            unseen |= set(module.KEYS)
    return findings, unseen
