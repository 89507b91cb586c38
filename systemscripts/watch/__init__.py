"""What no run can say of itself: one module for each thing that is watched, found by listing this package.

A module has `find(view) -> Iterator[Finding]`, which raises Unseen where it cannot look at all, and `KEYS`, the first
words of the keys that its findings have. Adding one touches that module, its test and its line in docs/operations.md.
Bad jobs that nobody waits for any more are no findings: `find_given_up`.
"""

from __future__ import annotations

import logging

from systemscripts import kinds
from systemscripts.alerts import Finding
from systemscripts.watch.given_up import find_given_up
from systemscripts.watch.view import Unseen, View

__all__ = ["Finding", "Unseen", "View", "find_given_up", "look"]

logger = logging.getLogger(__name__)


def look(view: View) -> tuple[list[Finding], set[str]]:
    """Everything that is wrong, and the keys of what could not be looked at."""
    findings: list[Finding] = []
    unseen = set()
    for module in kinds.modules(__name__, having="find"):
        try:
            findings += module.find(view)
        except Unseen as reason:
            logger.info("not looked at: %s (%s)", module.__name__.rpartition(".")[2], reason)
            unseen |= set(module.KEYS)
    return findings, unseen
