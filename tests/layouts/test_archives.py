"""Archives of several files: each file has its own ticket, and the archive goes when all of them are loaded."""

from __future__ import annotations

import io
import os
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from systemscripts import settings
from systemscripts.sources import arrival
from tests.ingest.test_identity_rules import Office, states, texts

FILES = {
    "a/things_1.csv": "id,a\n1,x\n", "../../things_2.csv": "id,a\n2,y\n", "b/things_1.csv": "id,a\n3,z\n",
    "readme.txt": "hello", "__MACOSX/._things_1.csv": "\0",
}  # fmt: skip
ROWS = [("1", "x"), ("2", "y"), ("3", "z")]


def pack(path: Path, files: dict[str, str]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, text in files.items():
                packed.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as packed_tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                packed_tar.addfile(info, io.BytesIO(text.encode()))
    moment = time.time() - 60
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def inbox(office: Office) -> Path:
    folder = office.here.data / "inbox"
    folder.mkdir()
    configure(office, "things", folder)
    return folder


def configure(office: Office, name: str, folder: Path, **more: Any) -> None:
    source = {"type": "archive", "path": str(folder), "pattern": r"pack_\d+\.(zip|tar\.gz)"} | more
    office.here.configure(
        name, file_pattern=rf"{name}_\d+\.csv", sources=[source], load_mode="append", target_table="public.things"
    )


def rows(office: Office) -> list[tuple[Any, ...]]:
    return office.here.sql("select id, a from public.things order by id")


@pytest.mark.parametrize("name", ["pack_1.zip", "pack_1.tar.gz"])
def test_each_file_of_an_archive_has_its_ticket_and_the_archive_goes_with_the_last(
    office: Office, inbox: Path, name: str
) -> None:
    pack(inbox / name, FILES)
    done = office.run("things")
    assert (states(done), texts(done)) == (["loaded"] * 3, "")
    assert rows(office) == ROWS
    tickets = office.here.sql('select source_path, status from dba.tfile order by source_path collate "C"')
    assert tickets == [(f"{inbox}/{name}/{member}", "loaded") for member in sorted(FILES)[:1] + sorted(FILES)[2:4]]
    assert list(inbox.iterdir()) == []
    assert len([name for name in office.here.read_archive() if name.startswith("things_")]) == 3
    assert not (office.here.data.parent / "things_2.csv").exists()


def test_an_archive_stays_until_each_of_its_files_is_loaded_by_some_import(office: Office, inbox: Path) -> None:
    path = pack(inbox / "pack_1.zip", {"things_1.csv": "id,a\n1,x\n", "others_1.csv": "id,a\n2,y\n"})
    assert states(office.run("things")) == ["loaded"]
    assert path.exists()
    assert states(office.run("things")) == []
    configure(office, "others", inbox)
    assert states(office.run("others")) == ["loaded"]
    assert not path.exists()
    assert rows(office) == ROWS[:2]


def test_a_kept_archive_is_loaded_once_and_again_when_it_is_new(office: Office, inbox: Path) -> None:
    configure(office, "things", inbox, keep=True)
    path = pack(inbox / "pack_1.zip", {"things_1.csv": "id,a\n1,x\n"})
    assert [states(office.run("things")) for _ in range(2)] == [["loaded"], []]
    assert path.exists()
    pack(path, {"things_1.csv": "id,a\n2,new\n"})
    assert states(office.run("things")) == ["loaded"]
    assert rows(office) == [("1", "x"), ("2", "new")]


@pytest.mark.parametrize("step", ["_sync_files", "try_move_file", "_register_files"])
def test_a_run_that_ends_while_files_land_is_completed_by_the_next_one(
    office: Office, inbox: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    pack(inbox / "pack_1.zip", FILES)
    calls = iter(range(10))

    def fail(*values: Any) -> Any:
        if next(calls) == 1 or step != "try_move_file":
            raise KeyboardInterrupt
        return whole(*values)

    whole = getattr(arrival, step)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(arrival, step, fail)
        office.run("things")
    assert (inbox / "pack_1.zip").exists()
    office.run("things")
    office.run("things")
    assert rows(office) == ROWS
    assert list(inbox.iterdir()) == []


def test_a_damaged_archive_or_one_without_a_file_for_the_import_stays_and_is_reported(
    office: Office, inbox: Path
) -> None:
    path = pack(inbox / "pack_1.zip", FILES)
    path.write_bytes(path.read_bytes()[:200])
    os.utime(path, (1, 1))
    pack(inbox / "pack_2.zip", {"other.csv": "a,b\n1,2\n"})
    done = office.run("things")
    assert "pack_1.zip is truncated or damaged" in "\n".join(map(str, done.problems))
    assert "pack_2.zip has no file that matches things_" in texts(done)
    assert sorted(path.name for path in inbox.iterdir()) == ["pack_1.zip", "pack_2.zip"]


def test_a_protected_archive_waits_for_its_password(office: Office, inbox: Path) -> None:
    with pyzipper.AESZipFile(inbox / "pack_1.zip", "w", encryption=pyzipper.WZ_AES) as packed:
        packed.setpassword(b"right")
        for name in ("things_1.csv", "things_2.csv"):
            packed.writestr(name, f"id,a\n{name[7]},x\n")
    os.utime(inbox / "pack_1.zip", (1, 1))
    office.here.configure("things", reading={"password": ["${SOURCE_OLD}", "${SOURCE_ZIP}"]})
    for password, count in (("wrong", 0), ("right", 2)):
        office.here.write_settings(SOURCE_OLD="old", SOURCE_ZIP=password)
        settings.reset()
        assert len(office.run("things").rows) == count
        assert (inbox / "pack_1.zip").exists() == (count == 0)
    assert rows(office) == [("1", "x"), ("2", "x")]
