"""Files encrypted for us are read, and deliveries are encrypted for their recipient; by the real gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from systemscripts import pgp, settings, targets
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, PasswordError
from systemscripts.monitoring.checks import pgp_keys
from systemscripts.monitoring.doctor_checks import Context
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.conftest import Installation
from tests.ssh import servers

PASSPHRASE = "the-passphrase-of-the-key"


def run_gpg(home: Path, *arguments: object, content: bytes = b"") -> bytes:
    command = ["gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", *arguments]
    return subprocess.run(list(map(str, command)), input=content, check=True, capture_output=True).stdout


def generate_key(home: Path, owner: str, passphrase: str, lifetime: str) -> None:
    arguments = ("--passphrase", passphrase, "--quick-generate-key", owner, "future-default", "default", lifetime)
    run_gpg(home, *arguments)


@pytest.fixture(scope="module")
def sender() -> Iterator[Path]:
    """Our keys (ours with a passphrase, plain without), and all public keys, as a sender has them."""
    if shutil.which("gpg") is None:
        pytest.skip("needs gpg")
    # the socket of the agent has a short path
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        generate_key(home, "ours@example.com", PASSPHRASE, "30d")
        generate_key(home, "plain@example.com", "", "2y")
        generate_key(home, "stranger@example.com", "", "2y")
        yield home
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


@pytest.fixture
def keys(here: Installation, sender: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the keys of an installation, with the two of ours."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "pgp"
        home.mkdir(mode=0o700)
        for owner, passphrase in (("ours@example.com", PASSPHRASE), ("plain@example.com", "")):
            exported = run_gpg(sender, "--passphrase", passphrase, "--export-secret-keys", owner)
            run_gpg(home, "--import", content=exported)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        monkeypatch.setattr(pgp, "get_folder", lambda: home)
        yield home


def encrypt(sender: Path, path: Path, content: bytes, owner: str, *options: str) -> Path:
    path.write_bytes(run_gpg(sender, "--trust-model", "always", *options, "-r", owner, "--encrypt", content=content))
    return path


@pytest.mark.parametrize("options", [(), ("--armor",), ("--compress-algo", "none"), ("--throw-keyids",)])
def test_a_file_encrypted_for_us_is_read_like_any_other(
    keys: Path, sender: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = encrypt(sender, tmp_path / "list.csv.pgp", b"id,n\n1,2\n", "plain@example.com", *options)
    with open_table(path) as table:
        assert table.columns == ["id", "n"]
        assert "unpacked from PGP: list.csv" in table.detected.notes[0]
    agents = subprocess.run(["pgrep", "-f", f"gpg-agent.*{keys}"], capture_output=True, text=True, check=False)
    assert agents.stdout == ""


def test_the_passphrase_of_the_key_is_one_of_the_passwords_of_the_import(
    keys: Path, sender: Path, tmp_path: Path
) -> None:
    path = encrypt(sender, tmp_path / "list.csv", b"id\n1\n", "ours@example.com")
    with open_table(path, ReadingOptions(passwords=("wrong", PASSPHRASE))) as table:
        assert table.columns == ["id"]
    for passwords in ((), ("wrong",)):
        with pytest.raises(PasswordError, match=r"list.csv is protected by a password"):
            open_table(path, ReadingOptions(passwords=passwords))


def test_a_file_for_another_key_waits_and_a_damaged_one_is_refused(keys: Path, sender: Path, tmp_path: Path) -> None:
    path = encrypt(sender, tmp_path / "list.csv.gpg", b"id\n1\n", "stranger@example.com")
    with pytest.raises(EtlError, match=r"encrypted for a PGP key that is not here; it waits. Import") as caught:
        open_table(path)
    assert caught.value.exit_code == 78
    assert not isinstance(caught.value, BadDataError | ConfigurationError)
    whole = encrypt(sender, tmp_path / "cut.csv.gpg", os.urandom(5000), "plain@example.com")
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(BadDataError, match=r"cut.csv.gpg is encrypted with PGP, and damaged or incomplete"):
        open_table(whole)


def test_what_decrypts_to_too_much_is_refused(
    keys: Path, sender: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encrypt(sender, tmp_path / "list.csv.pgp", b"id\n" + b"1\n" * 1_000_000, "plain@example.com")
    target = tmp_path / "plain"
    with pytest.raises(BadDataError, match="too large when it is decrypted"):
        pgp.decrypt_file(path, target, (), 1_000_000)
    assert not target.exists()


def test_without_keys_the_file_is_refused_and_a_folder_that_others_read_is_named(
    keys: Path, sender: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encrypt(sender, tmp_path / "list.csv", b"id\n1\n", "plain@example.com")
    keys.chmod(0o750)
    with pytest.raises(ConfigurationError, match=r"not for its owner alone.* chmod 700"):
        open_table(path)
    monkeypatch.setattr(pgp, "get_folder", lambda: tmp_path / "none")
    with pytest.raises(BadDataError, match=r"is a file encrypted with PGP, not a table. Add its private key"):
        open_table(path)


def test_a_delivery_is_encrypted_for_its_recipients_and_nothing_goes_without_their_keys(
    keys: Path, sender: Path, here: Installation, tmp_path: Path
) -> None:
    run_gpg(keys, "--import", content=run_gpg(sender, "--export", "stranger@example.com"))
    report = tmp_path / "report.csv"
    report.write_bytes(b"id\n1\n")
    with servers.asyncssh_place(tmp_path / "server") as (remote, fingerprint):
        servers.trust(here, remote.host, remote.port, fingerprint)
        target = targets.Target.model_validate(
            {**remote.options(), "name": "client", "encrypt_for": ["stranger@example.com"]}
        )
        targets.deliver(target, [report])
        assert remote.names() == ["report.csv.pgp"]
        assert run_gpg(sender, "--decrypt", remote.folder / "report.csv.pgp") == b"id\n1\n"
        unknown = target.model_copy(update={"encrypt_for": ["nobody@example.com"]})
        with pytest.raises(ConfigurationError, match=r"cannot be encrypted for nobody@example.com.* --import FILE"):
            targets.deliver(unknown, [report])
        assert remote.names() == ["report.csv.pgp"]


def test_the_doctor_lists_the_keys_and_the_watchdog_tells_before_one_expires(
    keys: Path, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    expiries = {key.owner: key.expires for key in pgp.list_keys()}
    ours = expiries["ours@example.com"]
    assert ours is not None and abs(ours - datetime.now(UTC) - timedelta(days=30)) < timedelta(days=1)
    here.write_settings(CERTIFICATE_DAYS="40")
    settings.reset()
    context = Context(settings.current(), Directories(here.data), here.data / "cron")
    lines = [(line.state, line.message.split(":")[0]) for line in pgp_keys.check(context)]
    assert sorted(lines) == [("ok", "plain@example.com"), ("warning", "ours@example.com")]
