"""The keys of a source of type store; docs/stores.md explains them."""

from __future__ import annotations

from systemscripts.configuration.source_options.sftp import RemoteFolder
from systemscripts.stores import StoreLogin


class Options(StoreLogin, RemoteFolder):
    """A folder on SMB, WebDAV, FTPS or another store: the login, which files to fetch, and what happens to them."""
