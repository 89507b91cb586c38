"""What a call of restore_database asked for, so that a command in its messages does nothing else.

A command without --rehearse or --database-only replaces the installation; a backup of a target has no path here later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from systemscripts.commands import format_command

_target = ""
_mode: tuple[str, ...] = ()


@contextlib.contextmanager
def note_call(target: str, mode: str) -> Iterator[None]:
    """Repeat in all commands of the block: the target that a backup is fetched from, and `--rehearse` or the like.

    Both may be empty.
    """
    global _target, _mode
    before = _target, _mode
    _target, _mode = target, (mode,) if mode else ()
    try:
        yield
    finally:
        _target, _mode = before


def format_same_restore(backup: Path | str, *words: str) -> str:
    """Return the command that does to a backup what this call does, with more words; a string stands for any path."""
    return format_command("restore_database", *_locate(backup), *_mode, *words)


def format_whole_restore(backup: Path) -> str:
    """Return the command that restores the installation from a backup."""
    return format_command("restore_database", *_locate(backup))


def _locate(backup: Path | str) -> list[object]:
    if _target:
        return [Path(backup).name, "--from", _target]
    return [backup.absolute() if isinstance(backup, Path) else backup]
