"""Signals and the time limit, which may end a run from outside."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# How long the main thread may take to clean up before the run is terminated.
GRACE_SECONDS = 30.0
# How long it may stay in the database driver, where Python's handlers do not run.
CANCEL_SECONDS = 1.0
TICK_SECONDS = 0.25
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


class RunEnded(BaseException):
    """Raised once in the main thread when the run must end; not an Exception, for it is not an error of the job."""

    def __init__(self, status: str, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.exit_code, self.reason = status, exit_code, reason


class Limits(threading.Thread):
    """A thread that watches for SIGTERM, SIGINT, SIGHUP and the time limit of one run.

    `hours`: the time limit. `cancel`: ends the statement that the main thread is waiting for. `give_up`: ends the run
    without the main thread, given how it ended.
    """

    def __init__(self, hours: float, cancel: Callable[[], None], give_up: Callable[[RunEnded], None]) -> None:
        super().__init__(name="etl-limits", daemon=True)
        self._hours = hours
        self._deadline = time.monotonic() + hours * 3600
        self._cancel, self._give_up = cancel, give_up
        self._timed_out = False
        self._asked_at: float | None = None
        # the signal that the main thread has received, and the one that woke this thread
        self._signal = self._woken_by = 0
        self._cancelled = False
        self._deferred = 0
        self._grace: float | None = None
        self._closed = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def install(self) -> None:
        """Handle the signals and start to watch.

        The wake-up socket reports signals to the thread even while the main thread is in C code. Signals that the
        caller ignores (nohup) stay ignored.
        """
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self.start()

    def close(self) -> None:
        """Stop watching: from here on nothing may disturb the end of the run."""
        self._closed = True

    def is_stop_requested(self) -> bool:
        """Return whether the run has been asked to stop."""
        return self._signal != 0

    @contextmanager
    def defer_signals(self, grace_seconds: float = GRACE_SECONDS) -> Iterator[Callable[[], bool]]:
        """Inside, let a signal only set the function that is yielded to true, and raise at the end of the block.

        `grace_seconds`: how long the work under way may take until then.
        """
        self._deferred += 1
        self._grace = grace_seconds
        try:
            yield self.is_stop_requested
        finally:
            self._deferred -= 1
            self._grace = None
        if self._signal and not self._deferred:
            raise self.describe_end()

    @contextmanager
    def allow_signals(self) -> Iterator[None]:
        """Inside `defer_signals`, let a signal raise at once, also one that came before."""
        before, self._deferred = self._deferred, 0
        try:
            if self._signal:
                raise self.describe_end()
            yield
        finally:
            self._deferred = before

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._closed:
            return
        first = self._signal == 0
        self._signal = self._signal or number
        self._asked_at = self._asked_at or time.monotonic()
        if first and not self._deferred:
            raise self.describe_end()

    def describe_end(self) -> RunEnded:
        """Return how a run that was asked to stop has ended."""
        if self._timed_out:
            return RunEnded("timed out", 1, f"stopped by its time limit of {self._hours:g} h")
        number = self._signal or self._woken_by or signal.SIGTERM
        return RunEnded("interrupted", 128 + number, f"stopped by {signal.Signals(number).name}")

    def run(self) -> None:
        """Watch until the run is over."""
        while not self._closed:
            select.select([self._reader], [], [], TICK_SECONDS)
            self._tick(time.monotonic())

    def _tick(self, moment: float) -> None:
        with suppress(BlockingIOError):
            # a library's signals (SIGCHLD) wake us too
            if ours := [number for number in self._reader.recv(64) if number in SIGNALS]:
                self._woken_by, self._asked_at = self._woken_by or ours[0], self._asked_at or moment
        if moment >= self._deadline and not self._timed_out:
            self._timed_out = True
            os.kill(os.getpid(), signal.SIGALRM)
        if self._asked_at is None:
            return
        if moment - self._asked_at >= CANCEL_SECONDS and not self._cancelled and not self._deferred:
            self._cancelled = True
            self._cancel()
        if moment - self._asked_at >= (self._grace or GRACE_SECONDS) and not self._closed:
            self._give_up(self.describe_end())
