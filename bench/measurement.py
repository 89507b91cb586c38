"""Runs a command and measures its time, processor time and memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.other_load import OtherLoad

# The file for the raw figures, see bench.performance_page.
RAW_VARIABLE = "BENCH_RAW"
MAX_COMMAND_LETTERS = 200
PROJECT = Path(__file__).resolve().parents[1]
# Of installations: what runs from them does not count as other load.
own_folders: set[str] = set()


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
    load = OtherLoad(own_folders) if RAW_VARIABLE in os.environ else None
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
    run = Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output["out"])
    if load:
        known = {"seconds": run.seconds, "processor": run.processor, "megabytes": run.megabytes}
        # the page is for people of other machines
        words = " ".join(command).replace(f"{PROJECT}/", "")
        _write_raw({"command": words[-MAX_COMMAND_LETTERS:], "others": load.compute_share()} | known)
    return run


def _write_raw(line: dict[str, Any]) -> None:
    """Add a line to the raw figures that bench.performance_page collects."""
    if RAW_VARIABLE in os.environ:
        with Path(os.environ[RAW_VARIABLE]).open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def _read_output(name: str, stream: IO[str], output: dict[str, str]) -> None:
    output[name] = stream.read()


def compute_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> float:
    """Return the median ratio of runs that were made in turns: a machine that slows down affects both."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True))


def format_table(rows: Sequence[tuple[str, Sequence[Run]]], base: Sequence[Run]) -> str:
    """Return a line for each program: ratio to the base, processor seconds, memory, seconds."""
    lines, table = [], []
    for name, runs in rows:
        seconds = " ".join(f"{run.seconds:.2f}" for run in runs)
        processor, megabytes = min(run.processor for run in runs), max(run.megabytes for run in runs)
        ratio = compute_ratio(runs, base[: len(runs)])
        known = {"processor": processor, "megabytes": megabytes, "seconds": [run.seconds for run in runs]}
        table.append({"program": name, "ratio": ratio} | known)
        lines.append(
            f"  {name:24} ratio {ratio:6.2f}   processor {processor:7.2f} s"
            f"   peak {megabytes:5.0f} MB   clock {seconds} s"
        )
    _write_raw({"table": table})
    return "\n".join(lines)
