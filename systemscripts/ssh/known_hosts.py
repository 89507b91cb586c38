"""Trusted host keys in var/ssh/known_hosts: only a person adds servers, and others are not connected to."""

from __future__ import annotations

import base64
import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from paramiko import PKey


def get_path() -> Path:
    """Return the file of the trusted keys, in the format of OpenSSH."""
    return Directories(settings.current().etl_data_dir).var / "ssh" / "known_hosts"


def format_fingerprint(key: PKey) -> str:
    """Return the fingerprint of a host key as ssh-keygen -l shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def list_trusted_keys(name: str) -> dict[str, PKey]:
    """Return the trusted keys of a server: type -> key; `name` is that of `login.format_host`."""
    import paramiko

    if not get_path().exists():
        return {}
    try:
        keys = paramiko.HostKeys(str(get_path()))
    except OSError as error:
        raise ConfigurationError(f"{get_path()}: {error.strerror}", "Run it as the owner of the file.") from error
    return dict(keys.lookup(name) or {})


def check_key(name: str, key: PKey) -> None:
    """Raise ConfigurationError if this is not the trusted key of the server."""
    known = list_trusted_keys(name)
    if known.get(key.get_name()) == key:
        return
    shown = f"{key.get_name()} {format_fingerprint(key)}"
    command = format_command("sftp_trust_host", name, "--fingerprint", format_fingerprint(key))
    if not known:
        raise ConfigurationError(
            f"the host key of {name} is not known: {shown}",
            f"Compare it with the key that the owner of the server gives you, then run: {command}",
        )
    before = ", ".join(f"{key_type} {format_fingerprint(other)}" for key_type, other in known.items())
    raise ConfigurationError(
        f"THE HOST KEY OF {name} HAS CHANGED: it shows {shown}, trusted is {before}; this may be an attack, "
        "nothing was sent",
        f"Ask the owner of the server; only if they changed the key, run: {command} --replace",
    )


def add_key(name: str, key: PKey, replace: bool = False) -> bool:
    """Trust a key, with `replace` instead of the other keys of the server; return whether it is new.

    Raises ConfigurationError if the server has another key and `replace` is not set.
    """
    known = list_trusted_keys(name)
    if known.get(key.get_name()) == key:
        return False
    if known and not replace:
        check_key(name, key)
    with _lock_file() as file:
        kept = [line for line in _read_lines(file) if not _is_about(line, name)]
        kept.append(f"{name} {key.get_name()} {key.get_base64()}")
        with atomic_write(file, mode=0o600) as stream:
            stream.write("".join(f"{line}\n" for line in kept).encode())
    return True


def _read_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _is_about(line: str, name: str) -> bool:
    """Return whether a line is about this server alone."""
    from paramiko.hostkeys import HostKeys

    names = line.split(" ", 1)[0]
    # hashed names, see HashKnownHosts in ssh_config(5)
    if names.startswith("|1|"):
        return HostKeys.hash_host(name, names) == names
    return names == name


@contextmanager
def _lock_file() -> Iterator[Path]:
    file = get_path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (file.parent / "known_hosts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
