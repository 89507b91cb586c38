"""Run all checks of doctor.py in parallel: each module of checks/ that has `check`."""

from __future__ import annotations

import threading
import time
from types import ModuleType

from systemscripts import plugins
from systemscripts.monitoring import checks
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

__all__ = ["FAILURE", "OK", "WARNING", "Context", "Line", "run_checks"]

# For all checks together; a check that takes longer is itself a failure.
TIMEOUT_SECONDS = 45.0


def run_checks(context: Context) -> list[Line]:
    """Run every check and return its lines, in order; in parallel, because servers that are away take long."""
    modules = sorted(plugins.load_modules(checks.__name__, having="check"), key=lambda module: module.ORDER)
    threads = [_CheckThread(module, context) for module in modules]
    for thread in threads:
        thread.start()
    until = time.monotonic() + TIMEOUT_SECONDS
    return [line for thread in threads for line in thread.collect_lines(until)]


class _CheckThread(threading.Thread):
    """The thread of one check; a daemon, so that a server that never answers does not keep the process alive."""

    def __init__(self, module: ModuleType, context: Context) -> None:
        super().__init__(daemon=True)
        self._module, self._context = module, context
        self._check = module.__name__.rpartition(".")[2].replace("_", " ")
        self._lines: list[Line] = []

    def run(self) -> None:
        """Run the check."""
        try:
            for line in self._module.check(self._context):
                self._lines.append(line)
        # a check that fails must not hide the others
        except Exception as error:
            message = f"could not be checked: {type(error).__name__}: {error}"
            self._lines.append(Line(FAILURE, self._check, message, "See docs/troubleshooting.md."))

    def collect_lines(self, until: float) -> list[Line]:
        """Return the lines; `until`: by the monotonic clock, when to return those that there are so far."""
        self.join(timeout=max(until - time.monotonic(), 0.1))
        if not self.is_alive():
            return self._lines
        late = Line(
            FAILURE, self._check, f"no answer within {TIMEOUT_SECONDS:g} s", "Check the network and these servers."
        )
        return [*self._lines, late]
