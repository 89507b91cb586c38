"""Delivery targets are found by their names, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts import targets
from systemscripts.errors import ConfigurationError, UsageError


def test_a_misspelt_target_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "client_files.yaml").write_text("type: sftp\nhost: files.example.test\n")
    assert targets.load("client_files", tmp_path).options == {"host": "files.example.test"}
    with pytest.raises(UsageError, match="did you mean client_files"):
        targets.load("client_file", tmp_path)


def test_a_target_of_an_unknown_kind_is_a_configuration_fault(tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("type: pigeon\n")
    with pytest.raises(ConfigurationError, match="no delivery target of type 'pigeon'"):
        targets.deliver(targets.load("there", tmp_path), [])
