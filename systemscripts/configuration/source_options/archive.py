"""The keys of a source of type archive; docs/layouts.md explains them."""

from __future__ import annotations

from pydantic import Field

from systemscripts.configuration.strict_model import Strict


class Options(Strict):
    """Zips and tars of several files in a folder of this host."""

    # absolute or below the data folder
    path: str = Field(min_length=1)
    # the names of the archives; file_pattern is for the files in them
    pattern: str = Field(min_length=1)
    # whether the archives stay; otherwise each is removed once all of its files are loaded
    keep: bool = False
