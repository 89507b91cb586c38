"""Values encrypted for the settings file: `enc:...`, readable only with a key that lies elsewhere.

Fernet (cryptography.io, "Fernet"): AES-128-CBC with an HMAC-SHA256 over the whole, so that a changed value is noticed.
The key file may hold several keys, one a line: the first encrypts, all decrypt, so that a key can be replaced.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

MARK = "enc:"
DEFAULT_KEY_FILE = Path("~/.config/client_etl_workflow/secret.key")


def encrypt(raw: str, key_file: Path | None = None) -> str:
    """Encrypt a text; the key is made where there is none yet. Raises ConfigurationError for a key file others read."""
    return MARK + _keys(_place(key_file), make=True).encrypt(raw.encode()).decode()


def decrypt(raw: str, key_file: Path | None = None) -> str:
    """Decrypt what `encrypt` made; another text is returned as it is.

    Raises ConfigurationError when there is no key, or the value was made with another one or damaged.
    """
    from cryptography.fernet import InvalidToken

    if not raw.startswith(MARK):
        return raw
    place = _place(key_file)
    try:
        return _keys(place, make=False).decrypt(raw.removeprefix(MARK).encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise ConfigurationError(
            f"an encrypted value cannot be read with the key of {place}: made with another key, or damaged",
            "Bring back that key; is it lost, take the value out, then make it again: secret.py encrypt",
        ) from error


def _place(key_file: Path | None) -> Path:
    return (key_file or Path(os.environ.get("SECRET_KEY_FILE") or DEFAULT_KEY_FILE)).expanduser()


def _keys(place: Path, make: bool) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    if make and not place.exists():
        _make(place, Fernet.generate_key())
    try:
        state = place.stat()
        if stat.S_IMODE(state.st_mode) & 0o077 or state.st_uid != os.geteuid():
            key, copy = shlex.quote(str(place)), shlex.quote(f"{place}.{os.geteuid()}")
            command = f"chmod 600 {key}"
            if state.st_uid != os.geteuid():  # the key stays its owner's
                command = f"sudo install -m 600 -o {os.geteuid()} {key} {copy}, and set SECRET_KEY_FILE={copy}"
            raise ConfigurationError(
                f"the key file {place} must belong to who runs this, and be read by nobody else",
                f"Run: {command}",
            )
        return MultiFernet([Fernet(line) for line in place.read_bytes().split()])
    except OSError as error:
        raise ConfigurationError(
            f"the key file {place} cannot be read: {error.strerror}", "Correct SECRET_KEY_FILE, or bring the key there."
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the key file {place} holds no key", "Bring back the right file.") from error


def _make(place: Path, key: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # only its owner reads it
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(key + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):  # another process made it at the same time
            os.link(name, place)  # whole or not at all, and never over another key
    finally:
        Path(name).unlink()
