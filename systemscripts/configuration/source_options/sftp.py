"""The keys of a source of type sftp; docs/sftp.md explains them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import BaseModel, Field

from systemscripts.ssh import Login


class RemoteFolder(BaseModel):
    """What every source has that reads a folder of another host: which files to fetch, and what happens to them."""

    # by default the file_pattern of the import
    pattern: str = ""
    settle: Literal["delete", "move", "keep"] = "keep"
    # where `move` puts loaded files; below path unless it begins with /
    done_folder: str = "done"
    # where `move` and `delete` put refused files; the default of `move` is "refused"
    refused_folder: str = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the server for messages."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Return server and user as a URL without a path."""

    @property
    @abstractmethod
    def folder(self) -> str:
        """Return the folder there."""

    def join_path(self, name: str) -> str:
        """Return the path of a name below the folder, or the name itself if it begins with /."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"


class Options(Login, RemoteFolder):
    """An SFTP server: the login, which files to fetch, and what happens to them there afterwards."""

    path: str = Field(".", min_length=1)

    @property
    def folder(self) -> str:
        """Return the remote folder."""
        return self.path.rstrip("/") or "/"
