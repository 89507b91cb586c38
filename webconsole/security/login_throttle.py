"""Slow down wrong passwords: after three of them, each further one doubles the wait.

Behind a web server or a tunnel all users share one address, so one person who guesses passwords would make the others
wait. Therefore a browser with which a user has signed in before is counted separately (OWASP, device cookies).
"""

from __future__ import annotations

import threading
import time

FREE_TRIES = 3
MAX_WAIT_SECONDS = 300.0
# for all users of one address: behind a web server these are all users
MAX_ADDRESS_WAIT_SECONDS = 10.0
# older failures do not count
FORGET_SECONDS = 3600.0
# invented names must not fill the memory
MAX_FAILURES = 10_000


class LoginThrottle:
    """Count failures by name and address, so that no user can lock out another, and by address alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def begin_try(self, name: str, address: str, browser: str | None = None) -> tuple[int, float]:
        """Count a try and return its number in a row and 0, or 0 and the seconds to wait.

        A try counts as a wrong password until `record_success` is called. `browser`: the mark of a browser with which
        this user has signed in before.
        """
        with self._lock:
            keys = _counter_keys(name, address, browser)
            if wait := max(self._seconds_to_wait(*key) for key in keys):
                return 0, wait
            self._forget_old()
            for key, *_ in keys:
                count, _at = self._failures.get(key, (0, 0.0))
                self._failures[key] = (count + 1, time.monotonic())
            return self._failures[keys[0][0]][0], 0.0

    def record_success(self, name: str, address: str, browser: str | None = None) -> None:
        """Forget the wrong passwords before this right one, and do not count it for its address."""
        with self._lock:
            own, *others = [key for key, *_ in _counter_keys(name, address, browser)]
            self._failures.pop(own, None)
            for key in others:
                count, at = self._failures.get(key, (0, 0.0))
                self._failures[key] = (max(count - 1, 0), at)

    def _seconds_to_wait(self, key: tuple[str, str], free: int, longest: float) -> float:
        count, at = self._failures.get(key, (0, 0.0))
        if count < free:
            return 0.0
        wait = min(2.0 ** min(count - free + 1, 20), longest)
        return max(0.0, at + wait - time.monotonic())

    def _forget_old(self) -> None:
        old = time.monotonic() - FORGET_SECONDS
        if len(self._failures) >= MAX_FAILURES:
            self._failures = {key: value for key, value in self._failures.items() if value[1] > old}
        while len(self._failures) >= MAX_FAILURES:
            self._failures.pop(next(iter(self._failures)))


def _counter_keys(name: str, address: str, browser: str | None) -> tuple[tuple[tuple[str, str], int, float], ...]:
    if browser is not None:
        return (((name, f"browser {browser}"), FREE_TRIES, MAX_WAIT_SECONDS),)
    return ((name, address), FREE_TRIES, MAX_WAIT_SECONDS), (("", address), FREE_TRIES * 10, MAX_ADDRESS_WAIT_SECONDS)
