"""Compare the installed cron file with the one that should be installed, and install it."""

from __future__ import annotations

import difflib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from systemscripts import settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.schedules import cron_file as cron_file_module
from systemscripts.schedules import own_cron_file


@dataclass(frozen=True)
class CronFile:
    """The content of the installed cron file, and what it should be."""

    path: Path
    expected: str
    # None: there is no file
    content: str | None

    @property
    def is_equal(self) -> bool:
        """Return whether cron starts what it should."""
        return self.content == self.expected

    def list_differences(self) -> list[str]:
        """Return the lines that would be removed (-) and added (+), as diff shows them."""
        lines = difflib.unified_diff((self.content or "").splitlines(), self.expected.splitlines(), n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def compare_file(path: Path, expected: str) -> CronFile:
    """Read the installed file; raises UsageError for a name that cron ignores, ConfigurationError if unreadable."""
    if "." in path.name or not path.is_absolute():
        raise UsageError(f"{path}: cron ignores files with a dot in their name", "Name an absolute path without a dot.")
    try:
        return CronFile(path, expected, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return CronFile(path, expected, None)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", f"Run: sudo chmod 644 {shlex.quote(str(path))}"
        ) from error


def install_file(cron_file: CronFile, directories: Directories) -> str:
    """Install the file if the caller is root.

    Return "" if it is installed, else the command that installs it. Raises
    ConfigurationError if the installed file belongs to another installation.
    """
    own_mark = cron_file_module.get_this_installation().mark
    owner = own_cron_file.read_owner(cron_file.path)
    if owner and owner != own_mark:
        own = own_cron_file.find_path()
        raise ConfigurationError(
            f"{cron_file.path} belongs to another installation, {owner.removeprefix(own_cron_file.MARK)}",
            f"Omit --cron-file: this installation's file is {own}."
            if own != cron_file.path
            else "Name another file in ETL_CRON_FILE; if that installation is gone, run:"
            f" sudo rm {shlex.quote(str(cron_file.path))}",
        )
    if os.geteuid() == 0:
        with atomic_write(cron_file.path, mode=0o644) as stream:
            stream.write(cron_file.expected.encode())
        return ""
    if cron_file_module.is_service_installation():
        # root must not copy a file that the service user can change
        variables = (*cron_file_module.get_this_installation().variables, ("ETL_CRON_FILE", str(cron_file.path)))
        named = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables)
        return f"sudo {named} {shlex.quote(str(settings.PROJECT / 'configure_etl_user.sh'))}"
    prepared = directories.var / f"{cron_file.path.name}.cron"
    with atomic_write(prepared, durable=False) as stream:
        stream.write(cron_file.expected.encode())
    return f"sudo install -m 644 -o root -g root {shlex.quote(str(prepared))} {shlex.quote(str(cron_file.path))}"
