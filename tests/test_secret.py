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
    made = secret.encrypt("wJalrXUtnFEMI/K7MDENG")
    assert made.startswith("enc:") and "wJalr" not in made
    assert made != secret.encrypt("wJalrXUtnFEMI/K7MDENG")
    assert secret.decrypt(made) == "wJalrXUtnFEMI/K7MDENG"
    assert (tmp_path / "keys" / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keys") / "secret.key"
    secret.encrypt("x", place)
    return place


@given(st.text(max_size=50))
def test_any_text(key_file: Path, text: str) -> None:
    assert secret.decrypt(secret.encrypt(text, key_file), key_file) == text


@given(st.integers(min_value=4), st.sampled_from("Ab0_"))
def test_a_changed_value_is_refused(key_file: Path, place: int, letter: str) -> None:
    made = secret.encrypt("a secret", key_file)
    place = 4 + place % (len(made) - 7)  # the last letter before == holds bits that nobody reads
    changed = made[:place] + letter + made[place + 1 :]
    if changed != made:
        with pytest.raises(ConfigurationError, match="another key, or damaged"):
            secret.decrypt(changed, key_file)


def test_a_key_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "secret.key"

    def power_cut(handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("os.fsync", power_cut)
        secret.encrypt("x", place)
    assert list(tmp_path.iterdir()) == []
    assert secret.decrypt(secret.encrypt("x", place), place) == "x"


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
    made = {
        name: secret.encrypt(value, key_file) for name, value in (("url", "postgresql://a:b@h/n"), ("word", "pass"))
    }
    path.write_text(
        f"SECRET_KEY_FILE={key_file}\nDATABASE_URL={made['url']}\nSMTP_PASSWORD={made['word']}\nSOURCE_X={made['word']}\n"
    )
    found = settings.load(path, {})
    assert found.database_url.get_secret_value() == "postgresql://a:b@h/n"
    assert found.smtp_password is not None and found.smtp_password.get_secret_value() == "pass"
    assert found.source_variables["SOURCE_X"].get_secret_value() == "pass"
    path.write_text(f"SECRET_KEY_FILE={tmp_path / 'none'}\nDATABASE_URL=embedded\nSMTP_PASSWORD={made['word']}\n")
    with pytest.raises(ConfigurationError, match=r"SMTP_PASSWORD: the key file .* cannot be read"):
        settings.load(path, {})
