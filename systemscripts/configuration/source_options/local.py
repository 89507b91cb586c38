"""The keys of a source of type local."""

from __future__ import annotations

from systemscripts.configuration.column_schema import Strict


class Options(Strict):
    """Files of this host. Without `path`: what waits in the import's own folder."""

    path: str = ""  # another folder, absolute or below the data folder: its files are copied
    pattern: str = ""  # the import's file_pattern
    keep: bool = False  # the originals stay; else they are removed once they are safe here
