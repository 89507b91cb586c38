"""What grows, rots or is forgotten: one mail, nothing more, and one when it is over; doctor and purge agree."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from systemscripts import alerts, db_utils, disk_space, settings
from systemscripts.configuration import pipeline_config
from systemscripts.directory_management import Directories, compute_sha256
from systemscripts.monitoring import watchdog_checks, watchdog_view
from systemscripts.monitoring.checks import backup_files, clock, disk_trend, interrupted_loads
from systemscripts.monitoring.doctor_lines import Context, Line
from systemscripts.retention import clock_guard
from systemscripts.schedules import cron_file, due_starts, pauses
from tests.conftest import Installation
from tests.tiny_jobs import Mails


class Watched:
    """An installation in this process, by the clock of this host; what its operator hears of it."""

    def __init__(self, here: Installation, mails: Mails) -> None:
        self.own, self.mails, self.seen = here, mails, 0
        self.pipelines = here.data / "local" / "pipelines"
        self.pipelines.mkdir(parents=True)
        here.write_settings(ETL_LOCAL_DIR=str(self.pipelines.parent), DISK_FREE_PERCENT="0", DISK_FULL_DAYS="0")
        settings.reset()
        self.directories = Directories(here.data).create()
        # nothing is expected but what a test expects
        for pipeline in pipeline_config.load_pipelines():
            if pipeline.schedule:
                pauses.pause_pipeline(self.directories, pipeline.name, "test")

    def watch(self, **later: float) -> list[str]:
        """Let the watchdog look twice, because the second look must bring nothing; the subjects of its mails."""
        for _ in range(2):
            with contextlib.closing(db_utils.connect()) as connection:
                view = watchdog_view.build_view(self.directories, connection)
                view.now += timedelta(**later)
                findings, unseen = watchdog_checks.find_problems(view)
            alerts.record_findings(findings, self.directories, unseen)
        new, self.seen = self.mails.list_subjects()[self.seen :], len(self.mails.list_subjects())
        return [subject.removeprefix("[ETL] ") for subject in new]

    def tell_once(self, title: str, fix: Callable[[], object]) -> str:
        """Something is wrong now: one mail, and one when it was fixed; the text of the first."""
        assert self.watch() == [title]
        text = self.mails.read_text()
        fix()
        assert self.watch() == [f"over: {title}"]
        return text

    def ask_doctor(self, check: Callable[[Context], Iterator[Line]]) -> list[str]:
        """The lines of one check that are not ok."""
        lines = check(Context(settings.current(), self.directories, Path("/none")))
        return [f"{line.state} {line.message}" for line in lines if line.state != "ok"]


@pytest.fixture
def watched(here: Installation, mails: Mails) -> Watched:
    return Watched(here, mails)


@pytest.fixture
def backups(watched: Watched) -> list[Path]:
    """Two backups, the newest first, as the job makes them."""
    assert watched.own.run("backup_database").returncode == 0
    folder = watched.directories.var / "backups"
    [newest] = folder.glob("*.bundle")
    stem = newest.stem.replace("_20", "_19", 1)
    older = newest.with_name(f"{stem}.bundle")
    shutil.copy2(newest, older)
    older.with_suffix(".sha256").write_text(newest.with_suffix(".sha256").read_text().replace(newest.stem, stem))
    return [newest, older]


def let_days_pass(path: Path, days: float) -> None:
    """Let a backup have been read so many days ago."""
    moment = time.time() - days * 86400
    os.utime(path.with_suffix(".sha256"), (moment, moment))


def test_a_deleted_a_damaged_and_a_small_backup_are_told_once_each(watched: Watched, backups: list[Path]) -> None:
    newest, older = backups
    assert watched.watch() == [] and watched.ask_doctor(backup_files.check) == []
    older.rename(f"{older}.away")
    assert "failure" in watched.ask_doctor(backup_files.check)[0]
    text = watched.tell_once(f"the backup {older.name} is deleted", lambda: Path(f"{older}.away").rename(older))
    assert str(older) in text and "etl backup" in text
    # one bit, of a file whose size and time stay: found when its turn to be read comes
    state, good = newest.stat(), newest.read_bytes()
    damaged = bytearray(good)
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    os.utime(newest, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert watched.watch() == []
    let_days_pass(newest, 1)
    # what was damaged and is a good copy again is read at once, also with the time that it had elsewhere
    text = watched.tell_once(
        f"the backup {newest.name} is damaged", lambda: (newest.write_bytes(good), os.utime(newest, (1, 1)))
    )
    assert "SHA-256" in text
    newest.write_bytes(good[: len(good) // 3])
    sums = newest.with_suffix(".sha256")
    whole = sums.read_text()
    sums.write_text(f"{compute_sha256(newest)}  {newest.name}\n")
    assert any("too small" in line for line in watched.ask_doctor(backup_files.check))
    watched.tell_once(
        f"the backup {newest.name} is too small", lambda: (newest.write_bytes(good), sums.write_text(whole))
    )


def test_backups_that_are_no_longer_kept_are_not_missed(watched: Watched, backups: list[Path]) -> None:
    watched.own.write_settings(BACKUP_KEEP_DAILY="1", BACKUP_KEEP_WEEKLY="0", BACKUP_KEEP_MONTHLY="0")
    assert watched.own.run("backup_database").returncode == 0
    assert not backups[1].exists() and watched.watch() == []


def test_a_pause_that_was_forgotten_is_told_and_one_with_an_end_is_not(watched: Watched) -> None:
    path = watched.directories.var / "pauses.json"
    known = json.loads(path.read_text())
    long_ago = (datetime.now().astimezone() - timedelta(days=15)).isoformat(timespec="seconds")
    later = (datetime.now().astimezone() + timedelta(days=15)).isoformat(timespec="seconds")
    known["nightly"] |= {"since": long_ago, "by": "anna"}
    known["purge"] |= {"since": long_ago, "until": later}
    path.write_text(json.dumps(known))
    text = watched.tell_once(
        "nightly is paused for more than 14 days",
        lambda: pauses.pause_pipeline(watched.directories, "nightly", "anna", datetime.fromisoformat(later)),
    )
    assert "by anna" in text and "etl schedule resume nightly" in text and "etl schedule pause nightly --until" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("how", ["content", "mode", "owner", "gone"])
def test_a_cron_file_that_cron_ignores_or_that_starts_something_else_is_told(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest, how: str
) -> None:
    path = tmp_path / "etl_jobs"
    monkeypatch.setenv("ETL_CRON_FILE", str(path))
    assert watched.watch() == []  # not used here yet
    # where no cron runs, that is told instead: a process of its name will do
    daemon = tmp_path / "cron"
    shutil.copy(str(shutil.which("sleep")), daemon)
    request.addfinalizer(subprocess.Popen([daemon, "600"]).kill)
    expected = cron_file.render_own()

    def install() -> None:
        path.write_text(expected)
        path.chmod(0o644)
        os.chown(path, 0, 0)

    install()
    assert watched.watch() == []
    {
        "content": lambda: path.write_text(expected.replace("17 * * * *", "0 0 1 1 *")),
        "mode": lambda: path.chmod(0o664),
        "owner": lambda: os.chown(path, 4711, 0),
        "gone": path.unlink,
    }[how]()
    text = watched.tell_once("cron does not start the jobs as it should", install)
    assert {"content": "schedule apply", "gone": "schedule apply"}.get(how, "sudo ch") in text


def test_a_clock_that_jumped_is_told_and_purge_deletes_nothing_until_it_is_right(watched: Watched) -> None:
    own = watched.own
    own.write_settings(KEEP_LOGS_DAYS="30")
    assert watched.watch() == []
    note = watched.directories.var / "clock.json"
    trusted = json.loads(note.read_text())

    def jump(seconds: float, boot: str) -> None:
        note.write_text(json.dumps(trusted | {"shown": trusted["shown"] - seconds, "boot": boot}))

    # while it runs by an hour, over a restart by a year or back
    for seconds, boot in ((3600, trusted["boot"]), (400 * 86400, "another"), (-86400, "another")):
        jump(seconds, boot)
        done = own.run("purge")
        assert done.returncode == 78 and done.stderr.count("\n") == 1, done.stderr
        assert "nothing was deleted, because the clock jumped" in done.stderr
        assert "etl purge --clock-is-right" in done.stderr
        assert own.run("purge", "--dry-run").returncode == 0
    text = watched.tell_once("the clock is wrong", lambda: note.write_text(json.dumps(trusted)))
    assert "timedatectl set-ntp true" in text
    # a host that was off for a month is believed, and who knows better says so
    jump(30 * 86400, "another")
    assert watched.watch() == [] and own.run("purge").returncode == 0
    jump(400 * 86400, "another")
    assert any("jumped forward by 400 d" in line for line in watched.ask_doctor(clock.check))
    assert own.run("purge", "--clock-is-right").returncode == 0
    assert own.run("purge").returncode == 0 and watched.watch() == []


def test_before_the_first_look_of_the_watchdog_the_runs_tell_that_the_clock_jumped(here: Installation) -> None:
    assert here.run("generic_import", "--list").returncode == 0
    here.sql("update dba.trun set started_at = started_at - interval '1 year', ended_at = ended_at - interval '1 year'")
    done = here.run("purge")
    assert done.returncode == 78 and "the clock jumped forward by 36" in done.stderr
    with contextlib.closing(db_utils.connect()) as connection:
        assert "jumped" in clock_guard.find_jump(Directories(here.data), connection)


def test_a_missed_run_is_caught_up_once_and_told_only_if_that_fails_too(watched: Watched) -> None:
    """The host was off for three nights: a pipeline starts once, by the line of cron that starts what is due."""
    # not due while the test runs
    text = f"steps: [{{job: status}}]\nschedule: '40 {(datetime.now(UTC).hour + 12) % 24} * * *'\n"
    (watched.pipelines / "late.yaml").write_text(f"{text}catch_up: true\n")
    (watched.pipelines / "lost.yaml").write_text(text)
    assert watched.watch() == []
    assert watched.watch(days=3) == ["pipeline lost did not run"]
    started: list[list[str]] = []

    def launch(arguments: list[str], run_uuid: str) -> int:
        started.append(arguments)
        assert watched.own.run(*arguments, ETL_RUN_UUID=run_uuid).returncode == 0
        return os.getpid()

    assert due_starts.is_something_due(watched.directories)
    due_starts.start_due(watched.directories, launch)
    due_starts.start_due(watched.directories, launch)
    assert started == [["run_pipeline", "late"]]
    missed = watched.own.sql(
        """select pipeline, count(*), count(catch_up_at) from dba.v_missed_run group by 1 order by 1"""
    )
    assert missed == [("late", 3, 3), ("lost", 3, 0)]
    # caught up, and not begun an hour later: now someone has to look
    assert watched.watch(days=4) == []
    assert watched.watch(days=4, hours=1) == ["2 pipelines did not run"]


def test_the_date_when_a_disk_is_full_is_told_before_it_is(watched: Watched) -> None:
    own = watched.own
    assert watched.watch() == []
    [(path, free)] = own.sql("select path, free from dba.v_disk_trend where what = 'disk' order by path limit 1")
    assert own.sql("select count(*) from dba.tdiskuse where what = 'archive'") == [(1,)]

    def grow(percent_a_day: float) -> None:
        """Let the days before have been so."""
        own.sql("delete from dba.tdiskuse where measured_on < current_date - 1")
        for ago in range(2, 9):
            share = ago * percent_a_day / 100 * free
            own.sql(
                """insert into dba.tdiskuse select measured_on - %s, what, path, disk, greatest(used - %s, 0), free
                   from dba.tdiskuse t where measured_on = (select max(measured_on) from dba.tdiskuse)""",
                (ago, int(share)),
            )

    own.write_settings(DISK_FULL_DAYS="30")
    settings.reset()
    grow(10)
    assert any("will be full about" in line for line in watched.ask_doctor(disk_trend.check))
    text = watched.tell_once(f"the disk of {path} will be full soon", lambda: grow(0.1))
    assert "it grows by" in text and "etl purge --dry-run" in text and "etl ask disk" in text


def test_the_folder_of_a_postgresql_of_this_host_is_found_by_its_port(here: Installation, tmp_path: Path) -> None:
    for name, port in (("main", 5432), ("other", 5433)):
        folder = tmp_path / "16" / name
        folder.mkdir(parents=True)
        (folder / "postgresql.conf").write_text(
            f"# port = 1\ndata_directory = '{tmp_path}/data_{name}'\t# where\nport = {port}\t\t\t\t# (change)\n"
        )
        (tmp_path / f"data_{name}").mkdir()
    for url, expected in (
        ("postgresql://etl:x@127.0.0.1:5433/etl", "data_other"),
        ("postgresql://etl:x@/etl?host=/var/run/postgresql", "data_main"),
        ("postgresql://etl:x@db.example.test/etl?sslmode=require", None),
        ("embedded", None),
    ):
        here.write_settings(DATABASE_URL=url)
        settings.reset()
        found = disk_space.find_server_folder(tmp_path)
        assert (found.name if found else None) == expected, url


def test_a_load_elsewhere_that_no_run_takes_back_is_named(watched: Watched) -> None:
    """At once where no import loads that target any longer, else after a day: the next run takes the rows back."""
    target = "postgresql:warehouse/public.orders"
    watched.own.configure("orders", target_table=target)
    begin = f"insert into dba.ttargetload values (gen_random_uuid(), '{target}', 'orders', gen_random_uuid())"
    watched.own.sql(begin)
    assert watched.watch() == [] and watched.ask_doctor(interrupted_loads.check) == []
    title = f"rows of an interrupted load may count in {target}"
    assert watched.watch(hours=25) == [title]
    watched.own.sql("delete from dba.ttargetload")
    assert watched.watch() == [f"over: {title}"]
    watched.own.sql("delete from dba.timportconfig")
    watched.own.sql(begin)
    assert len(watched.ask_doctor(interrupted_loads.check)) == 1
    text = watched.tell_once(title, lambda: watched.own.sql("delete from dba.ttargetload"))
    assert "Set the target of a job named orders to it again" in text and "delete from dba.ttargetload" in text
