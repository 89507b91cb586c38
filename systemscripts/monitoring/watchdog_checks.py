"""Run all checks of watchdog.py for what no run can report itself: each module of checks/ that has `find`.

Failing jobs that are no longer expected to run are not findings: see `find_retired_jobs`.
"""

from __future__ import annotations

import logging

from systemscripts import plugins
from systemscripts.alerts import Finding
from systemscripts.monitoring import checks
from systemscripts.monitoring.checks import clock
from systemscripts.monitoring.retired_jobs import find_retired_jobs
from systemscripts.monitoring.watchdog_view import Unseen, View

__all__ = ["Finding", "Unseen", "View", "find_problems", "find_retired_jobs"]

logger = logging.getLogger(__name__)


def find_problems(view: View) -> tuple[list[Finding], set[str]]:
    """Return every problem, and the keys of what could not be checked; under a wrong clock no consequence of it."""
    findings: list[Finding] = []
    unseen = set()
    modules = plugins.load_modules(checks.__name__, having="find")
    for module in sorted(modules, key=lambda module: module.KEYS != clock.KEYS):
        try:
            findings += module.find(view)
            view.is_clock_wrong = any(finding.key == "clock" for finding in findings)
        except Unseen as reason:
            logger.info("not checked: %s (%s)", module.__name__.rpartition(".")[2], reason)
            unseen |= set(module.KEYS)
    if view.is_clock_wrong:
        unseen |= set(clock.CONSEQUENCES)
        findings = [finding for finding in findings if finding.key.partition(" ")[0] not in clock.CONSEQUENCES]
    return findings, unseen
