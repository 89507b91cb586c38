"""Who may stop a job that watches: the operator with g and Enter, a signal, the end of its time."""

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
    """Remembers why to stop, once something says so; `signalled` is the frame's stop_requested."""

    def __init__(self, signalled: Callable[[], bool], end_time: datetime | None = None) -> None:
        self._signalled, self._end_time = signalled, end_time
        self._keys = _Keys()
        self.reason = ""

    def __call__(self) -> bool:
        """Whether to stop now."""
        if not self.reason:
            if self._signalled():
                self.reason = "a signal"
            elif self._end_time is not None and settings.now() >= self._end_time:
                self.reason = f"end_time {self._end_time:%Y-%m-%d %H:%M}"
            elif self._keys.said(WORD):
                self.reason = f"{WORD} and Enter"
        return bool(self.reason)


class _Keys:
    """Lines from the terminal, or the pipe, that the process was started with; read without waiting."""

    def __init__(self) -> None:
        self._rest = b""
        self._open = True
        try:
            self._handle = sys.stdin.fileno()
        except (AttributeError, ValueError, OSError):
            self._open = False

    def said(self, word: str) -> bool:
        """Whether a line with just this word came."""
        while self._open and self._may_read() and select.select([self._handle], [], [], 0)[0]:
            data = os.read(self._handle, 4096)
            self._open = bool(data)  # its other end is closed: nothing more can come
            self._rest += data
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()[-100:]
        return any(line.strip().lower() == word.encode() for line in lines)

    def _may_read(self) -> bool:
        """A process in the background that reads from its terminal is stopped by it (SIGTTIN)."""
        if not os.isatty(self._handle):
            return True
        with suppress(OSError, termios.error):
            return os.tcgetpgrp(self._handle) == os.getpgrp()
        return False
