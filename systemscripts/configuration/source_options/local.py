"""The keys of a source of type local."""

from __future__ import annotations

from systemscripts.configuration.strict_model import Strict


class Options(Strict):
    """Files on this host; without `path` those in the folder of the import."""

    # another folder, absolute or below the data folder: its files are copied
    path: str = ""
    # by default the file_pattern of the import
    pattern: str = ""
    # whether the originals stay; otherwise they are removed once they are loaded
    keep: bool = False
