"""Deliver files to a folder of an SFTP server: host, user, key_file or agent or password, path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from systemscripts import masking, progress
from systemscripts.configuration import variables
from systemscripts.errors import ConfigurationError, UsageError, describe_faults
from systemscripts.ssh import Login


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


def deliver(options: dict[str, Any], paths: list[Path]) -> None:
    """Upload files to the remote folder, each under a temporary name and then renamed; existing ones are replaced.

    Raises UsageError if a path is not a file, EtlError or TryLaterError if an upload fails; earlier files stay.
    """
    from systemscripts.ssh import upload
    from systemscripts.ssh.session import Session

    masking.register_secrets(str(options[key]) for key in ("password", "key_passphrase") if options.get(key))
    try:
        chosen = Options.model_validate(options)
    except ValidationError as error:
        faults = describe_faults(error, "target")
        raise ConfigurationError(f"delivery target: {faults.replace('Value error, ', '')}") from error
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} " + ("is not a file" if path.exists() else "does not exist"))
    session = Session(Login.model_validate({name: getattr(chosen, name) for name in Login.model_fields}))
    try:
        with progress.track("upload", sum(path.stat().st_size for path in paths), "bytes") as tracker:
            for path in paths:
                upload.upload_file(session, path, chosen.path, tracker.advance)
    finally:
        session.close()
