"""Asks a child process to parse one file within limits, and says in one line what went wrong when it could not."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from systemscripts import settings
from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.workbooks import protocol

PROJECT = Path(__file__).resolve().parents[3]
Result = TypeVar("Result")


@dataclass
class Limits:
    """What one file may cost; the tests set less. Seconds are those of the processor: a busy machine takes longer."""

    memory_bytes: int = 900 * 2**20  # of the child
    seconds: float = 17.0  # for any file
    seconds_per_megabyte: float = 4.0  # and for its size on disk: openpyxl takes about three
    most_seconds: float = 600.0
    # By the clock so many times as long: dozens of loads at once may share a processor, but a child that waits for
    # ever has to end.
    patience: float = 20.0
    most_cells: int = 400_000_000
    most_bytes: int = 8 * 2**30  # of CSV
    suspicious_bytes: int = 2**29  # unpacked; from here on MAX_UNPACK_RATIO counts

    def time_for(self, path: Path) -> TimeLeft:
        """Return what this file may take."""
        seconds = min(self.seconds + self.seconds_per_megabyte * path.stat().st_size / 2**20, self.most_seconds)
        return TimeLeft(seconds, time.monotonic() + self.patience * seconds)


@dataclass
class TimeLeft:
    """What one file may still take: seconds of the processor, for all of its parsers, and a deadline by the clock."""

    processor_seconds: float
    deadline: float

    def take(self, process: subprocess.Popen[bytes]) -> None:
        """Subtract what a child has used so far."""
        self.processor_seconds -= _processor_seconds(process.pid)


LIMITS = Limits()
# of the file that came, while one is asked about that lies in it: by it is measured what it unpacks to
PACKED_BYTES: ContextVar[int] = ContextVar("packed_bytes", default=0)


class NextParserError(Exception):
    """This parser could not; another one may."""


class KilledError(NextParserError):
    """Something outside ended the parser, such as a system short of memory: that says little about the file."""


@dataclass
class ParseRequest:
    """What is asked about a file; the parsers are asked one after the other until one can."""

    path: Path
    parsers: Sequence[str]
    kind: str  # what the file should be, for the message
    options: ReadingOptions = field(default_factory=ReadingOptions)
    names_only: bool = False
    members: bool = False  # unpack instead of parse

    def ask(self, take: Callable[[Iterator[tuple[bytes, bytes]]], Result]) -> tuple[Result, str, str]:
        """Let `take` have the frames of the first parser that can; return what it made, who, and why no one before.

        `take` begins from nothing each time it is called. Raises BadDataError when no parser can.
        """
        left = LIMITS.time_for(self.path)
        failures: list[str] = []
        for parser in self.parsers:
            try:
                return self._ask_one(parser, left, take), parser, failures[0] if failures else ""
            except NextParserError as error:
                failures.append(str(error))
        raise make_refusal(self, failures)

    def _ask_one(self, parser: str, left: TimeLeft, take: Callable[[Iterator[tuple[bytes, bytes]]], Result]) -> Result:
        try:
            return take(self.frames(parser, left))
        except KilledError:
            return take(self.frames(parser, left))

    def frames(self, parser: str, left: TimeLeft) -> Iterator[tuple[bytes, bytes]]:
        """Kind and payload of what the child of this parser sends; what it takes is taken from `left`.

        Raises BadDataError when the file is surely bad or takes too long, NextParserError when another may try.
        """
        child = self._start(parser, left)
        late = threading.Timer(max(left.deadline - time.monotonic(), 0), child.kill)
        late.start()
        try:
            assert child.stdout is not None
            for kind, payload in protocol.read_frames(child.stdout):
                if kind == protocol.FAILED:
                    raise _make_error(json.loads(payload))
                yield kind, payload
        except protocol.TruncatedStreamError as error:
            # still there for its times to be asked: only its end is waited for
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            is_used_up = _processor_seconds(child.pid) >= left.processor_seconds
            child_status = child.wait()
            if is_used_up or child_status == -signal.SIGXCPU or not late.is_alive():
                raise BadDataError(f"{self.path.name} took too long to read and was given up", _HINT) from error
            raise _explain_exit(child_status) from error
        finally:
            late.cancel()
            if child.returncode is None:
                left.take(child)
            child.kill()
            assert child.stdout is not None
            child.stdout.close()
            # until the system has taken back all of its memory there is better to do
            threading.Thread(target=child.wait, daemon=True).start()

    def _start(self, parser: str, left: TimeLeft) -> subprocess.Popen[bytes]:
        request = {
            "parser": parser,
            "path": str(self.path.resolve()),
            "sheet": self.options.sheet,
            "known_columns": sorted(self.options.known_columns),
            "fill_merged": self.options.fill_merged,
            "names_only": self.names_only,
            "members": self.members,
            "memory_bytes": LIMITS.memory_bytes,
            "seconds": max(math.ceil(left.processor_seconds), 1),
            "most_cells": LIMITS.most_cells,
            "most_bytes": LIMITS.most_bytes,
            "unpack": {
                "max_bytes": settings.current().max_unpacked_gb * 2**30,
                "max_ratio": settings.current().max_unpack_ratio,
                "suspicious_bytes": LIMITS.suspicious_bytes,
                "packed_bytes": PACKED_BYTES.get(),
            },
        }
        # Nothing is inherited but what the child needs: no settings, no secrets, no open files.
        environment = {"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "systemscripts.tables.workbooks.parser_child", json.dumps(request)],
            env=environment | {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


_HINT = "Ask the sender for it again, or for a CSV file."


def _make_error(failure: dict[str, Any]) -> Exception:
    if failure["final"]:
        return BadDataError(failure["message"], failure["hint"])
    return NextParserError(failure["message"])


def _processor_seconds(process: int) -> float:
    """Return what a process has used of the processor, its threads included: proc_pid_stat(5), utime and stime."""
    stat = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _explain_exit(status: int) -> NextParserError:
    if status == -signal.SIGKILL:
        return KilledError("the reader was ended: out of memory")
    return NextParserError(f"the reader broke off with status {status}")


def make_refusal(question: ParseRequest, failures: Sequence[str]) -> BadDataError:
    """The one line that says why no parser could."""
    what = next((said for said in map(_explain_failure, failures) if said), "")
    if what:
        return BadDataError(f"{question.path.name} {what}", _HINT)
    telling = next((failure for failure in failures if "UnusualError" not in failure), failures[0])
    return BadDataError(f"{question.path.name} is damaged or not {question.kind}: {telling[:200]}", _HINT)


def _explain_failure(failure: str) -> str:
    if "MemoryError" in failure or "out of memory" in failure:
        return "needs more memory than the limit to read"
    if "Bad CRC-32" in failure or "zlib" in failure or "EOFError" in failure:
        return "is truncated or damaged: its content cannot be unpacked"
    return ""
