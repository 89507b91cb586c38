"""Confine a process that parses a stranger's file: it reads that file, Python and its libraries, and nothing else.

Landlock (kernel 5.13, landlock(7)) refuses every other file, and TCP from kernel 6.7 on; a seccomp filter refuses
sockets of any kind, programs, signals and other processes. Both need no rights and no package, and are for good.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]

# prctl(2)
PARENT_DEATH_SIGNAL, SET_SECCOMP, NO_NEW_PRIVILEGES = 1, 22, 38
SECCOMP_FILTER = 2
# landlock(7); the numbers of its system calls are the same on every machine
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# How many rights on files each version knows, from the first on; later versions know those of the last.
FILE_RIGHTS = (13, 14, 15, 15, 16)
NETWORK_VERSION, SCOPE_VERSION = 4, 6
# Files of the system that Python and its libraries read.
SYSTEM_PATHS = (
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/etc/localtime", "/dev/null",
)  # fmt: skip
# Processes and threads of this user: parsers of all running jobs stay below it, and a fork bomb ends there.
MAX_PROCESSES = 2000

# Each machine's AUDIT_ARCH, and its numbers of: socket, socketpair, ptrace, process_vm_readv, process_vm_writev,
# execve, execveat, io_uring_setup, pidfd_getfd; signals, which Landlock refuses only from kernel 6.12 on: kill, tkill,
# tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal; and, because no parser needs these parts of the
# kernel: unshare, setns, add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd
FORBIDDEN_CALLS = {
    "x86_64": (0xC000003E, (
        41, 53, 101, 310, 311, 59, 322, 425, 438, 62, 200, 234, 129, 297, 424, 272, 308, 248, 249, 250, 298, 321, 323
    )),
    "aarch64": (0xC00000B7, (
        198, 199, 117, 270, 271, 221, 281, 425, 438, 129, 130, 131, 138, 240, 424, 97, 268, 217, 218, 219, 241, 280, 282
    )),
}  # fmt: skip
# Numbers from here on are those of the x32 interface, which would be another way to the same calls.
X32_CALLS = 0x40000000


def get_landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0: none, files can be confined by their modes only."""
    return max(_call(CREATE_RULESET, None, 0, VERSION_FLAG), 0) if sys.platform == "linux" else 0


def limit_resources(memory_bytes: int, seconds: int) -> None:
    """Let this process use so much memory and CPU time, and end with its parent."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def confine(readable: Path, system_paths: Iterable[str] = ()) -> None:
    """Confine this process, for good, to reading `readable` and its libraries, and to writing into open pipes.

    `system_paths`: what else of the system a library needs to read.
    """
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = MAX_PROCESSES if most == resource.RLIM_INFINITY else min(most, MAX_PROCESSES)
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    # pipes have no size
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _confine_files([readable, *_list_library_paths(), *map(Path, system_paths)])
    _forbid_calls()


def _list_library_paths() -> Iterable[Path]:
    inside = {Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if path}
    # the project is on the path of modules, and contains more than modules
    yield from (path for path in inside if path not in (PROJECT, Path("/"), Path("/usr")))
    yield PROJECT / "systemscripts"
    yield from map(Path, SYSTEM_PATHS)


def _confine_files(readable: Iterable[Path]) -> None:
    version = get_landlock_version()
    if version == 0:
        return
    rights = (1 << FILE_RIGHTS[min(version, len(FILE_RIGHTS)) - 1]) - 1
    # connect and bind of TCP; abstract sockets and signals
    handled = struct.pack("QQQ", rights, 3, 3)
    size = 24 if version >= SCOPE_VERSION else 16 if version >= NETWORK_VERSION else 8
    rules = _call(CREATE_RULESET, handled[:size], size, 0)
    for path in readable:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = READ_FILE | READ_DIR if path.is_dir() else READ_FILE
        _call(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", allowed, opened), 0)
        os.close(opened)
    if rules < 0 or _call(RESTRICT_SELF, rules, 0) != 0:
        raise OSError("this process cannot be confined, although the kernel offers it")
    os.close(rules)


def _forbid_calls() -> None:
    """Let forbidden system calls fail with EPERM, by a filter in the machine language of seccomp(2)."""
    architecture, calls = FORBIDDEN_CALLS.get(platform.machine(), (0, ()))
    if not calls:
        return
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    refuse, allow = 0x00050001, 0x7FFF0000
    steps = [(load, 0, 0, 4), (equal, 0, len(calls) + 3, architecture), (load, 0, 0, 0)]
    steps += [(at_least, len(calls) + 1, 0, X32_CALLS)]
    steps += [(equal, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    steps += [(end, 0, 0, allow), (end, 0, 0, refuse)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    header = struct.pack("HP", len(steps), ctypes.addressof(program))
    if ctypes.CDLL(None).prctl(SET_SECCOMP, SECCOMP_FILTER, header, 0, 0) != 0:
        # a container may forbid it
        return


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; return its result, -1 where it failed."""
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *values))
