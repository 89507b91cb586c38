"""Folders of other hosts through fsspec: SMB shares, WebDAV, FTPS, and every other store that fsspec knows.

`store_login.StoreLogin` says where a store is, `store_session.StoreSession` keeps the connection, and the modules of
`protocols` open it. Only those import fsspec and the packages of a protocol.
"""

from __future__ import annotations

from systemscripts.stores.store_login import StoreLogin

__all__ = ["StoreLogin"]
