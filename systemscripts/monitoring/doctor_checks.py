"""All checks of doctor.py, side by side: each module of checks/ that has `check`."""

from __future__ import annotations

import threading
import time
from types import ModuleType

from systemscripts import plugins
from systemscripts.monitoring import checks
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

__all__ = ["FAILURE", "OK", "WARNING", "Context", "Line", "look"]

SECONDS = 45.0  # for everything; what is later than that is itself a failure


def look(context: Context) -> list[Line]:
    """Every line, in order; the matters are looked at side by side, for servers that are away let wait."""
    found = sorted(plugins.load_modules(checks.__name__, having="check"), key=lambda module: module.ORDER)
    looks = [_Look(module, context) for module in found]
    for each in looks:
        each.start()
    until = time.monotonic() + SECONDS
    return [line for each in looks for line in each.result(until)]


class _Look(threading.Thread):
    """One matter; a daemon, so that a server that never answers does not keep the process."""

    def __init__(self, module: ModuleType, context: Context) -> None:
        super().__init__(daemon=True)
        self._module, self._context = module, context
        self._check = module.__name__.rpartition(".")[2].replace("_", " ")
        self._lines: list[Line] = []

    def run(self) -> None:
        """Look."""
        try:
            for line in self._module.check(self._context):
                self._lines.append(line)
        except Exception as error:  # a check must not hide the others
            says = f"cannot be looked at: {type(error).__name__}: {error}"
            self._lines.append(Line(FAILURE, self._check, says, "See docs/troubleshooting.md."))

    def result(self, until: float) -> list[Line]:
        """The lines so far, at the latest at a moment of the monotonic clock."""
        self.join(timeout=max(until - time.monotonic(), 0.1))
        if not self.is_alive():
            return self._lines
        late = Line(FAILURE, self._check, f"no answer within {SECONDS:g} s", "Look at the network and these servers.")
        return [*self._lines, late]
