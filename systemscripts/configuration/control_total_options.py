"""Totals that the sender states in addition to the rows: the key `control` of a configuration."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from systemscripts.configuration.strict_model import Strict

# name.0 is the first part of the file name, as everywhere in a configuration; fields of records count from 1
_PLACE = re.compile(r"(?:trailer|header|sidecar)\.[1-9][0-9]*|(?:trailer|header)\.[1-9][0-9]*-[1-9][0-9]*|name\.[0-9]+")


def _check_location(value: str) -> str:
    if not _PLACE.fullmatch(value):
        raise ValueError(
            "expected trailer.N, header.N, sidecar.N (N from 1) or name.N (from 0), such as trailer.2 or trailer.4-12"
        )
    return value


Place = Annotated[str, AfterValidator(_check_location)]
Column = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class Control(Strict):
    """`control:` of an import; each location is trailer.N, header.N, sidecar.N or name.N, or letters: trailer.4-12."""

    # where the number of rows is stated
    rows: Place | None = None
    # column -> where its sum is stated
    sum: dict[Column, Place] = {}

    @property
    def is_stated(self) -> bool:
        """Return whether a file says a total that is to be compared."""
        return self.rows is not None or bool(self.sum)

    def has_source(self, source: str) -> bool:
        """Return whether a total comes from `source`: trailer, header, sidecar or name."""
        locations = [*self.sum.values(), *([self.rows] if self.rows else [])]
        return any(location.startswith(f"{source}.") for location in locations)


def split_location(location: str) -> tuple[str, int, int | None]:
    """Return source and number of a location; where it is letters of a record: the first of them, and the last."""
    match = re.fullmatch(r"([a-z]+)\.([0-9]+)(?:-([0-9]+))?", location)
    assert match is not None
    return match[1], int(match[2]), int(match[3]) if match[3] else None
