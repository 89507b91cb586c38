"""Deliver files to a folder of an SFTP server: host, user, key_file or agent or password, path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from systemscripts import masking, progress
from systemscripts.configuration import variables
from systemscripts.errors import ConfigurationError, UsageError, describe_faults
from systemscripts.ssh import Login

if TYPE_CHECKING:
    from systemscripts.ssh.session import Session


class Options(Login):
    """The keys of a target of this type."""

    path: str = Field(".", min_length=1)


def probe(written: dict[str, Any]) -> str:
    """Log in once, for doctor.py, and return the result in words; raises EtlError."""
    from systemscripts.ssh import connection
    from systemscripts.ssh.remote import PATH_HINT

    options = Options.model_validate(variables.resolve_variables(written, "delivery target"))
    login = Login.model_validate({name: getattr(options, name) for name in Login.model_fields})
    client = connection.connect(login)
    try:
        client.listdir(options.path)
    except OSError as error:
        raise ConfigurationError(f"{login.name}: {options.path} cannot be read: {error}", PATH_HINT) from error
    finally:
        client.close()
    return f"{login.name}: login succeeded, {options.path} exists"


def put_aside(options: dict[str, Any], paths: list[Path], mark: str) -> None:
    """Upload files to the remote folder under temporary names.

    Raises UsageError if a path is not a file, EtlError or TryLaterError if an upload fails.
    """
    from systemscripts.ssh import upload

    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} " + ("is not a file" if path.exists() else "does not exist"))
    size = sum(path.stat().st_size for path in paths)
    with _open_session(options) as (session, folder), progress.track("upload", size, "bytes") as tracker:
        for path in paths:
            upload.put_aside(session, path, upload.build_part_path(folder, path.name, mark), tracker.advance)


def publish(options: dict[str, Any], names: list[str], mark: str) -> None:
    """Give uploaded files their names; existing files are replaced."""
    from systemscripts.ssh import upload

    with _open_session(options) as (session, folder):
        for name in names:
            upload.publish_part(session, upload.build_part_path(folder, name, mark), f"{folder.rstrip('/')}/{name}")
            upload.remove_older_parts(session, folder, name)


def list_sizes(options: dict[str, Any]) -> dict[str, int]:
    """Return the size in bytes of each file of the remote folder, by name; raises EtlError."""
    from systemscripts.ssh.remote import complete_entry, list_entries

    with _open_session(options) as (session, folder):
        entries = [complete_entry(session, f"{folder}/{entry.name}", entry) for entry in list_entries(session, folder)]
    return {entry.name: entry.size or 0 for entry in entries if entry.is_file}


def fetch(options: dict[str, Any], name: str, path: Path) -> None:
    """Download a file of the remote folder to `path`, whole or not at all; raises EtlError."""
    from systemscripts.ssh import download
    from systemscripts.ssh.remote import find_entry

    with _open_session(options) as (session, folder):
        entry = find_entry(session, f"{folder}/{name}")
        if entry is None:
            raise UsageError(f"{session.login.name}: there is no {folder}/{name}")
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        with progress.track("download", entry.size or 0, "bytes") as tracker:
            download.download_file(session, f"{folder}/{name}", entry, part, tracker.advance)
        part.replace(path)


def remove(options: dict[str, Any], names: list[str]) -> None:
    """Remove files of the remote folder; raises EtlError."""
    from systemscripts.ssh.remote import remove_file

    with _open_session(options) as (session, folder):
        for name in names:
            remove_file(session, f"{folder}/{name}")


@contextmanager
def _open_session(options: dict[str, Any]) -> Iterator[tuple[Session, str]]:
    """Yield a session that is closed afterwards, and the remote folder; raises ConfigurationError."""
    from systemscripts.ssh.session import Session

    masking.register_secrets(str(options[key]) for key in ("password", "key_passphrase") if options.get(key))
    try:
        chosen = Options.model_validate(options)
    except ValidationError as error:
        faults = describe_faults(error, "target")
        raise ConfigurationError(f"delivery target: {faults.replace('Value error, ', '')}") from error
    session = Session(Login.model_validate({name: getattr(chosen, name) for name in Login.model_fields}))
    try:
        yield session, chosen.path.rstrip("/") or "/"
    finally:
        session.close()
