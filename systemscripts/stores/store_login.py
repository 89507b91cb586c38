"""Where a store is and how to log in: the keys that sources and delivery targets share."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

# the tested protocols, each with its usual port
PORTS = {"smb": 445, "webdav": 443, "ftps": 21}
IMPLICIT_FTPS_PORT = 990


class StoreLogin(BaseModel):
    """The keys of a configuration for a folder in a store."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # smb, webdav, ftps; or the name of another store of fsspec, which is not tested here
    protocol: str = Field(pattern=r"^[a-z][a-z0-9+_-]*$")
    host: str = ""
    # by default that of the protocol
    port: int = Field(0, ge=0, le=65535)
    # of a Windows domain: DOMAIN\name
    user: str = ""
    password: SecretStr | None = None
    # smb: /SHARE/FOLDER; webdav: the path of the address
    path: str = Field(min_length=1)
    # the only certificates to trust, for webdav and ftps
    ca_file: str = ""
    # whether an smb server must encrypt; it must sign in any case
    encrypt: bool = True
    # ftps: TLS from the first byte
    implicit: bool = False
    # what fsspec needs for another store, such as key and secret
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.is_tested:
            if missing := [name for name in ("host", "user", "password") if not getattr(self, name)]:
                raise ValueError(f"protocol {self.protocol} needs {' and '.join(missing)}")
            if self.options:
                raise ValueError(f"options are for other stores; protocol {self.protocol} has none")
            if self.protocol == "smb" and len(self.folder.strip("/").split("/")) < 1 + (self.folder == "/"):
                raise ValueError("path begins with the name of the share: /SHARE/FOLDER")
        elif given := [name for name in ("host", "port", "user", "password", "ca_file") if getattr(self, name)]:
            raise ValueError(f"{given[0]} is for smb, webdav and ftps; other stores get what they need by options")
        return self

    @property
    def is_tested(self) -> bool:
        """Return whether the protocol is one of those that are tested against real servers."""
        return self.protocol in PORTS

    @property
    def real_port(self) -> int:
        """Return the port, also where none is given."""
        return self.port or (IMPLICIT_FTPS_PORT if self.implicit else PORTS.get(self.protocol, 0))

    @property
    def name(self) -> str:
        """Return the store for messages."""
        return f"{self.host}:{self.real_port}" if self.is_tested else f"the {self.protocol} store"

    @property
    def address(self) -> str:
        """Return the store and the user as a URL without a path."""
        return f"{self.protocol}://{self.user}@{self.host}:{self.real_port}" if self.is_tested else f"{self.protocol}:/"

    @property
    def folder(self) -> str:
        """Return the folder in the store."""
        folder = self.path.rstrip("/") or "/"
        return f"/{folder}" if self.protocol in ("smb", "webdav") and not folder.startswith("/") else folder

    def join_path(self, name: str) -> str:
        """Return the path of a name below the folder, or the name itself if it begins with /."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"
