"""The ways to stop a job that watches: g and Enter, a signal, or its end_time."""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from systemscripts import settings

WORD = "g"


class Stop:
    """Remembers the reason to stop, once there is one; `signalled`: returns whether the run was asked to stop."""

    def __init__(self, signalled: Callable[[], bool], end_time: datetime | None = None) -> None:
        self._signalled, self._end_time = signalled, end_time
        self._keys = _Keys()
        self.reason = ""

    def __call__(self) -> bool:
        """Return whether to stop now."""
        if not self.reason:
            if self._signalled():
                self.reason = "a signal"
            elif self._end_time is not None and settings.now() >= self._end_time:
                self.reason = f"end_time {self._end_time:%Y-%m-%d %H:%M}"
            elif self._keys.has_line(WORD):
                self.reason = f"{WORD} and Enter"
        return bool(self.reason)


class _Keys:
    """Lines from the terminal or pipe that the process was started with, read without waiting."""

    def __init__(self) -> None:
        self._rest = b""
        self._open = True
        try:
            self._handle = sys.stdin.fileno()
        except (AttributeError, ValueError, OSError):
            self._open = False

    def has_line(self, word: str) -> bool:
        """Return whether a line with only this word was entered."""
        while self._open and self._may_read() and select.select([self._handle], [], [], 0)[0]:
            data = os.read(self._handle, 4096)
            # no data: the other end is closed
            self._open = bool(data)
            self._rest += data
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()[-100:]
        return any(line.strip().lower() == word.encode() for line in lines)

    def _may_read(self) -> bool:
        """Return whether reading is safe: the terminal stops a background process that reads from it (SIGTTIN)."""
        if not os.isatty(self._handle):
            return True
        with suppress(OSError, termios.error):
            return os.tcgetpgrp(self._handle) == os.getpgrp()
        return False
