"""Encrypt and decrypt the files of a backup by gpg, as streams: with a passphrase, and for PGP keys besides.

The passphrase goes to gpg by a file descriptor, so it is in no command line, environment or log. It also proves who
made a file: for a key, anyone with its public half can make one.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from systemscripts import pgp, settings
from systemscripts.backups.restore_call import format_same_restore
from systemscripts.directory_management import CHUNK_BYTES, Directories, atomic_write
from systemscripts.errors import BadDataError, ConfigurationError, EtlError

# 32 letters of base64: 192 random bits, so nothing is gained by the slow hashing that protects a short passphrase.
PASSPHRASE_BYTES = 24
OPTIONS = ["--no-options", "--batch", "--yes", "--no-auto-key-locate", "--pinentry-mode", "loopback", "--no-tty"]
# Level 1 is a third of the processor time of level 6, for a sixth more bytes (measured with CSV).
CIPHER = ["--symmetric", "--cipher-algo", "AES256", "--compress-algo", "zlib", "--compress-level", "1"]
# The greatest number of rounds that gpg knows, 0.4 s here; without it gpg measures the machine each time.
ROUNDS = ["--s2k-mode", "3", "--s2k-digest-algo", "SHA256", "--s2k-count", "65011712"]
# In gpg's status lines (gnupg/doc/DETAILS), and in its words where there is no status.
_NO_SPACE = "No space left on device"
# Of a file whose content was encrypted, all of it, and is as it was written; in this order up to the content.
_WHOLE = ["BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC"]
_STATUS = re.compile(rf"^\[GNUPG:\] ({'|'.join(_WHOLE)})\b", re.MULTILINE)
_DAMAGED = ("BADMDC", "NODATA", "invalid packet", "WARNING: encrypted message has been manipulated")


def get_passphrase_path() -> Path:
    """Return the file of the passphrase that is generated where the settings name none."""
    return Directories(settings.current().etl_data_dir).var / "backup_passphrase"


def choose_passphrase() -> str:
    """Return the passphrase for a new backup: BACKUP_PASSPHRASE, else the generated one, which is made if missing."""
    named = settings.current().backup_passphrase
    if named is not None:
        return named.get_secret_value()
    path = get_passphrase_path()
    if not path.exists():
        with atomic_write(path, mode=0o600) as stream:
            stream.write(f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n".encode())
    return path.read_text(encoding="utf-8").strip()


def list_passphrases(given: Path | None = None) -> list[str]:
    """Return what may open a backup: of the given file, else of the settings and the generated one.

    Raises ConfigurationError if the given file cannot be read.
    """
    if given is not None:
        try:
            return [given.read_text(encoding="utf-8").rstrip("\r\n")]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the passphrase file {given} cannot be read: {error}", "Name another.") from error
    named = settings.current().backup_passphrase
    passphrases = [named.get_secret_value()] if named is not None else []
    with contextlib.suppress(OSError):
        passphrases.append(get_passphrase_path().read_text(encoding="utf-8").strip())
    return passphrases


@contextlib.contextmanager
def encrypt_to(path: Path, passphrase: str) -> Iterator[IO[bytes]]:
    """Yield a stream whose content is written to `path`, encrypted; the file is on the disk afterwards.

    It is also encrypted for the keys of BACKUP_ENCRYPT_FOR. Raises EtlError or ConfigurationError; `path` is removed
    then.
    """
    with _create_home() as home, _pass_secret(passphrase) as descriptor:
        recipients = _export_recipients(home)
        command = _build_command(home, descriptor, [*CIPHER, *ROUNDS, *recipients, "--output", str(path)])
        try:
            with _run_gpg(command, home, descriptor) as process:
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError), process.stdin:
                    yield process.stdin
            _raise_fault(process, home, path)
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def decrypt(path: Path, passphrases: Sequence[str], is_key_enough: bool) -> Iterator[IO[bytes]]:
    """Yield the content of a file as a stream, with the first passphrase that opens it, else with a key in var/pgp.

    Only after the end of the block is it known to be whole and unchanged. `is_key_enough`: whether the passphrase need
    not prove who made it. Raises ConfigurationError (wrong passphrase and no key, no gpg) or BadDataError.
    """
    if not path.is_file():
        raise BadDataError(f"{path} is missing", "Copy it next to the backup that needs it, then run it again.")
    with contextlib.ExitStack() as stack:
        attempt = _find_attempt(path, passphrases, is_key_enough, stack)
        try:
            yield attempt.stdout
        except Exception as error:
            # what was read may be wrong because gpg failed, whose reason is the better one
            attempt.finish(path, error)
            raise
        attempt.finish(path, None)


@contextlib.contextmanager
def read_tar(path: Path, passphrases: Sequence[str], is_key_enough: bool = False) -> Iterator[tarfile.TarFile]:
    """Yield the members of an encrypted tar, to be read in their order; raises as `decrypt` does."""
    with decrypt(path, passphrases, is_key_enough) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield tar
        except tarfile.TarError as error:
            raise BadDataError(f"{path} is damaged: {error}", "Use another backup.") from error


@dataclass
class _Attempt:
    """One run of gpg that has begun to give the content."""

    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    home: Path

    def finish(self, path: Path, error: Exception | None) -> None:
        """Read to the end, so that gpg checks all of it; raises why it is not whole."""
        if not isinstance(error, OSError):
            while self.stdout.read(CHUNK_BYTES):
                pass
            self.process.wait()
            _raise_fault(self.process, self.home, path)
            _refuse_unencrypted(self.home, path)


def _find_attempt(path: Path, passphrases: Sequence[str], is_key_enough: bool, stack: contextlib.ExitStack) -> _Attempt:
    """Start gpg with each passphrase until one of them opens the file; each run that fails has ended."""
    fault: EtlError | None = None
    # all passphrases before the keys; without a passphrase only keys count
    homes = (None, pgp.get_folder()) if pgp.get_folder().is_dir() else (None,)
    for keys, passphrase in itertools.product(homes, passphrases or ("",)):
        inner = contextlib.ExitStack()
        words = inner.enter_context(_create_home())
        home = inner.enter_context(_end_agent(keys or words))
        descriptor = inner.enter_context(_pass_secret(passphrase))
        command = _build_command(home, descriptor, ["--status-fd", "2", "--decrypt", str(path)])
        process = inner.enter_context(_run_gpg(command, words, descriptor))
        stdout = process.stdout
        assert isinstance(stdout, io.BufferedReader)
        # waits until gpg has opened it, or has ended
        if stdout.peek(1):
            stack.push(inner)
            if keys and not is_key_enough:
                raise _build_key_fault(path)
            return _Attempt(process, stdout, words)
        process.wait()
        try:
            _raise_fault(process, words, path)
        except EtlError as error:
            fault = error
        inner.close()
        # a damaged file is damaged for every key
        if isinstance(fault, BadDataError):
            raise fault
    raise fault or BadDataError(f"{path} is empty", "Use another backup.")


def _find_gpg() -> str:
    program = shutil.which("gpg")
    if program is None:
        raise ConfigurationError("gpg is not installed, which backups need", "Run: sudo apt install gpg gpg-agent")
    return program


def _build_command(home: Path, descriptor: int, arguments: list[str]) -> list[str]:
    return [_find_gpg(), "--homedir", str(home), *OPTIONS, "--passphrase-fd", str(descriptor), *arguments]


@contextlib.contextmanager
def _create_home() -> Iterator[Path]:
    """Create a folder for gpg without keys: in /tmp, because the path of a socket has at most 107 bytes."""
    with (
        tempfile.TemporaryDirectory(prefix="etl_gpg_", ignore_cleanup_errors=True) as folder,
        _end_agent(Path(folder)) as home,
    ):
        yield home


@contextlib.contextmanager
def _end_agent(home: Path) -> Iterator[Path]:
    """End the agent of a folder of gpg afterwards: it remembers passphrases."""
    try:
        yield home
    finally:
        subprocess.run(
            ["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=False, capture_output=True,
            timeout=pgp.MAX_END_SECONDS,
        )  # fmt: skip


@contextlib.contextmanager
def _pass_secret(passphrase: str) -> Iterator[int]:
    """Yield a descriptor from which another program reads the passphrase: a pipe that already has it."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        stream.write(f"{passphrase}\n")
    try:
        yield reader
    finally:
        os.close(reader)


