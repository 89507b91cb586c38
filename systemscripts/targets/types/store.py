"""Deliver files to an SMB share, a WebDAV or FTPS server, or another store: the keys of a source of type store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts import masking
from systemscripts.configuration import variables
from systemscripts.errors import ConfigurationError, UsageError, describe_faults
from systemscripts.stores import StoreLogin, store_files
from systemscripts.stores.store_session import StoreSession


class Options(StoreLogin):
    """The keys of a target of this type."""


def probe(written: dict[str, Any]) -> str:
    """Log in once and list the folder, for doctor.py, and return the result in words; raises EtlError."""
    with _open_session(variables.resolve_variables(written, "delivery target")) as session:
        store_files.list_entries(session, session.login.folder)
        return f"{session.login.name}: login succeeded, {session.login.folder} exists"


def put_aside(options: dict[str, Any], paths: list[Path], mark: str) -> None:
    """Upload files to the folder under temporary names; raises UsageError if a path is not a file, EtlError."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} " + ("is not a file" if path.exists() else "does not exist"))
    with _open_session(options) as session:
        for path in paths:
            store_files.put_aside(session, path, _build_part_path(session, path.name, mark))


def publish(options: dict[str, Any], names: list[str], mark: str) -> None:
    """Give uploaded files their names; existing files are replaced."""
    with _open_session(options) as session:
        for name in names:
            store_files.publish_part(session, _build_part_path(session, name, mark), session.login.join_path(name))
            store_files.remove_older_parts(session, session.login.folder, name)


def _build_part_path(session: StoreSession, name: str, mark: str) -> str:
    return session.login.join_path(f".{name}.{mark}.part")


@contextlib.contextmanager
def _open_session(options: dict[str, Any]) -> Iterator[StoreSession]:
    """Yield a session; raises ConfigurationError with every fault of the options."""
    secrets = [options.get("password"), *(options.get("options") or {}).values()]
    masking.register_secrets(secret for secret in secrets if secret and isinstance(secret, str))
    try:
        login = Options.model_validate(options)
    except ValidationError as error:
        raise ConfigurationError(f"delivery target: {describe_faults(error, 'target')}") from error
    session = StoreSession(StoreLogin.model_validate({name: getattr(login, name) for name in StoreLogin.model_fields}))
    try:
        yield session
    finally:
        session.close()
