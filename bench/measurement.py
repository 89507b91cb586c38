"""Runs a command and measures its time, processor time and memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Run:
    """`seconds` on the clock, `processor` seconds of the command and its children, `megabytes` of the largest one."""

    seconds: float
    processor: float
    megabytes: float
    output: str


def run_command(
    command: Sequence[str], environment: Mapping[str, str] | None = None, most_seconds: float = 3600
) -> Run:
    """Run a command; exit if it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output: dict[str, str] = {}
    readers = [
        threading.Thread(target=_read_output, args=(name, stream, output))
        for name, stream in (("out", process.stdout), ("error", process.stderr))
    ]
    guard = threading.Timer(most_seconds, process.kill)
    for thread in (*readers, guard):
        thread.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    guard.cancel()
    for reader in readers:
        reader.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]}: exit code {process.returncode}\n{output['error'][-2000:]}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output["out"])


def _read_output(name: str, stream: IO[str], output: dict[str, str]) -> None:
    output[name] = stream.read()


def compute_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> float:
    """Return the median ratio of runs that were made in turns: a machine that slows down affects both."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True))


def format_table(rows: Sequence[tuple[str, Sequence[Run]]], base: Sequence[Run]) -> str:
    """Return a line for each program: ratio to the base, processor seconds, memory, seconds."""
    lines = []
    for name, runs in rows:
        seconds = " ".join(f"{run.seconds:.2f}" for run in runs)
        processor, megabytes = min(run.processor for run in runs), max(run.megabytes for run in runs)
        lines.append(
            f"  {name:24} ratio {compute_ratio(runs, base[: len(runs)]):6.2f}   processor {processor:7.2f} s"
            f"   peak {megabytes:5.0f} MB   clock {seconds} s"
        )
    return "\n".join(lines)
