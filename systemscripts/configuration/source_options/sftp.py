"""The keys of a source of type sftp; docs/sftp.md explains them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from systemscripts.ssh import Login


class Options(Login):
    """An SFTP server: the login, which files to fetch, and what happens to them there afterwards."""

    path: str = Field(".", min_length=1)
    # by default the file_pattern of the import
    pattern: str = ""
    settle: Literal["delete", "move", "keep"] = "keep"
    # where `move` puts loaded files; below path unless it begins with /
    done_folder: str = "done"
    # where `move` and `delete` put refused files; the default of `move` is "refused"
    refused_folder: str = ""

    @property
    def folder(self) -> str:
        """Return the remote folder."""
        return self.path.rstrip("/") or "/"

    def join_path(self, name: str) -> str:
        """Return the path of a name below the remote folder, or the name itself if it begins with /."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"
