"""Encrypt values for the settings file: `enc:...`, readable only with a key that is stored elsewhere.

Fernet (cryptography.io, "Fernet"): AES-128-CBC with an HMAC-SHA256 over the whole, so that a changed value is detected.
The key file may contain several keys, one per line: the first encrypts, all decrypt, so that a key can be replaced.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts.commands import format_command
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

MARK = "enc:"
DEFAULT_KEY_FILE = Path("~/.config/client_etl_workflow/secret.key")


def encrypt(raw: str, key_file: Path | None = None) -> str:
    """Encrypt a text; creates the key if there is none. Raises ConfigurationError if others may read the key file."""
    return MARK + _load_keys(_find_key_file(key_file), may_create=True).encrypt(raw.encode()).decode()


def decrypt(raw: str, key_file: Path | None = None) -> str:
    """Decrypt a text from `encrypt`; any other text is returned as it is.

    Raises ConfigurationError if there is no key, or the value was encrypted with another one or is damaged.
    """
    from cryptography.fernet import InvalidToken

    if not raw.startswith(MARK):
        return raw
    key_path = _find_key_file(key_file)
    try:
        return _load_keys(key_path, may_create=False).decrypt(raw.removeprefix(MARK).encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise ConfigurationError(
            f"an encrypted value cannot be read with the key in {key_path}: encrypted with another key, or damaged",
            "Restore that key; if it is lost, remove the value and encrypt it again:"
            f" {format_command('secret', 'encrypt')}",
        ) from error


def _find_key_file(key_file: Path | None) -> Path:
    return (key_file or Path(os.environ.get("SECRET_KEY_FILE") or DEFAULT_KEY_FILE)).expanduser()


def _load_keys(key_path: Path, may_create: bool) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    if may_create and not key_path.exists():
        _create_key(key_path, Fernet.generate_key())
    try:
        state = key_path.stat()
        if stat.S_IMODE(state.st_mode) & 0o077 or state.st_uid != os.geteuid():
            key, copy = shlex.quote(str(key_path)), shlex.quote(f"{key_path}.{os.geteuid()}")
            command = f"chmod 600 {key}"
            # the key stays its owner's
            if state.st_uid != os.geteuid():
                command = f"sudo install -m 600 -o {os.geteuid()} {key} {copy}, and set SECRET_KEY_FILE={copy}"
            raise ConfigurationError(
                f"the key file {key_path} must belong to the user who runs this, and be readable by no one else",
                f"Run: {command}",
            )
        return MultiFernet([Fernet(line) for line in key_path.read_bytes().split()])
    except OSError as error:
        raise ConfigurationError(
            f"the key file {key_path} cannot be read: {error.strerror}", "Correct SECRET_KEY_FILE, or restore the key."
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"the key file {key_path} does not contain a key", "Restore the right file."
        ) from error


def _create_key(key_path: Path, key: bytes) -> None:
    key_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # readable by its owner only
    handle, name = tempfile.mkstemp(prefix=f".{key_path.name}.", dir=key_path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(key + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        # complete or not at all, and never over a key that another process created at the same time
        with contextlib.suppress(FileExistsError):
            os.link(name, key_path)
    finally:
        Path(name).unlink()
