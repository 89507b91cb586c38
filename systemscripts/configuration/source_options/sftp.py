"""The keys of a source of type sftp; docs/sftp.md explains them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from systemscripts.ssh import Login


class Options(Login):
    """An SFTP server: how to log in, which files, and what becomes of them there."""

    path: str = Field(".", min_length=1)
    pattern: str = ""  # the import's file_pattern
    settle: Literal["delete", "move", "keep"] = "keep"
    done_folder: str = "done"  # where `move` puts what was loaded; below path unless it begins with /
    refused_folder: str = ""  # where refused files go, with move and delete; move: refused

    @property
    def folder(self) -> str:
        """The remote folder."""
        return self.path.rstrip("/") or "/"

    def below(self, name: str) -> str:
        """A path below the remote folder, or from the server's root."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"
