"""Every other store of fsspec, by its name and options; this project tests none of them."""

from __future__ import annotations

from typing import Any

import fsspec

from systemscripts.errors import ConfigurationError
from systemscripts.stores.store_login import StoreLogin

PACKAGES: tuple[tuple[str, str], ...] = ()


def open_store(login: StoreLogin) -> Any:
    """Return the file system; raises ConfigurationError for an unknown name, a missing package or unknown options."""
    try:
        return fsspec.filesystem(login.protocol, skip_instance_cache=True, **login.options)
    except (ImportError, ValueError, TypeError) as error:
        text = " ".join(str(error).split())
        raise ConfigurationError(
            f"the store with protocol {login.protocol} cannot be opened: {text}",
            "Correct protocol and options, or install the package that fsspec names.",
        ) from error


def close_store(store: Any) -> None:
    """Do nothing: fsspec has no common way to close one."""


def judge(error: Exception) -> str:
    """Return what an error means: missing, lost or refused."""
    if isinstance(error, FileNotFoundError):
        return "missing"
    is_answer = isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError | FileExistsError)
    return "lost" if isinstance(error, OSError | EOFError) and not is_answer else "refused"
