"""The errors that end a run or refuse a file, each with an exit code and a next step."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class EtlError(Exception):
    """Something failed; `message` says what and where, `hint` what to do next.

    The exit codes follow sysexits.h if it has one (EX_DATAERR 65, EX_TEMPFAIL 75, EX_CONFIG 78).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return message and hint as one line."""
        end = "" if self.message.endswith("?") else "."
        text = f"{self.message.rstrip('.')}{end} {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class UsageError(EtlError):
    """The command line names something that does not exist, or options that cannot be combined."""

    exit_code = 2


class MissingError(UsageError):
    """What was named does not exist, or is not visible to the user."""


class BadDataError(EtlError):
    """The input cannot be read or loaded as it is; it is set aside."""

    exit_code = 65


class TooLargeError(BadDataError):
    """A file is larger than the setting MAX_FILE_GB (`max_gb`) allows; it stays where it is."""

    def __init__(self, what: str, size_bytes: int, max_gb: float) -> None:
        super().__init__(
            f"{what} is too large: {size_bytes / 2**30:,.2f} GB or more, MAX_FILE_GB allows {max_gb:g};"
            " it is not moved",
            "Ask the sender for a smaller file, or raise MAX_FILE_GB in config/.env.",
        )


class PasswordError(EtlError):
    """None of the passwords of an import opens a file, which waits for the right one."""

    exit_code = 78

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is protected by a password, and none of the import opens it; it waits",
            "Correct reading.password of the import, or the SOURCE_... setting that it names, then run it again.",
        )


class TryLaterError(EtlError):
    """Something that is needed is busy or away; the same command may succeed later."""

    exit_code = 75


class GaveUpError(TryLaterError):
    """All retries of this run have failed; a later run may try again."""


class SkippedError(TryLaterError):
    """The run is skipped: another run holds the lock, or it is paused. Not a failure, so there is no alert."""


class DatabaseDownError(TryLaterError):
    """The database does not answer or accepts no connections now: one alert for all jobs."""


class ConfigurationError(EtlError):
    """A setting, a YAML file or a configuration row is wrong or missing."""

    exit_code = 78


class ClockJumpedError(ConfigurationError):
    """The clock of the host jumped, and what is old by it may not be: the watchdog reports it, too."""


class DatabaseLoginError(ConfigurationError):
    """The database refuses the login, or does not have the database: one alert for all jobs."""


class DiskFullError(EtlError):
    """There is no space left for `path`: one alert for all jobs."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"no space left for {path}", "Free space, then run it again.")
        self.path = path


class DatabaseDiskFullError(EtlError):
    """The disk of the database is full: one alert for all jobs."""


# Errors that say nothing about a file: disk, quota, ulimit -f; memory; open files and processes; rights; disk faults.
_HOST_ERROR_NUMBERS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EACCES,
    errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE,
}  # fmt: skip


def is_host_fault(error: BaseException) -> bool:
    """Return whether an unexpected error is about this host and not about the input: a retry may succeed."""
    # CPython, Modules/_threadmodule.c: there is no class for it
    if isinstance(error, RuntimeError):
        return "can't start new thread" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _HOST_ERROR_NUMBERS)


def describe_unexpected(error: BaseException) -> str:
    """Return one line for an unexpected error."""
    text = " ".join(str(error).split())
    return f"unexpected {type(error).__name__}{f': {text}' if text else ''}"


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the end of a sentence on an unknown name: `, did you mean NEAREST?`; "" if no known name is similar."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f", did you mean {near[0]}?" if near else ""


def describe_faults(error: ValidationError, whole: str = "") -> str:
    """Return the faults that pydantic found as one line, each with the key it is about.

    `whole`: what to name where a fault is about no single key.
    """
    faults = []
    for fault in error.errors():
        key = ".".join(map(str, fault["loc"])) or whole
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{key}: {message}" if key else message)
    return "; ".join(faults)
