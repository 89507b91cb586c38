"""The errors that end a run or refuse a file, each with its exit code and its next step."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class EtlError(Exception):
    """Something failed; `message` says what and where, `hint` what to do next.

    The exit codes follow sysexits.h where it has one (EX_DATAERR 65, EX_TEMPFAIL 75, EX_CONFIG 78).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """One line, whatever the parts were."""
        end = "" if self.message.endswith("?") else "."
        text = f"{self.message.rstrip('.')}{end} {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class UsageError(EtlError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class MissingError(UsageError):
    """What was named does not exist, or not for whoever asks."""


class BadDataError(EtlError):
    """The input cannot be read or loaded as it is; it is kept aside."""

    exit_code = 65


class TooLargeError(BadDataError):
    """A file is larger than the setting MAX_FILE_GB (`max_gb`) allows; it stays where it is."""

    def __init__(self, what: str, size_bytes: int, max_gb: float) -> None:
        super().__init__(
            f"{what} is too large: {size_bytes / 2**30:,.2f} GB or more, MAX_FILE_GB allows {max_gb:g};"
            " it is left where it is",
            "Ask the sender for less, or raise MAX_FILE_GB in config/.env.",
        )


class TryLaterError(EtlError):
    """Nothing is wrong here, but what is needed is busy or away; the same command later may succeed."""

    exit_code = 75


class GaveUpError(TryLaterError):
    """It was tried as often as makes sense now: the same run does not try it again, a later one may."""


class SkippedError(TryLaterError):
    """The run is not to happen now: somebody else holds the lock, or it is paused. No failure, and no alert."""


class DatabaseDownError(TryLaterError):
    """No one answers where the database should be, or it accepts no connections now: one alert for all jobs."""


class ConfigurationError(EtlError):
    """A setting, a YAML file or a configuration row is wrong or missing."""

    exit_code = 78


# what says nothing of a file: disk, quota, ulimit -f; memory; open files and processes; rights; a failing disk
_OF_THIS_HOST = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EACCES,
    errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE,
}  # fmt: skip


def is_host_fault(error: BaseException) -> bool:
    """Whether an unexpected error is about this host and not about what was read: tried again, it may not come."""
    if isinstance(error, RuntimeError):  # CPython, Modules/_threadmodule.c: no class of its own
        return "can't start new thread" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _OF_THIS_HOST)


def describe_unexpected(error: BaseException) -> str:
    """One line for an error that nobody had foreseen."""
    text = " ".join(str(error).split())
    return f"unexpected {type(error).__name__}{f': {text}' if text else ''}"


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of a sentence about an unknown name: `, did you mean NEAREST?`, empty where nothing is near."""
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
