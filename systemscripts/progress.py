"""Show the progress of long work: a bar on a terminal, else a log line a minute, and a text for dba.trun."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

logger = logging.getLogger(__name__)

LINE_EVERY_SECONDS = 60.0
_status: str = ""
_is_hidden = False


class Tracker:
    """The progress of one piece of work: `done` of `total` units."""

    def __init__(self, label: str, total: float | None, unit: str) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0.0
        self._begun = self._last_line = time.monotonic()
        self.bar: RichProgress | None = None

    def advance(self, amount: float = 1) -> None:
        """Count `amount` more units as done."""
        global _status
        self.done += amount
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=self.done)
        moment = time.monotonic()
        if moment - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = moment
            logger.info("%s", self.format_text())
        _status = self.format_text()

    def format_text(self) -> str:
        """Return the state in words, with rate and time left."""
        seconds = max(time.monotonic() - self._begun, 1e-6)
        rate = self.done / seconds
        text = f"{self.label}: {self.done:,.0f}"
        if self.total:
            text += f" of {self.total:,.0f} {self.unit} ({self.done / self.total:.0%})"
            if rate > 0 and self.done < self.total:
                text += f", {(self.total - self.done) / rate:,.0f} s left"
        else:
            text += f" {self.unit}"
        return f"{text}, {rate:,.1f} a second"


def hide() -> None:
    """Show nothing on the terminal from now on."""
    global _is_hidden
    _is_hidden = True


def get_status() -> str:
    """Return the last state of the work under way, for dba.trun.progress."""
    return _status


def set_status(text: str) -> None:
    """Set in words what is under way where there is nothing to count: for dba.trun, and for the terminal."""
    global _status
    _status = text
    if text and _is_shown():
        print(text, file=sys.stderr, flush=True)


@contextmanager
def track(label: str, total: float | None = None, unit: str = "rows") -> Iterator[Tracker]:
    """Follow one piece of work; `total` in `unit` where it is known."""
    global _status
    tracker = Tracker(label, total, unit)
    try:
        if _is_shown():
            with _show_bar(tracker):
                yield tracker
        else:
            yield tracker
    finally:
        # the next piece of work may not report anything
        _status = ""


def _is_shown() -> bool:
    return sys.stderr.isatty() and not _is_hidden


@contextmanager
def _show_bar(tracker: Tracker) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        bar.add_task(tracker.label, total=tracker.total)
        tracker.bar = bar
        yield
