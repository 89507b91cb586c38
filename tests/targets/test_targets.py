"""Delivery targets are found by their names, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts import targets
from systemscripts.errors import ConfigurationError, UsageError


def test_a_misspelt_target_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "client_files.yaml").write_text("type: sftp\nhost: ${SOURCE_HOST}\nuser: me\nagent: true\n")
    assert targets.load_target("client_files", tmp_path).options == {
        "host": "${SOURCE_HOST}",
        "user": "me",
        "agent": True,
    }
    with pytest.raises(UsageError, match="did you mean client_files"):
        targets.load_target("client_file", tmp_path)


def test_every_fault_of_every_target_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("type: sftp\nhots: a\nuser: me\nport: ${SOURCE_PORT}\nagent: true\n")
    (tmp_path / "two.yaml").write_text("type: s3\nprefx: reports\n")
    (tmp_path / "three.yaml").write_text("type: pigeon\n")
    (tmp_path / "four.yaml").write_text("type: sftp\nhost: a\nuser: me\n")
    (tmp_path / "sound.yaml").write_text("type: s3\nbucket: reports\n")
    faults = [text.removeprefix(f"{tmp_path}/") for text in targets.find_faults(tmp_path)]
    assert faults == [
        "four.yaml line 1: needs key_file, agent: true, or password: ${SOURCE_...}",
        "one.yaml line 1: host is missing",
        "one.yaml line 2: hots is not a key, did you mean host?",
        "three.yaml: there is no delivery target of type 'pigeon'. There are: folder, mail, s3, sftp, store.",
        "two.yaml line 2: prefx is not a key, did you mean prefix?",
    ]


def test_a_target_of_an_unknown_kind_is_a_configuration_fault(tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("type: pigeon\n")
    with pytest.raises(ConfigurationError, match="no delivery target of type 'pigeon'"):
        targets.deliver(targets.load_target("there", tmp_path), [])
