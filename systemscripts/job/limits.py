"""What may end a run from outside: signals and the time limit."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 30.0  # how long the main thread may take to clean up before the run is ended over its head
CANCEL_SECONDS = 1.0  # how long it may stay in the database driver, where Python's handlers do not run


class RunEnded(BaseException):  # noqa: N818 - not an error of the job, and no `except Exception` may swallow it
    """Raised in the main thread when the run must end."""

    def __init__(self, status: str, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.exit_code, self.reason = status, exit_code, reason


class Limits:
    """Watches for SIGTERM, SIGINT, SIGHUP and the time limit of one run.

    `hours`: the time limit. `cancel`: ends the statement the main thread is waiting for. `give_up`: ends the run without
    the main thread, given how it ended.
    """

    def __init__(self, hours: float, cancel: Callable[[], None], give_up: Callable[[RunEnded], None]) -> None:
        self._hours = hours
        self._deadline = time.monotonic() + hours * 3600
        self._cancel, self._give_up = cancel, give_up
        self._timed_out = False
        self._asked_at: float | None = None
        self._signal = 0
        self._cancelled = False
        self._deferred = 0
        self._closed = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def install(self) -> None:
        """Take over the signals; the wake-up socket tells the keeper of them even while the main thread is in C code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, self._handle)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def close(self) -> None:
        """The job is over: nothing may disturb the end of the run any more."""
        self._closed = True

    def stop_requested(self) -> bool:
        """Whether the run has been asked to end."""
        return self._signal != 0

    @contextmanager
    def deferred(self) -> Iterator[Callable[[], bool]]:
        """Inside, a signal does not raise but makes the function that is given true; it raises at the end."""
        self._deferred += 1
        try:
            yield self.stop_requested
        finally:
            self._deferred -= 1
        if self._signal and not self._deferred:
            raise self.ended()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._closed:
            return
        first = self._signal == 0
        self._signal = self._signal or number
        self._asked_at = self._asked_at or time.monotonic()
        if first and not self._deferred:
            raise self.ended()

    def ended(self) -> RunEnded:
        """How a run that was asked to end, ended."""
        if self._timed_out:
            return RunEnded("timed out", 1, f"stopped by its time limit of {self._hours:g} h")
        number = self._signal or signal.SIGTERM
        return RunEnded("interrupted", 128 + number, f"stopped by {signal.Signals(number).name}")

    def tick(self) -> None:
        """Look after the limits; called by the keeper several times a second."""
        if self._closed:
            return
        moment = time.monotonic()
        self._read_signals(moment)
        if moment >= self._deadline and not self._timed_out:
            self._timed_out = True
            os.kill(os.getpid(), signal.SIGALRM)
        if self._asked_at is None:
            return
        if moment - self._asked_at >= CANCEL_SECONDS and not self._cancelled and not self._deferred:
            self._cancelled = True
            self._cancel()
        if moment - self._asked_at >= GRACE_SECONDS:
            self._give_up(self.ended())

    def _read_signals(self, moment: float) -> None:
        try:
            if self._reader.recv(64):
                self._asked_at = self._asked_at or moment
        except BlockingIOError:
            pass
