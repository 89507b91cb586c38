"""The suite's own known_hosts, var/ssh/known_hosts: a server that is not in it is not talked to, none adds itself."""

from __future__ import annotations

import base64
import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from paramiko import PKey


def get_path() -> Path:
    """Where this installation keeps the keys it trusts; the format is OpenSSH's."""
    return Directories(settings.current().etl_data_dir).var / "ssh" / "known_hosts"


def format_fingerprint(key: PKey) -> str:
    """A host key as ssh-keygen -l shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def list_trusted_keys(name: str) -> dict[str, PKey]:
    """The keys of a server, by type; `name` as in `login.host_name`."""
    import paramiko

    if not get_path().exists():
        return {}
    try:
        keys = paramiko.HostKeys(str(get_path()))
    except OSError as error:
        raise ConfigurationError(f"{get_path()}: {error.strerror}", "Run as the user it belongs to.") from error
    found = keys.lookup(name)
    return dict(found) if found else {}


def check_key(name: str, key: PKey) -> None:
    """Raise ConfigurationError unless this is the key that is trusted for the server."""
    known = list_trusted_keys(name)
    if known.get(key.get_name()) == key:
        return
    shown = f"{key.get_name()} {format_fingerprint(key)}"
    command = f"sftp_trust_host.py {name} --fingerprint {format_fingerprint(key)}"
    if not known:
        raise ConfigurationError(
            f"the host key of {name} is not known: {shown}",
            f"Compare it with what the server's owner says, then run: {command}",
        )
    before = ", ".join(f"{kind} {format_fingerprint(each)}" for kind, each in known.items())
    raise ConfigurationError(
        f"THE HOST KEY OF {name} HAS CHANGED: it shows {shown}, trusted is {before}; somebody may be in between, "
        "nothing was sent",
        f"Ask the server's owner; only if the change is theirs, run: {command} --replace",
    )


def add_key(name: str, key: PKey, replace: bool = False) -> bool:
    """Trust a key from now on, `replace`: instead of the others of that server; false when it was trusted already.

    Raises ConfigurationError when the server has another key and `replace` is not set.
    """
    known = list_trusted_keys(name)
    if known.get(key.get_name()) == key:
        return False
    if known and not replace:
        check_key(name, key)
    with _locked() as file:
        kept = [line for line in _lines(file) if not _is_of(line, name)]
        kept.append(f"{name} {key.get_name()} {key.get_base64()}")
        with atomic_write(file, mode=0o600) as stream:
            stream.write("".join(f"{line}\n" for line in kept).encode())
    return True


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _is_of(line: str, name: str) -> bool:
    """Whether a line is about this server alone."""
    from paramiko.hostkeys import HostKeys

    names = line.split(" ", 1)[0]
    if names.startswith("|1|"):  # hashed, ssh_config(5) HashKnownHosts
        return HostKeys.hash_host(name, names) == names
    return names == name


@contextmanager
def _locked() -> Iterator[Path]:
    file = get_path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (file.parent / "known_hosts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
