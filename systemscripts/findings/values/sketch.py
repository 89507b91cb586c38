"""A sketch of a list of values: their smallest check sums, by which two lists are compared without the values."""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

# Enough check sums to tell a share to some five points; lists of fewer values are compared whole.
SKETCH_SIZE = 400


@dataclass(frozen=True)
class Sketch:
    """The smallest check sums of different values, in their order."""

    ordered: array[int]

    @cached_property
    def sums(self) -> frozenset[int]:
        """The check sums as a set."""
        return frozenset(self.ordered)

    @property
    def reach(self) -> float:
        """Up to which check sum it knows its list: a full one only up to its largest."""
        return self.ordered[-1] if len(self.ordered) >= SKETCH_SIZE else math.inf

    def to_bytes(self) -> bytes:
        """Return four bytes a check sum, the lowest first."""
        return _turn_bytes(self.ordered).tobytes()


def build_sketch(values: Iterable[str]) -> Sketch:
    """Return the sketch of different values."""
    listed = list(values)
    try:
        sums = set(map(zlib.crc32, map(str.encode, listed)))
    except UnicodeEncodeError:
        sums = {zlib.crc32(value.encode("utf-8", "surrogatepass")) for value in listed}
    return Sketch(array("I", sorted(sums)[:SKETCH_SIZE]))


def read_sketch(stored: bytes | memoryview | None) -> Sketch | None:
    """Return a sketch from its bytes."""
    return None if stored is None else Sketch(_turn_bytes(array("I", bytes(stored))))


def _turn_bytes(ordered: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return ordered
    turned = array("I", ordered)
    turned.byteswap()
    return turned


def measure_overlap(mine: Sketch | None, other: Sketch | None) -> float | None:
    """Return which share of my values the other list holds, as far as their sketches can tell; None without any."""
    if not mine or not other or not mine.ordered or not other.ordered:
        return None
    comparable = bisect_right(mine.ordered, other.reach)
    # what is beyond is in one of the two alone
    return len(mine.sums & other.sums) / comparable if comparable else None
