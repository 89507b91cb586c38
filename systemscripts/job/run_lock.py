"""One run at a time for a script and key: a kernel lock, which ends with its process."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from pathlib import Path
from typing import IO

from systemscripts import settings
from systemscripts.directory_management import Directories, explain_write_error, make_hashed_name
from systemscripts.errors import SkippedError


class BusyError(SkippedError):
    """Another run holds the lock."""


def acquire_lock(directories: Directories, script: str, key: str, wait_seconds: float) -> IO[str]:
    """Hold the lock of a script and key until the returned stream is closed or the process ends.

    `wait_seconds`: how long to wait for the holder to end. Raises BusyError, which names the holder and its start time.
    """
    path = directories.locks / f"{_build_file_name(script, key)}.lock"
    try:
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise explain_write_error(path.parent, error) from error
    until = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() >= until:
                stream.close()
                raise _explain_busy(path, script, key) from None
            time.sleep(0.2)
    stream.truncate(0)
    stream.write(json.dumps({"pid": os.getpid(), "since": settings.now().isoformat(timespec="seconds")}))
    stream.flush()
    return stream


def _build_file_name(script: str, key: str) -> str:
    name = f"{script}-{key}" if key else script
    return name if re.fullmatch(r"[\w.-]{1,100}", name) else make_hashed_name(name, max_characters=100)


def _explain_busy(path: Path, script: str, key: str) -> BusyError:
    named = f"{script} {key}".strip()
    try:
        holder = json.loads(path.read_text())
        return BusyError(
            f"{named} is already running since {holder['since']} (pid {holder['pid']})",
            "Run it later, or wait for it: --wait.",
        )
    except (OSError, json.JSONDecodeError, KeyError):
        return BusyError(f"{named} is already running", "Run it later, or wait for it: --wait.")
