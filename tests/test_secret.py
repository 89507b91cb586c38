"""Encrypted values: only the key's owner can make and read them, and a changed one is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemscripts import secret, settings
from systemscripts.errors import ConfigurationError

pytestmark = pytest.mark.fast


def test_what_was_encrypted_comes_back_and_looks_like_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "keys" / "secret.key"))
    encrypted = secret.encrypt("wJalrXUtnFEMI/K7MDENG")
    assert encrypted.startswith("enc:") and "wJalr" not in encrypted
    assert encrypted != secret.encrypt("wJalrXUtnFEMI/K7MDENG")
    assert secret.decrypt(encrypted) == "wJalrXUtnFEMI/K7MDENG"
    assert (tmp_path / "keys" / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key_path = tmp_path_factory.mktemp("keys") / "secret.key"
    secret.encrypt("x", key_path)
    return key_path


@given(st.text(max_size=50))
def test_any_text(key_file: Path, text: str) -> None:
    assert secret.decrypt(secret.encrypt(text, key_file), key_file) == text


@given(st.integers(min_value=4), st.sampled_from("Ab0_"))
def test_a_changed_value_is_refused(key_file: Path, key_path: int, letter: str) -> None:
    encrypted = secret.encrypt("a secret", key_file)
    key_path = 4 + key_path % (len(encrypted) - 7)  # the last letter before == holds bits that are not read
    changed = encrypted[:key_path] + letter + encrypted[key_path + 1 :]
    if changed != encrypted:
        with pytest.raises(ConfigurationError, match="another key, or damaged"):
            secret.decrypt(changed, key_file)


def test_a_key_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_path = tmp_path / "secret.key"

    def power_cut(handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("os.fsync", power_cut)
        secret.encrypt("x", key_path)
    assert list(tmp_path.iterdir()) == []
    assert secret.decrypt(secret.encrypt("x", key_path), key_path) == "x"


def test_a_new_first_key_encrypts_and_the_old_one_still_reads(key_file: Path, tmp_path: Path) -> None:
    old = secret.encrypt("of old", key_file)
    other = tmp_path / "other.key"
    secret.encrypt("x", other)
    both = tmp_path / "both.key"
    both.touch(mode=0o600)
    both.write_text(other.read_text() + key_file.read_text())
    assert secret.decrypt(old, both) == "of old"
    assert secret.decrypt(secret.encrypt("new", both), other) == "new"


def test_every_secret_setting_may_be_encrypted(key_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.touch(mode=0o600)
    encrypted = {
        name: secret.encrypt(value, key_file) for name, value in (("url", "postgresql://a:b@h/n"), ("word", "pass"))
    }
    path.write_text(
        f"SECRET_KEY_FILE={key_file}\nDATABASE_URL={encrypted['url']}\nSMTP_PASSWORD={encrypted['word']}\nSOURCE_X={encrypted['word']}\n"
    )
    loaded = settings.load(path, {})
    assert loaded.database_url.get_secret_value() == "postgresql://a:b@h/n"
    assert loaded.smtp_password is not None and loaded.smtp_password.get_secret_value() == "pass"
    assert loaded.source_variables["SOURCE_X"].get_secret_value() == "pass"
    path.write_text(f"SECRET_KEY_FILE={tmp_path / 'none'}\nDATABASE_URL=embedded\nSMTP_PASSWORD={encrypted['word']}\n")
    with pytest.raises(ConfigurationError, match=r"SMTP_PASSWORD: the key file .* cannot be read"):
        settings.load(path, {})
