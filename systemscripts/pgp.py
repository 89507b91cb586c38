"""Decrypt and encrypt files by OpenPGP: with gpg, and the keys in var/pgp, which only the user of the jobs reads."""

from __future__ import annotations

import fcntl
import logging
import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, PasswordError

# gpg is quick; this is for a broken agent.
MAX_END_SECONDS = 10
# Keys come from this folder only, and no one is asked for a passphrase.
OPTIONS = ["--no-options", "--no-auto-key-locate", "--pinentry-mode", "loopback"]
# For a key without one. Without any, gpg would end at the first key that has one, although another key may fit.
NO_PASSPHRASE = "-"
# in gpg's words for an output that has reached the limit
MAX_OUTPUT = "--max-output"


class MissingKeyError(EtlError):
    """The private key for a file is not there; the file waits for it."""

    exit_code = 78


@dataclass(frozen=True)
class Key:
    """A key: its owner as written in it, its fingerprint, and when it expires (None: never)."""

    owner: str
    fingerprint: str
    expires: datetime | None


def get_folder() -> Path:
    """Return the folder of the keys (GNUPGHOME), which exists only where PGP is used."""
    return settings.current().etl_data_dir / "var" / "pgp"


def decrypt_file(path: Path, target: Path, passphrases: Sequence[str], max_bytes: int) -> None:
    """Decrypt a file into another one, with the first of the passphrases that opens its key, or with none.

    Raises MissingKeyError without the right key, PasswordError without the right passphrase, and BadDataError where the
    file is damaged or larger than `max_bytes`.
    """
    with _open_keys() as gpg:
        for passphrase in (*passphrases, NO_PASSPHRASE):
            # by a stream: gpg gets no file name of a stranger as an argument
            with path.open("rb") as stream:
                result = gpg.decrypt_file(
                    stream, passphrase=passphrase, output=str(target), always_trust=True,
                    extra_args=["--max-output", str(max_bytes)],
                )  # fmt: skip
            # gpg says that all is well also when it has stopped at the limit
            if result.ok and MAX_OUTPUT not in result.stderr:
                return
            target.unlink(missing_ok=True)
            if not _needs_passphrase(result):
                break
    raise _make_error(path.name, result)


def encrypt_file(path: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file for recipients, each named by fingerprint or address; raises ConfigurationError without a key."""
    with _open_keys() as gpg, path.open("rb") as stream:
        result = gpg.encrypt_file(stream, list(recipients), output=str(target), always_trust=True, armor=False)
    if not result.ok:
        target.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{path.name} cannot be encrypted for {', '.join(recipients)}: {result.status or 'gpg failed'}",
            f"Import a valid public key of each: gpg --homedir {shlex.quote(str(get_folder()))} --import FILE.",
        )


def export_key(recipient: str) -> bytes:
    """Return the public key of a recipient, named by fingerprint or address; raises ConfigurationError without it."""
    with _open_keys() as gpg:
        key = gpg.export_keys(recipient, armor=False)
    if not key:
        raise ConfigurationError(
            f"there is no PGP key of {recipient} to encrypt for",
            f"Import it: gpg --homedir {shlex.quote(str(get_folder()))} --import FILE.",
        )
    return bytes(key)


def list_keys() -> list[Key]:
    """Return all keys, also expired ones; none if PGP is not used. Raises ConfigurationError."""
    if not get_folder().is_dir():
        return []
    with _open_keys() as gpg:
        return [
            Key(
                (key["uids"] or [key["fingerprint"]])[0],
                key["fingerprint"],
                datetime.fromtimestamp(int(key["expires"]), UTC) if key["expires"] else None,
            )
            for key in gpg.list_keys()
        ]


@contextmanager
def _open_keys() -> Iterator[Any]:
    """Give gpg with our keys, for one process at a time; its agent, which remembers passphrases, ends with it."""
    # late: hardly any run needs it
    import gnupg

    # its warnings are our errors
    logging.getLogger("gnupg").setLevel(logging.CRITICAL)
    program, folder = shutil.which("gpg"), get_folder()
    if program is None:
        raise ConfigurationError("gpg is not installed, which PGP needs", "Run: sudo apt install gpg gpg-agent")
    if not folder.is_dir():
        raise ConfigurationError(f"there are no PGP keys: {folder} does not exist", "See docs/pgp.md.")
    status = folder.stat()
    if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid != os.geteuid():
        owner = f"mode {stat.S_IMODE(status.st_mode):o}, owner {status.st_uid}"
        raise ConfigurationError(
            f"the folder of the PGP keys {folder} is not for its owner alone, who runs the jobs ({owner})",
            f"Run as the user of the jobs: chmod 700 {shlex.quote(str(folder))}",
        )
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield gnupg.GPG(
            gpgbinary=program,
            gnupghome=str(folder),
            options=["--no-auto-key-locate", "--no-options", "--pinentry-mode", "loopback"],
        )
    finally:
        subprocess.run(
            ["gpgconf", "--homedir", folder, "--kill", "gpg-agent"], check=False, capture_output=True,
            timeout=MAX_END_SECONDS,
        )  # fmt: skip
        os.close(lock)


def _needs_passphrase(result: Any) -> bool:
    return "bad passphrase" in result.stderr.lower()


def _make_error(name: str, result: Any) -> EtlError:
    """Return why gpg did not decrypt a file, by its status lines (gnupg/doc/DETAILS)."""
    text = result.stderr
    if MAX_OUTPUT in text:
        return BadDataError(
            f"{name} is too large when it is decrypted", "Raise MAX_UNPACKED_GB, or ask for smaller files."
        )
    if _needs_passphrase(result):
        return PasswordError(name)
    if "NO_SECKEY" in text or "No secret key" in text:
        return MissingKeyError(
            f"{name} is encrypted for a PGP key that is not here; it waits",
            f"Import the private key: gpg --homedir {shlex.quote(str(get_folder()))} --import FILE.",
        )
    return BadDataError(
        f"{name} is encrypted with PGP, and damaged or incomplete ({result.status or 'no valid data'})",
        "Ask the sender for it again.",
    )
