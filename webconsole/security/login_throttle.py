"""Wrong passwords are slowed: after three of them, each further one doubles the wait.

Behind a web server or a tunnel everybody comes from one address, so whoever tries passwords there would make those wait
who know theirs. So a browser by which somebody has signed in before is counted alone (OWASP, device cookies).
"""

from __future__ import annotations

import threading
import time

FREE_TRIES = 3
LONGEST_WAIT = 300.0  # seconds
ADDRESS_WAIT = 10.0  # for everybody at one address: behind a web server that is everybody
FORGET_SECONDS = 3600.0
MOST_KEPT = 10_000  # names that somebody makes up must not fill the memory


class Slowing:
    """How long who must wait. Kept by name and address, so that nobody locks out others, and by address alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def begin(self, name: str, address: str, browser: str | None = None) -> tuple[int, float]:
        """Return which try in a row this is, and 0; or the seconds until the next one is looked at.

        A try counts as a wrong password until `succeeded` says otherwise. `browser`: one that this user has signed in
        by.
        """
        with self._lock:
            keys = _keys(name, address, browser)
            if wait := max(self._wait(*each) for each in keys):
                return 0, wait
            self._forget()
            for key, *_ in keys:
                count, _at = self._failures.get(key, (0, 0.0))
                self._failures[key] = (count + 1, time.monotonic())
            return self._failures[keys[0][0]][0], 0.0

    def succeeded(self, name: str, address: str, browser: str | None = None) -> None:
        """A right password makes the wrong ones before it forgotten, and is itself no try of its address."""
        with self._lock:
            own, *others = [key for key, *_ in _keys(name, address, browser)]
            self._failures.pop(own, None)
            for key in others:
                count, at = self._failures.get(key, (0, 0.0))
                self._failures[key] = (max(count - 1, 0), at)

    def _wait(self, key: tuple[str, str], free: int, longest: float) -> float:
        count, at = self._failures.get(key, (0, 0.0))
        if count < free:
            return 0.0
        wait = min(2.0 ** min(count - free + 1, 20), longest)
        return max(0.0, at + wait - time.monotonic())

    def _forget(self) -> None:
        old = time.monotonic() - FORGET_SECONDS
        if len(self._failures) >= MOST_KEPT:
            self._failures = {key: value for key, value in self._failures.items() if value[1] > old}
        while len(self._failures) >= MOST_KEPT:
            self._failures.pop(next(iter(self._failures)))


def _keys(name: str, address: str, browser: str | None) -> tuple[tuple[tuple[str, str], int, float], ...]:
    if browser is not None:
        return (((name, f"browser {browser}"), FREE_TRIES, LONGEST_WAIT),)
    return ((name, address), FREE_TRIES, LONGEST_WAIT), (("", address), FREE_TRIES * 10, ADDRESS_WAIT)
