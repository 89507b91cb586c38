"""Small JSON files of one installation, which are found and written even if a disk is full or read-only."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
from pathlib import Path
from typing import Any

# File systems allow 255 bytes; a temporary name is longer.
MAX_MARK_LETTERS = 150


def list_settings_folders(project: Path, settings_file: Path, data: Path) -> list[Path]:
    """Return the folders for the copy of the alert settings: first that of the settings file, or one of the user.

    Where the settings cannot be read, the data folder that they name is not known.
    """
    own_folder = [settings_file.parent] if _is_own(settings_file.parent) else []
    return list(dict.fromkeys([*own_folder, _find_home_folder(), *list_folders(project, data)]))


def list_folders(project: Path, data: Path) -> list[Path]:
    """Return the folders for the state, best first: a full or unwritable disk must not affect all of them."""
    own = f"client_etl_workflow-{os.geteuid()}"
    # root, or another user, leaves nothing in the installation of someone else
    inside = [folder / "var" for folder in (data, project) if _is_own(folder)]
    return list(dict.fromkeys([*inside, _find_home_folder(), Path("/var/tmp") / own, Path("/dev/shm") / own]))


def _find_home_folder() -> Path:
    home = os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    return Path(os.environ.get("XDG_STATE_HOME") or f"{home}/.local/state") / "client_etl_workflow"


def _is_own(folder: Path) -> bool:
    try:
        state = folder.stat()
        # what root owns for a group is an installation whose jobs run as another user
        return state.st_uid == os.geteuid() and (os.geteuid() != 0 or state.st_gid == 0)
    except OSError:
        return False


def build_file_name(prefix: str, settings_file: Path) -> str:
    """Return the name of a file of one installation, which is identified by its settings file."""
    # the wrapper builds the same name, byte by byte
    marked = re.sub(rb"[^A-Za-z0-9]", b"_", os.fsencode(settings_file)).decode()
    return f"{prefix}-{marked[-MAX_MARK_LETTERS:]}.json"


def read_newest(search_folders: list[Path], name: str) -> dict[str, Any]:
    """Return the content of the newest file with this name that belongs to the caller or root; {} if there is none."""
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for folder in search_folders:
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, encoding="utf-8") as stream:
                state = os.fstat(stream.fileno())
                if state.st_uid in (0, os.geteuid()) and state.st_mtime > best[0]:
                    values = json.load(stream)
                    best = (state.st_mtime, values) if isinstance(values, dict) else best
    return best[1]


def try_write_first(search_folders: list[Path], name: str, values: dict[str, Any]) -> bool:
    """Write a file, readable by its owner only, into the first folder possible, and remove it from the others.

    Empty values remove it everywhere. Return whether it was possible.
    """
    done = not values
    for folder in search_folders:
        path, part = folder / name, folder / f".{name}.{os.getpid()}.part"
        if done:
            with contextlib.suppress(OSError):
                path.unlink()
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700 if folder.name.startswith("client_etl") else 0o770)
            if folder.stat().st_uid not in (0, os.geteuid()) and folder.parent in (Path("/var/tmp"), Path("/dev/shm")):
                # another user has created a folder with our name there
                continue
            try:
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump(values, stream, indent=1)
                part.replace(path)
                done = True
            finally:
                with contextlib.suppress(OSError):
                    part.unlink()
    return done
