"""Starts a command on a copy of a prepared installation and kills some of its processes at an instant."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT, Installation, Server
from tests.ingest import kill_checks, kill_roads
from tests.ingest.kill_roads import NOW, Road

WRAPPER = PROJECT / "run_python_etl_script.sh"
# what is killed: the job started alone, or one of its children; under the wrapper the job, both, or all of them
VICTIMS = ("job", "child", "job under the wrapper", "wrapper and job", "group")
# in so many of ten the instant is drawn over what comes after the run has begun, else over its whole time
OF_TEN_IN_ITS_WORK = 8
# the server needs a moment to notice that the killed one is gone
PATIENCE_SECONDS = 30


@dataclass
class Prepared:
    """A road's installation as it stands before the command, and what an undisturbed run makes of it."""

    road: Road
    template: str
    folder: Path
    expected: dict[str, Any] = field(default_factory=dict)
    began_seconds: float = 0
    seconds: float = 0


@dataclass
class Kills:
    """Kills on all roads, each drawn from the seed and its number alone."""

    server: Server
    place: Path
    seed: int
    roads: list[Road] = field(default_factory=lambda: kill_roads.ROADS)
    _prepared: dict[str, Prepared] = field(default_factory=dict)

    def once(self, number: int) -> str:
        """Kill once, run to the end, compare with the undisturbed end; return what was killed where."""
        chance = random.Random(f"{self.seed}-{number}")
        road = self.roads[number % len(self.roads)]
        victim = chance.choice(VICTIMS if road.has_reader else [item for item in VICTIMS if item != "child"])
        in_its_work = chance.randrange(10) < OF_TEN_IN_ITS_WORK
        share = chance.random()
        prepared = self._prepare(road)
        with self._copy(prepared) as installation:
            command = road.command(installation)
            first, last = (prepared.began_seconds, prepared.seconds) if in_its_work else (0.0, prepared.seconds)
            said = f"seed {self.seed}, number {number}: {road.name}, {victim} killed after "
            said += f"{share * (last - first):.3f} s" + (" of its work" if in_its_work else "")
            killed = kill(installation, road, command, victim, share * (last - first), in_its_work)
            assert_whole_datasets_only(installation, said)
            run_to_the_end(installation, road, command, said)
            kill_checks.compare(kill_checks.state(installation), prepared.expected, said)
        return said if killed else f"{said}: it had ended, or had no child"

    def _prepare(self, road: Road) -> Prepared:
        if road.name in self._prepared:
            return self._prepared[road.name]
        result = Prepared(road, f"kill_{uuid.uuid4().hex[:12]}", self.place / road.name)
        result.folder.mkdir(parents=True)
        url, reader = self.server.create_database(result.template)
        installation = Installation(result.folder, url, reader, environment={"ETL_NOW": NOW})
        (installation.data / "file_watcher").mkdir()
        installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader, **road.settings)
        road.prepare(installation)
        with self._copy(result) as installation:
            begun = time.monotonic()
            process = start(installation, road, road.command(installation))
            wait_for_marker(installation, process)
            result.began_seconds = time.monotonic() - begun
            process.wait()
            result.seconds = time.monotonic() - begun
            assert process.returncode in road.exit_codes, f"{road.name}: {installation.read_logs()[-3000:]}"
            result.expected = kill_checks.state(installation)
        self._prepared[road.name] = result
        return result

    @contextlib.contextmanager
    def _copy(self, prepared: Prepared) -> Iterator[Installation]:
        name = f"kill_{uuid.uuid4().hex[:12]}"
        url, reader = self.server.create_database(name, prepared.template)
        folder = self.place / name
        shutil.copytree(prepared.folder, folder, symlinks=True)
        installation = Installation(folder, url, reader, environment={"ETL_NOW": NOW} | prepared.road.environment)
        installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader, **prepared.road.settings)
        yield installation
        # kept where something was wrong
        shutil.rmtree(folder)
        self.server.execute(f'drop database "{name}" with (force)')

    def close(self) -> None:
        """Drop what was prepared."""
        for item in self._prepared.values():
            self.server.execute(f'drop database "{item.template}" with (force)')


def start(
    installation: Installation, road: Road, command: tuple[object, ...], wrapped: bool = False
) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, by the wrapper or without."""
    script, *arguments = map(str, command)
    words = [str(WRAPPER), script, *arguments] if wrapped else installation.command(script, *arguments)
    with (installation.data / "said.txt").open("a") as said:
        return subprocess.Popen(
            words, env=installation.process_environment(), stdout=said, stderr=said, text=True,
            stdin=subprocess.DEVNULL, cwd=installation.data, start_new_session=True,
        )  # fmt: skip


def wait_for_marker(installation: Installation, process: subprocess.Popen[str]) -> None:
    """Wait until the run has begun, or has ended."""
    folder = installation.data / "var" / "runs"
    while process.poll() is None and not (folder.is_dir() and any(folder.iterdir())):
        time.sleep(0.005)


def kill(
    installation: Installation, road: Road, command: tuple[object, ...], victim: str, seconds: float, in_its_work: bool
) -> bool:
    """Start the command and kill at the instant; return whether there was something to kill."""
    wrapped = victim in ("job under the wrapper", "wrapper and job", "group")
    process = start(installation, road, command, wrapped)
    if in_its_work:
        wait_for_marker(installation, process)
    time.sleep(seconds)
    if process.poll() is not None:
        return False
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    if victim == "child":
        victims = first_child(process)
    else:
        victims = [process.pid] if victim in ("job", "wrapper and job") else []
        victims += jobs(process.pid) if wrapped else []
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    return bool(victims)


def children(pid: int) -> list[int]:
    """Return the children of a process; none where it is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []


def jobs(wrapper: int) -> list[int]:
    """Return the job of a wrapper, or what is about to become it."""
    return [pid for pid in children(wrapper) if "jobscripts" in command_of(pid)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def first_child(process: subprocess.Popen[str]) -> list[int]:
    """Return a child of the job once it has one, none where it ends without."""
    while process.poll() is None:
        if processes := children(process.pid):
            return processes[:1]
        time.sleep(0.002)
    return []


def run_to_the_end(installation: Installation, road: Road, command: tuple[object, ...], said: str) -> None:
    """Run the next start, and again for as long as the server holds locks of the killed one."""
    until = time.monotonic() + PATIENCE_SECONDS
    script, *arguments = command
    while True:
        done = installation.run(str(script), *arguments)
        if done.returncode != 75 or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert done.returncode in road.exit_codes, f"{said}: {done.stdout}{done.stderr}"


def assert_whole_datasets_only(installation: Installation, said: str) -> None:
    """Right after a kill: every dataset has all of its rows, and there are no others."""
    if installation.sql("select to_regclass('public.things')") == [(None,)]:
        return
    wrong = installation.sql(
        """select coalesce(d.dataset_id, t.dataset_id), d.rows_loaded, t.found
           from (select * from dba.tdataset where load_mode <> 'upsert' and config_name = 'things'
                   and purged_at is null and not (load_mode = 'new_rows' and status = 'undone')) d
           full join (select dataset_id, count(*) as found from public.things t
                      where not exists (select from dba.tdataset u
                                        where u.dataset_id = t.dataset_id and u.load_mode = 'upsert')
                      group by 1) t using (dataset_id)
           where coalesce(d.rows_loaded, -1) <> coalesce(t.found, 0)"""
    )
    assert wrong == [], said
