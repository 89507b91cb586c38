"""How much a packed file may become: one rule for gzip, zip and the parts of workbooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from systemscripts.errors import BadDataError


@dataclass
class UnpackLimits:
    """The settings MAX_UNPACKED_GB (as bytes) and MAX_UNPACK_RATIO; the child process is told them."""

    max_bytes: float = 4 * 2**30
    max_ratio: float = 250  # honest sheets shrink to a tenth, empty formatted ones to 1 in 200
    suspicious_bytes: int = 2**29  # below half a gigabyte nobody is hurt by a greater ratio
    packed_bytes: int = 0  # of the file that came, where this one lies in it; 0: it is the one

    def set(self, values: dict[str, Any]) -> None:
        """Take over what the parent process asks for."""
        for name, value in values.items():
            setattr(self, name, value)


LIMITS = UnpackLimits()


def refuse_bomb(name: str, unpacked: int, packed: int) -> None:
    """Raise BadDataError for a file that unpacks to more than anybody fills in.

    `unpacked`: its bytes as announced, or so far; `packed`: on disk.
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
        f"{name} would unpack to {size} or more: a zip bomb, or far too much ({setting})",
        "Ask the sender for less, or raise the setting in config/.env.",
    )
