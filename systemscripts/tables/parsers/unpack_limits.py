"""Limits how much a packed file may unpack to: one rule for gzip, bzip2, zip and the parts of workbooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from systemscripts.errors import BadDataError


@dataclass
class UnpackLimits:
    """The settings MAX_UNPACKED_GB (as bytes) and MAX_UNPACK_RATIO, which the parent passes to the child process."""

    max_bytes: float = 4 * 2**30
    # Ordinary sheets shrink to a tenth, empty formatted ones to 1 in 200.
    max_ratio: float = 250
    # Below half a gigabyte a greater ratio does no harm.
    suspicious_bytes: int = 2**29
    # of the received file, where this one was packed in it; 0: this is the received file
    packed_bytes: int = 0

    def apply(self, values: dict[str, Any]) -> None:
        """Set the limits that the parent process passes."""
        for name, value in values.items():
            setattr(self, name, value)


LIMITS = UnpackLimits()


def refuse_bomb(name: str, unpacked: int, packed: int) -> None:
    """Raise BadDataError for a file that unpacks to more than the limits allow.

    `unpacked`: its bytes as declared, or so far; `packed`: its bytes on disk.
    """
    packed = LIMITS.packed_bytes or packed
    if unpacked > LIMITS.max_bytes:
        setting = f"MAX_UNPACKED_GB allows {LIMITS.max_bytes / 2**30:g}"
    elif unpacked > max(LIMITS.suspicious_bytes, LIMITS.max_ratio * packed):
        setting = f"MAX_UNPACK_RATIO allows {LIMITS.max_ratio:g} times its size"
    else:
        return
    size = f"{unpacked / 2**30:.1f} GB from {packed / 2**20:.1f} MB"
    raise BadDataError(
        f"{name} would unpack to {size} or more, which may be a zip bomb ({setting})",
        "Ask the sender for a smaller file, or raise the setting in config/.env.",
    )
