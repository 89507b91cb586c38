"""A backup is never half, and each trouble is one line with the command to type."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from systemscripts import backups, pgp, settings
from systemscripts.backups import bundle, encryption, house_files, packs, put_files
from systemscripts.backups.packs import StoredFile
from systemscripts.directory_management import Directories, compute_sha256
from systemscripts.errors import BadDataError, ConfigurationError, EtlError
from systemscripts.targets import Target
from tests.conftest import Installation
from tests.test_pgp import generate_key, run_gpg
from tests.tiny_jobs import wait_for


@pytest.fixture
def house(here: Installation) -> Installation:
    """An installation with some files in its archive, in this process."""
    (here.data / "archive" / "2026").mkdir(parents=True)
    for number in range(3):
        (here.data / "archive" / "2026" / f"orders_{number}.csv").write_text(f"a;b\n{number};x\n")
    return here


def make(installation: Installation) -> Path:
    return backups.make_backup(Directories(installation.data)).path


def list_files(installation: Installation) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (installation.data / "var" / "backups").iterdir()}


def test_one_passphrase_opens_it_and_another_or_none_is_one_line_with_the_command(
    house: Installation, tmp_path: Path
) -> None:
    path = make(house)
    passphrase = encryption.get_passphrase_path()
    assert passphrase.stat().st_mode & 0o777 == 0o600
    kept = passphrase.read_text()
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    with pytest.raises(ConfigurationError, match="the passphrase does not open") as raised:
        backups.rehearse(path, wrong)
    assert f"restore {path} --passphrase-file FILE" in str(raised.value)
    passphrase.unlink()
    with backups.note_call("safe_place", "--database-only"):
        with pytest.raises(ConfigurationError, match="the passphrase does not open") as raised:
            backups.restore_database(path)
        # what was fetched from a target is gone when the command is read
        again = f"restore {path.name} --from safe_place --database-only --passphrase-file FILE"
        assert again in str(raised.value)
        house.write_settings(SMTP_HOST="127.0.0.1", ALERT_RECIPIENTS="boss@example.test")
        settings.reset()
        backups.queue_proof(path, backups.House(backups.Restored("x")), Directories(house.data).create())
    [text] = [queued.read_text() for queued in (house.data / "var" / "alerts").rglob("*") if queued.is_file()]
    assert f"restore {path.name} --from safe_place" in text and "--database-only" not in text
    wrong.write_text(kept)
    assert backups.rehearse(path, wrong).files >= 3


def test_a_key_of_its_recipient_opens_it_too_and_a_missing_one_is_named(
    house: Installation,
) -> None:
    home = Path("/tmp") / f"etl_keys_{os.getpid()}"
    home.mkdir(mode=0o700)
    try:
        generate_key(home, "safe@example.com", "", "2y")
        house.write_settings(BACKUP_ENCRYPT_FOR="safe@example.com")
        settings.reset()
        with pytest.raises(ConfigurationError, match="there are no PGP keys"):
            make(house)
        pgp.get_folder().mkdir(mode=0o700, parents=True)
        with pytest.raises(ConfigurationError, match=r"no PGP key of safe@example.com to encrypt for") as raised:
            make(house)
        assert "--import FILE" in str(raised.value)
        run_gpg(pgp.get_folder(), "--import", content=run_gpg(home, "--export", "safe@example.com"))
        path = make(house)
        encryption.get_passphrase_path().unlink()
        with pytest.raises(ConfigurationError, match=r"[0-9A-F]{16} is needed") as raised:
            backups.rehearse(path)
        assert "--import FILE" in str(raised.value)
        run_gpg(pgp.get_folder(), "--import", content=run_gpg(home, "--export-secret-keys", "safe@example.com"))
        # anyone with the public half can have made it
        with backups.note_call("", "--rehearse"), pytest.raises(ConfigurationError, match="only a PGP key") as raised:
            backups.rehearse(path)
        for option in ("--passphrase-file FILE", "--trust-origin"):
            assert f"restore {path} --rehearse {option}" in str(raised.value)
        assert backups.rehearse(path, trust_origin=True).files >= 3
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        subprocess.run(["gpgconf", "--homedir", pgp.get_folder(), "--kill", "all"], check=False)
        shutil.rmtree(home)


def test_one_that_was_never_encrypted_is_refused(house: Installation, tmp_path: Path) -> None:
    content = tmp_path / "tar"
    with encryption.decrypt(make(house), encryption.list_passphrases(), is_key_enough=False) as stream:
        content.write_bytes(stream.read())
    forged = tmp_path / "etl_20260105T043000.bundle"
    home = ["--homedir", str(tmp_path), "--batch"]
    subprocess.run(["gpg", *home, "--output", forged, "--store", content], check=True, capture_output=True)
    with pytest.raises(BadDataError, match="is not encrypted"):
        bundle.read_manifest(forged, encryption.list_passphrases())


def test_a_manifest_with_a_name_that_leads_elsewhere_is_refused(here: Installation, tmp_path: Path) -> None:
    digest, pack = "a" * 64, "etl_20260105T043000-001.files"
    inside = ("data/archive/x.csv", digest, pack)
    outside = [
        ("data/../../x", digest, pack), ("data//etc/x", digest, pack), ("data/./x", digest, pack),
        ("data", digest, pack), ("project/etl", digest, pack), ("project/systemscripts/x.py", digest, pack),
        (inside[0], "../../etc/x", pack), (inside[0], digest, f"../{pack}"), (inside[0], digest, "/etc/passwd"),
    ]  # fmt: skip
    for name, content, of_pack in (inside, *outside):
        path = tmp_path / "etl_20260105T043000.bundle"
        files = {name: StoredFile(1, 1, content, of_pack)}
        bundle.write_bundle(path, "secret", bundle.Manifest("", "", "", 1, 17, files=files), {})
        if (name, content, of_pack) == inside:
            assert bundle.read_manifest(path, ["secret"]).files == files
            continue
        with pytest.raises(BadDataError, match="which is not part of a backup"):
            bundle.read_manifest(path, ["secret"])


def test_a_manifest_of_other_types_is_one_line_that_names_the_backup(house: Installation, tmp_path: Path) -> None:
    path = make(house)
    odd_name = "data/archive/\udcff.csv"
    file = {"size": 1, "modified_ns": 1, "digest": "a" * 64, "pack": "etl_20260105T043000-001.files"}
    good: dict[str, object] = {
        "format": 1, "created": "", "version": "", "host": "", "migration": 1, "major": 18, "tables": {}, "packs": {},
        "files": {odd_name: file},
    }  # fmt: skip
    wrong_files: list[object] = [
        1, [file], {odd_name: 1}, {odd_name: {}}, {odd_name: file | {"size": "x"}},
        {odd_name: file | {"modified_ns": 2**63}}, {odd_name: file | {"digest": 7, "pack": None}},
    ]  # fmt: skip
    wrong_values: list[object] = [
        [], None, 1, {"format": 1}, good | {"major": None}, good | {"migration": "newest"},
        good | {"format": "1", "host": 1},
        good | {"tables": {"public.x": ["1"]}}, good | {"tables": {"public.x": 1}},
        good | {"packs": {"x.files": {"digest": "a" * 64, "size": {}, "content_bytes": 1}}},
        *(good | {"files": files} for files in wrong_files),
    ]  # fmt: skip
    wrong = [b"", b"\xff\x00", b"[" * 100_000, b'{"major": 1' + b"0" * 5000 + b"}"]
    for content in [*wrong, *(json.dumps(value).encode() for value in wrong_values)]:
        write_manifest(path, content)
        with pytest.raises(BadDataError, match=rf"^{re.escape(str(path))} is damaged or forged: ") as raised:
            bundle.read_manifest(path, ["secret"])
        assert "\n" not in str(raised.value)
    write_manifest(path, json.dumps(good).encode())
    assert list(bundle.read_manifest(path, ["secret"]).files) == [odd_name]
    # what is there under the name of the dump is not a file
    with pytest.raises(BadDataError, match="is not part of a backup"):
        bundle.unpack_bundle(path, ["secret"], tmp_path / "unpacked")
    # the next backup does not need it, and stores all again
    passphrase = encryption.get_passphrase_path().read_text().strip()
    bundle.write_bundle(path, passphrase, bundle.Manifest("", "", "", "x", 17), {})  # type: ignore[arg-type]
    assert len(bundle.read_manifest(make(house), [passphrase]).files) == 3


def write_manifest(path: Path, content: bytes) -> None:
    """Write a bundle with a manifest, and a folder in the place of the dump."""
    with encryption.encrypt_to(path, "secret") as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        member = tarfile.TarInfo(bundle.MANIFEST)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo(bundle.DUMP)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)


def test_root_is_told_to_put_back_single_files_where_this_host_names_their_place(
    here: Installation, tmp_path: Path
) -> None:
    here.write_settings(SECRET_KEY_FILE="/etc/client_etl_workflow/secret.key")
    settings.reset()
    local, source = tmp_path / "local", tmp_path / "aside"
    local.mkdir()
    source.write_text("x")
    named = house_files.list_named()
    told = {
        name: put_files.format_command(name, source, target, named)
        for name, target in {
            "local/imports/a.yaml": local / "imports" / "a.yaml",
            "host/etc/client_etl_workflow/secret.key": Path("/etc/client_etl_workflow/secret.key"),
            "host/etc/cron.d/x": Path("/etc/cron.d/x"),
            "home/.ssh/id": Path("/root/.ssh/id"),
            "data/archive/a.csv": here.data / "archive" / "a.csv",
        }.items()
    }
    assert told["local/imports/a.yaml"].endswith(f"/dev/stdin {local}/imports/a.yaml")
    assert "secret.key" in told["host/etc/client_etl_workflow/secret.key"]
    assert [name for name, command in told.items() if not command] == [
        "host/etc/cron.d/x", "home/.ssh/id", "data/archive/a.csv",
    ]  # fmt: skip
    subprocess.run(["bash", "-ec", told["local/imports/a.yaml"].replace("sudo -u root ", "").replace("sudo ", "")])
    assert (local / "imports" / "a.yaml").read_text() == "x"


@pytest.mark.parametrize("moment", ["after the first listing", "in the first listing", "after the second listing"])
def test_a_file_that_moves_into_the_zip_of_a_day_meanwhile_is_stored(tmp_path: Path, moment: str) -> None:
    folder, archive = tmp_path / "backups", tmp_path / "archive"
    folder.mkdir()
    archive.mkdir()
    moved, day = archive / "orders_1.csv", archive / "20260105.zip"
    moved.write_text("a\n1\n")
    day.write_bytes(b"the zip of before")
    listings = 0

    def move() -> None:
        moved.unlink()
        day.write_bytes(b"the zip with orders_1.csv")

    def list_paths() -> dict[str, Path]:
        nonlocal listings
        listings += 1
        paths = {f"data/archive/{path.name}": path for path in sorted(archive.iterdir())}
        if moment == "in the first listing" and listings == 1:
            del paths["data/archive/orders_1.csv"]
        if listings == (2 if moment == "after the second listing" else 1):
            move()
        return paths

    stored, faults = packs.PackWriter(folder, "etl_20260105T043000", "secret", {}, {}).store(list_paths)
    assert faults == []
    assert stored["data/archive/20260105.zip"].digest == compute_sha256(day)
    needed: dict[str, set[str]] = {}
    for file in stored.values():
        needed.setdefault(file.pack, set()).add(file.digest)
    read = {digest for digest, blocks in packs.read_contents(folder, needed, ["secret"]) for _ in blocks}
    assert read == {file.digest for file in stored.values()}


def test_a_pack_of_a_killed_delivery_is_read_back_by_the_next_one(house: Installation, tmp_path: Path) -> None:
    path = make(house)
    [pack] = path.parent.glob("*.files")
    (tmp_path / "away").mkdir()
    target = Target.model_validate({"name": "safe_place", "type": "folder", "path": str(tmp_path / "away")})
    # the kill was before it was read back
    damaged = tmp_path / "away" / pack.name
    damaged.write_bytes(bytes(pack.stat().st_size))
    assert backups.deliver_backup(target, path).files == 3
    assert damaged.read_bytes() == pack.read_bytes()
    assert backups.deliver_backup(target, path).files == 2


@pytest.mark.parametrize("fault", ["turned bytes", "cut off", "a pack is missing", "a pack is damaged"])
def test_what_is_damaged_or_missing_changes_nothing(house: Installation, fault: str) -> None:
    path = make(house)
    [pack] = path.parent.glob("*.files")
    broken = path if fault in ("turned bytes", "cut off") else pack
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    if fault == "cut off":
        broken.write_bytes(content[: len(content) // 2])
    elif fault == "a pack is missing":
        broken.unlink()
    else:
        broken.write_bytes(content)
    # otherwise all of them are here already
    shutil.rmtree(house.data / "archive")
    before = house.sql("select datname from pg_database order by 1")
    for restore in (lambda: backups.rehearse(path), lambda: backups.restore_house(path, Directories(house.data))):
        with pytest.raises(BadDataError, match=r"is damaged|is missing") as raised:
            restore()
        assert str(broken) in str(raised.value)
    assert house.sql("select datname from pg_database order by 1") == before
    assert not (house.data / "archive").exists()


def test_one_of_a_newer_schema_is_refused_before_anything_is_done(house: Installation) -> None:
    house.sql("insert into dba.tmigration values (9999, '9999_future.sql', 'x')")
    path = make(house)
    for restore in (lambda: backups.rehearse(path), lambda: backups.restore_house(path, Directories(house.data))):
        with pytest.raises(ConfigurationError, match=r"has migration 9999, this code has \d+ at most"):
            restore()


def test_a_full_disk_is_one_line_and_leaves_the_last_backup(house: Installation, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    folder = house.data / "var" / "backups"
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        make(house)
        before = list_files(house)
        (house.data / "archive" / "2026" / "large.csv").write_bytes(os.urandom(3 * 2**20))
        with pytest.raises(EtlError, match=r"no space left for .*Free space"):
            make(house)
        assert list_files(house) == before
    finally:
        subprocess.run(["umount", folder], check=True)


def kill_when_there(installation: Installation, pattern: str) -> None:
    """Start a backup, and kill it when it has begun to write a file of var/."""
    process = installation.start("backup_database")
    wait_for(lambda: list((installation.data / "var").glob(pattern)) or process.poll() is not None, 60)
    assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_kill_at_any_time_leaves_the_last_backup_whole(house: Installation) -> None:
    path = make(house)
    before = list_files(house)
    (house.data / "archive" / "2026" / "new.csv").write_bytes(os.urandom(2**20))
    for moment in ("unpacked/*/database.dump", "backups/.*.files.part", "backups/.*.bundle.part"):
        kill_when_there(house, moment)
        assert {name: content for name, content in list_files(house).items() if name in before} == before
        assert [each.path for each in backups.list_backups(Directories(house.data))] == [path]
    done = house.run("backup_database")
    assert done.returncode == 0, done.stderr
    assert not list((house.data / "var" / "backups").glob(".*"))
    assert not list((house.data / "var" / "unpacked").glob("*"))
    newest = backups.list_backups(Directories(house.data))[0].path
    assert newest != path
    assert backups.rehearse(newest).files >= 4
    # packs of killed runs are gone, too
    needed = set()
    for checksums in newest.parent.glob("*.sha256"):
        needed |= set(bundle.parse_checksums(checksums.read_text()))
    assert {each.name for each in newest.parent.glob("*.files")} <= needed


def test_the_passphrase_is_in_no_command_line_no_environment_and_no_log(house: Installation) -> None:
    house.write_settings(BACKUP_PASSPHRASE="correct-horse-battery-staple")
    seen = ""
    for arguments in (("backup_database",), ("restore_database", "--rehearse")):
        process = house.start(*arguments)
        while process.poll() is None:
            for path in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
                with contextlib.suppress(OSError):
                    seen += path.read_text(errors="replace")
        output = "".join(process.communicate())
        assert process.returncode == 0, output
        assert "correct-horse" not in output
    assert "--passphrase-fd" in seen
    assert "correct-horse-battery-staple" not in seen
    assert "correct-horse-battery-staple" not in house.read_logs()


def test_only_new_contents_are_stored_and_deleted_ones_go_by_and_by(house: Installation) -> None:
    first = make(house)
    [pack] = first.parent.glob("*.files")
    time.sleep(1.1)
    second = make(house)
    assert sorted(first.parent.glob("*.files")) == [pack]
    # most of the pack is no longer in use: the rest is written again
    for number in (0, 1):
        (house.data / "archive" / "2026" / f"orders_{number}.csv").unlink()
    time.sleep(1.1)
    third = make(house)
    passphrases = encryption.list_passphrases()
    manifest = bundle.read_manifest(third, passphrases)
    assert pack.name not in manifest.packs
    assert bundle.read_manifest(second, passphrases).packs.keys() == {pack.name}
    shutil.rmtree(house.data / "archive")
    backups.restore_house(second, Directories(house.data))
    assert len(list((house.data / "archive").rglob("*.csv"))) == 3
