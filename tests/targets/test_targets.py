"""Delivery targets are found by their names, and what is wrong with them is said."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from systemscripts import settings, targets
from systemscripts.errors import ConfigurationError, UsageError
from tests.smtp_server import SmtpServer


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


def test_a_mail_is_noted_as_delivered_before_its_session_ends_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "client.yaml").write_text("type: mail\nto: ann@example.com\n")
    target = targets.load_target("client", tmp_path)
    (tmp_path / "orders.csv").write_text("a\n1\n")
    with SmtpServer() as server:
        for name, value in server.settings.items():
            monkeypatch.setenv(name, value)
        settings.reset()
        notes: list[tuple[str, bool]] = []
        deliver = partial(targets.deliver, target, [tmp_path / "orders.csv"], "mark")
        try:
            deliver(note_aside=lambda where: notes.append((where, "QUIT" in map(str.upper, server.lines))))
            # a kill after the note: the next run knows of it
            deliver(aside_at=notes[0][0])
        finally:
            monkeypatch.undo()
            settings.reset()
        assert [is_over for _, is_over in notes] == [False] and server.list_recipients() == ["ann@example.com"]
