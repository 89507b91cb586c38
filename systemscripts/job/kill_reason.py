"""Find out why a process was killed: for lack of memory, by a restart of the host, or by whom cannot be known."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from systemscripts import log_utils
from systemscripts.human_units import format_size

CGROUPS = Path("/sys/fs/cgroup")
# The kernel log of this boot; which of them answers depends on the rights of the user.
KERNEL_LOGS = (["dmesg"], ["journalctl", "--dmesg", "--boot", "--no-pager", "--output=short-monotonic"])
LOG_SECONDS = 10
# mm/oom_kill.c of Linux: "Out of memory: Killed process 1234 (python) total-vm:...", "Memory cgroup out of memory: ..."
_KILLED = re.compile(r"^\[\s*([0-9.]+)\]\s*(?:\S+ kernel: )?(.*[Kk]illed process ([0-9]+) \(.*)$")
_OOM_KILLS = re.compile(r"^oom_kill ([0-9]+)$", re.MULTILINE)


@dataclass(frozen=True)
class MemoryState:
    """What the cgroup of a process says of memory: how many processes were killed for lack of it, and the limit."""

    cgroup: str
    oom_kills: int
    limit_bytes: int | None


def read_memory_state() -> MemoryState | None:
    """Return the state of the cgroup of this process; None if it has none."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            # version 2, as a whole or beside version 1; then version 1 (cgroups(7))
            for folder in (CGROUPS, CGROUPS / "unified") if not controllers else (CGROUPS / "memory",):
                if controllers in ("", "memory") and (state := _read_state(folder / path.lstrip("/"))):
                    return state
    return None


def explain_kill(run: log_utils.Run, before: dict[str, object]) -> str:
    """Return why the process of a run was killed, as far as this host tells.

    `before`: its MemoryState when it began, as its log has it; empty if that is not known.
    """
    boot, _, ticks = run.process_start.partition(":")
    with suppress(OSError):
        if boot != log_utils.read_boot():
            return "the host was restarted meanwhile"
    begun = int(ticks) / os.sysconf("SC_CLK_TCK") if ticks.isdecimal() else 0.0
    lines, can_read = _read_kernel_log()
    for line in lines:
        match = _KILLED.match(line)
        if match and int(match[3]) == run.pid and float(match[1]) >= begun:
            return f"killed by the kernel for lack of memory (kernel log: {' '.join(match[2].split())})"
    now = read_memory_state()
    is_same = now is not None and before.get("cgroup") == now.cgroup
    if now is not None and is_same and now.oom_kills > int(str(before.get("oom_kills", now.oom_kills))):
        limit = f" of {format_size(now.limit_bytes)}" if now.limit_bytes else ""
        return f"killed for lack of memory: its cgroup {now.cgroup} reached its limit{limit} (oom_kill {now.oom_kills})"
    said = [*(["the kernel log"] if can_read else []), *([f"its cgroup {now.cgroup}"] if now and is_same else [])]
    if not said:
        return "killed by a person or a program; whether memory was short cannot be seen here, as root: dmesg"
    return f"killed by a person or a program: {' and '.join(said)} shows no lack of memory"


def _read_state(folder: Path) -> MemoryState | None:
    for events, limit in (("memory.events", "memory.max"), ("memory.oom_control", "memory.limit_in_bytes")):
        with suppress(OSError):
            match = _OOM_KILLS.search((folder / events).read_text())
            text = (folder / limit).read_text().strip() if (folder / limit).exists() else "max"
            # version 1 says "no limit" as almost 2^63
            size = int(text) if text.isdecimal() and int(text) < 2**60 else None
            return MemoryState(str(folder), int(match[1]) if match else 0, size)
    return None


def _read_kernel_log() -> tuple[list[str], bool]:
    """Return the lines of the kernel log, and whether it could be read."""
    import subprocess

    for command in KERNEL_LOGS:
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=LOG_SECONDS, check=False
            )
            if done.returncode == 0 and done.stdout:
                return done.stdout.splitlines(), True
    return [], False
