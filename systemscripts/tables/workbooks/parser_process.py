"""Lets a child process parse one file within limits, and explains in one line why it could not."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from systemscripts import masking
from systemscripts.errors import BadDataError, PasswordError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.workbooks import protocol

PROJECT = Path(__file__).resolve().parents[3]
Result = TypeVar("Result")


@dataclass
class Limits:
    """What parsing one file may cost; tests set less. Seconds are CPU seconds: a busy machine takes longer."""

    # of the child
    memory_bytes: int = 900 * 2**20
    # for any file
    seconds: float = 17.0
    # added for its size on disk: openpyxl needs about three
    seconds_per_megabyte: float = 4.0
    most_seconds: float = 600.0
    # By the clock this many times as long: dozens of loads may share a processor, but a child that hangs must end.
    patience: float = 20.0
    most_cells: int = 400_000_000
    # of CSV
    most_bytes: int = 8 * 2**30
    # unpacked; MAX_UNPACK_RATIO applies above this size
    suspicious_bytes: int = 2**29

    def time_for(self, path: Path) -> TimeLeft:
        """Return the time that this file may take."""
        seconds = min(self.seconds + self.seconds_per_megabyte * path.stat().st_size / 2**20, self.most_seconds)
        return TimeLeft(seconds, time.monotonic() + self.patience * seconds)


@dataclass
class TimeLeft:
    """The time that one file has left: CPU seconds for all of its parsers, and a deadline by the monotonic clock."""

    processor_seconds: float
    deadline: float

    def subtract(self, process: subprocess.Popen[bytes]) -> None:
        """Subtract the CPU seconds that a child has used so far."""
        self.processor_seconds -= _processor_seconds(process.pid)


LIMITS = Limits()
# Size of the received file while a file packed in it is parsed: the limits on unpacking refer to the received file.
PACKED_BYTES: ContextVar[int] = ContextVar("packed_bytes", default=0)


class NextParserError(Exception):
    """This parser failed; another one may succeed."""


class KilledError(NextParserError):
    """Something outside killed the parser, such as a system short of memory: that says little about the file."""


@dataclass
class ParseRequest:
    """A file to parse; its parsers are tried one after another until one succeeds."""

    path: Path
    parsers: Sequence[str]
    # what the file should be, for error messages: "Excel workbook"
    type_name: str
    options: ReadingOptions = field(default_factory=ReadingOptions)
    names_only: bool = False
    # unpack instead of parse
    members: bool = False
    # the members to unpack, where an archive has several
    requested_members: tuple[str, ...] = ()

    def ask(self, take: Callable[[Iterator[tuple[bytes, bytes]]], Result]) -> tuple[Result, str, str]:
        """Pass the frames of the first parser that succeeds to `take`.

        Return its result, the parser's name, and why the first parser failed ("" where it did not). `take` starts from
        scratch each time it is called. Raises BadDataError where no parser succeeds.
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
        with contextlib.suppress(KilledError):
            return self._take_frames(parser, left, take)
        return self._take_frames(parser, left, take)

    def _take_frames(
        self, parser: str, left: TimeLeft, take: Callable[[Iterator[tuple[bytes, bytes]]], Result]
    ) -> Result:
        # an error of `take` keeps the frames alive in its traceback, and with them the child
        with contextlib.closing(self.frames(parser, left)) as frames:
            return take(frames)

    def frames(self, parser: str, left: TimeLeft) -> Generator[tuple[bytes, bytes]]:
        """Yield type and payload of each frame that the child sends; the CPU time it uses is subtracted from `left`.

        Raises BadDataError where the file is certainly bad or takes too long, NextParserError where another parser may
        succeed.
        """
        child = self._start(parser, left)
        late = threading.Timer(max(left.deadline - time.monotonic(), 0), child.kill)
        late.start()
        try:
            assert child.stdout is not None
            for frame_type, payload in protocol.read_frames(child.stdout):
                if frame_type == protocol.FAILED:
                    raise _make_error(json.loads(payload))
                yield frame_type, payload
        except protocol.TruncatedStreamError as error:
            # Wait without reaping: the CPU time is read from /proc afterwards.
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            is_used_up = _processor_seconds(child.pid) >= left.processor_seconds
            child_status = child.wait()
            if is_used_up or child_status == -signal.SIGXCPU or not late.is_alive():
                raise BadDataError(f"{self.path.name} took too long to read and was abandoned", _HINT) from error
            raise _explain_exit(child_status) from error
        finally:
            late.cancel()
            if child.returncode is None:
                left.subtract(child)
            child.kill()
            assert child.stdout is not None
            child.stdout.close()
            # Reaping waits until the system has freed all of its memory; there is better to do meanwhile.
            threading.Thread(target=child.wait, daemon=True).start()

    def _start(self, parser: str, left: TimeLeft) -> subprocess.Popen[bytes]:
        # The child inherits only what it needs: no settings, no secrets, no open files; nor can it look for them here.
        masking.protect_memory()
        environment = {"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "systemscripts.tables.workbooks.parser_child", parser],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdin is not None
        # a child that has ended already says why
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(self._describe(parser, left)).encode())
        return child

    def _describe(self, parser: str, left: TimeLeft) -> dict[str, Any]:
        """Return the request as the child reads it: passwords are not arguments, which every user of this host sees."""
        # imported while the child starts
        from systemscripts import settings

        return {
            "parser": parser,
            "path": str(self.path.resolve()),
            "sheet": self.options.sheet,
            "region": self.options.region,
            "title": self.options.title,
            "records": self.options.records,
            "fields": dict(self.options.fields),
            "known_columns": sorted(self.options.known_columns),
            "fill_merged": self.options.fill_merged,
            "names_only": self.names_only,
            "members": self.members,
            "requested_members": self.requested_members,
            "passwords": list(self.options.passwords),
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


_HINT = "Ask the sender for it again, or for a CSV file."


def _make_error(failure: dict[str, Any]) -> Exception:
    if failure.get("needs_password"):
        return PasswordError(failure["name"])
    if failure["final"]:
        return BadDataError(failure["message"], failure["hint"])
    return NextParserError(failure["message"])


def _processor_seconds(process: int) -> float:
    """Return the CPU seconds that a process and its threads have used: utime and stime of proc_pid_stat(5)."""
    stat = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _explain_exit(status: int) -> NextParserError:
    if status == -signal.SIGKILL:
        return KilledError("the parser was killed: out of memory")
    return NextParserError(f"the parser exited with status {status}")


def make_refusal(question: ParseRequest, failures: Sequence[str]) -> BadDataError:
    """Return the error that explains in one line why no parser succeeded."""
    explanation = next(filter(None, map(_explain_failure, failures)), "")
    if explanation:
        return BadDataError(f"{question.path.name} {explanation}", _HINT)
    telling = next((failure for failure in failures if "UnusualError" not in failure), failures[0])
    return BadDataError(
        f"{question.path.name} is damaged or is not a valid {question.type_name}: {telling[:200]}", _HINT
    )


def _explain_failure(failure: str) -> str:
    if "MemoryError" in failure or "out of memory" in failure:
        return "needs more memory to read than the limit allows"
    if "Bad CRC-32" in failure or "zlib" in failure or "EOFError" in failure:
        return "is truncated or damaged: its content cannot be decompressed"
    return ""
