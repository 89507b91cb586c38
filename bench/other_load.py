"""Measures how much of the processors other programs use: a figure from a busy machine says nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat behind the name: the parent, and the ticks of a process and its ended children.
PARENT, FIRST_TICKS, LAST_TICKS = 1, 11, 15
# Positions of idle and iowait in the first line of /proc/stat, and of interrupts, which no program is charged for.
LEFT_OUT = (3, 4, 5, 6)


class OtherLoad:
    """Counts from now on; a process whose command names one of `folders`, and what it started, is not another one."""

    def __init__(self, folders: set[str]) -> None:
        self._folders = folders
        self._begun, self._busy, self._own = time.monotonic(), _read_busy_seconds(), self._read_own_seconds()

    def compute_share(self) -> float:
        """Return the part of all processors that other programs have used, from 0 to 1."""
        others = _read_busy_seconds() - self._busy - (self._read_own_seconds() - self._own)
        return max(0.0, others / ((time.monotonic() - self._begun) * (os.cpu_count() or 1)))

    def _read_own_seconds(self) -> float:
        parents, seconds, own = {}, {}, {os.getpid()}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                fields = (path / "stat").read_text().rpartition(") ")[2].split()
                command = (path / "cmdline").read_text(errors="replace")
            except OSError:
                # ended meanwhile
                continue
            process = int(path.name)
            parents[process] = int(fields[PARENT])
            seconds[process] = sum(map(int, fields[FIRST_TICKS:LAST_TICKS])) / TICKS
            # threads of the kernel have no command: they write to the disk what was measured
            if not command or any(folder in command for folder in self._folders):
                own.add(process)
        return sum(taken for process, taken in seconds.items() if _descends(process, own, parents))


def _descends(process: int, own: set[int], parents: dict[int, int]) -> bool:
    while process not in own and process in parents:
        process = parents[process]
    return process in own


def _read_busy_seconds() -> float:
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(ticks) - sum(ticks[position] for position in LEFT_OUT)) / TICKS