@contextlib.contextmanager
def _run_gpg(command: list[str], home: Path, descriptor: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run gpg with pipes, its words in a file, where they cannot block it; it does not survive the block."""
    with (home / "words").open("wb") as words:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, pass_fds=[descriptor],
            env={name: value for name, value in os.environ.items() if not name.startswith("GNUPG")} | {"LC_ALL": "C"},
        )  # fmt: skip
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()


def _raise_fault(process: subprocess.Popen[bytes], home: Path, path: Path) -> None:
    """Raise why gpg failed, if it did."""
    if process.returncode == 0:
        return
    text = (home / "words").read_text(errors="replace")
    if _NO_SPACE in text:
        raise EtlError(f"no space left for {path}", "Free space, then run it again.")
    if any(word in text for word in _DAMAGED) or "DECRYPTION_OKAY" in text:
        raise BadDataError(
            f"{path} is damaged or incomplete",
            f"Copy it again, or use another backup: {format_same_restore('FILE')}",
        )
    if "[GNUPG:] ENC_TO" in text or "encrypted with 1 passphrase" in text or "Bad session key" in text:
        keys = sorted(set(re.findall(r"ENC_TO ([0-9A-F]+)", text)))
        also = f", nor does a PGP key in {pgp.get_folder()} ({' or '.join(keys)} is needed)" if keys else ""
        imports = f", or import the key: gpg --homedir {shlex.quote(str(pgp.get_folder()))} --import FILE"
        raise ConfigurationError(
            f"the passphrase does not open {path.name}{also}",
            f"Run: {format_same_restore(path, '--passphrase-file', 'FILE')}{imports if keys else ''}",
        )
    lines = [line for line in text.splitlines() if line.startswith("gpg: ")] or ["gpg: it was killed"]
    raise EtlError(f"{path.name}: {lines[-1]}", "See the log, then run it again.")


def _refuse_unencrypted(home: Path, path: Path) -> None:
    """Raise BadDataError if what gpg gave was not decrypted: it gives what is only packed as well, and succeeds."""
    keywords = _STATUS.findall((home / "words").read_text(errors="replace"))
    if keywords[:2] != _WHOLE[:2] or sorted(keywords) != sorted(_WHOLE):
        raise BadDataError(f"{path} is not encrypted, so it is not a backup of this project", "Use another one.")


def _build_key_fault(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the passphrase does not open {path.name}, only a PGP key does: anyone with its public half can have made it",
        f"Run: {format_same_restore(path, '--passphrase-file', 'FILE')}, or, if you know that it is yours:"
        f" {format_same_restore(path, '--trust-origin')}",
    )


def _export_recipients(home: Path) -> list[str]:
    """Write the public keys of BACKUP_ENCRYPT_FOR to files for gpg; raises ConfigurationError if one is missing."""
    arguments = []
    for number, recipient in enumerate(settings.current().backup_encrypt_for):
        path = home / f"key_{number}.pgp"
        path.write_bytes(pgp.export_key(recipient))
        arguments += ["--recipient-file", str(path)]
    return ["--encrypt", "--trust-model", "always", *arguments] if arguments else []
