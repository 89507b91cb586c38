"""Comparing the cron file that should be with the one that is, and putting it there."""

from __future__ import annotations

import difflib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.schedules import cron_file as cron_file_module
from systemscripts.schedules import own_cron_file


@dataclass(frozen=True)
class CronFile:
    """What stands in the cron file, and what should."""

    path: Path
    wanted: str
    found: str | None  # None: there is no file

    @property
    def equal(self) -> bool:
        """Whether cron starts what it should."""
        return self.found == self.wanted

    def difference(self) -> list[str]:
        """The lines that would go (-) and come (+), as diff shows them."""
        lines = difflib.unified_diff((self.found or "").splitlines(), self.wanted.splitlines(), n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def compare(path: Path, wanted: str) -> CronFile:
    """Look at the installed file; raises UsageError for a name that cron passes over, ConfigurationError."""
    if "." in path.name or not path.is_absolute():
        raise UsageError(f"{path}: cron takes only files of /etc/cron.d with no dot in their name")
    try:
        return CronFile(path, wanted, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return CronFile(path, wanted, None)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", f"Run: sudo chmod 644 {path}") from error


def install(cron_file: CronFile, directories: Directories) -> str:
    """Put the file into its place where the caller is root.

    Returns "" when it is there, else the command that installs it; the file for that command lies in var/. Raises
    ConfigurationError where the file there is another installation's.
    """
    mine, theirs = cron_file_module.this_place().mark, own_cron_file.owner(cron_file.path)
    if theirs and theirs != mine:
        own = own_cron_file.path()
        raise ConfigurationError(
            f"{cron_file.path} starts another installation, {theirs.removeprefix(own_cron_file.MARK)}",
            f"Leave out --cron-file: this one's is {own}."
            if own != cron_file.path
            else f"Name another file in ETL_CRON_FILE; if that installation is gone, run: sudo rm {cron_file.path}",
        )
    if os.geteuid() == 0:
        with atomic_write(cron_file.path, mode=0o644) as stream:
            stream.write(cron_file.wanted.encode())
        return ""
    prepared = directories.var / f"{cron_file.path.name}.cron"
    with atomic_write(prepared, durable=False) as stream:
        stream.write(cron_file.wanted.encode())
    return f"sudo install -m 644 -o root -g root {shlex.quote(str(prepared))} {shlex.quote(str(cron_file.path))}"
