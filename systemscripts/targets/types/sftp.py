"""A folder of an SFTP server: host, user, key_file or agent or password, path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from systemscripts import masking, progress
from systemscripts.configuration import variables
from systemscripts.errors import ConfigurationError, UsageError, describe_faults
from systemscripts.ssh import Login


class Options(Login):
    """The keys of a target of this kind."""

    path: str = Field(".", min_length=1)


def probe(written: dict[str, Any]) -> str:
    """Log in once, for doctor.py; how it is in words. Raises EtlError."""
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
    return f"{login.name} lets us in, {options.path} is there"


def deliver(options: dict[str, Any], paths: list[Path]) -> None:
    """Put files into the remote folder, each under a temporary name that is then changed to its own.

    A file of that name is replaced. Raises UsageError for what is no file, EtlError or TryLaterError for what the
    server does not take; the files before it are delivered then.
    """
    from systemscripts.ssh import upload
    from systemscripts.ssh.session import Session

    masking.register_secrets(str(options[key]) for key in ("password", "key_passphrase") if options.get(key))
    try:
        wanted = Options.model_validate(options)
    except ValidationError as error:
        faults = describe_faults(error, "target")
        raise ConfigurationError(f"delivery target: {faults.replace('Value error, ', '')}") from error
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} " + ("is not a file" if path.exists() else "does not exist"))
    session = Session(Login.model_validate({name: getattr(wanted, name) for name in Login.model_fields}))
    try:
        with progress.track("upload", sum(path.stat().st_size for path in paths), "bytes") as tracker:
            for path in paths:
                upload.upload_file(session, path, wanted.path, tracker.advance)
    finally:
        session.close()
