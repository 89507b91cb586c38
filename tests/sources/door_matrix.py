"""What every door goes through: cuts, kills, odd names, new content under a name, a full disk.

A door is a source together with a real server that it fetches from. Its tests make a `Door` and call the checks. With
the fixture `here` imports run in the process of the tests, which takes a third of the time; with `installation` as a
process of their own, which has a log and can be killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from systemscripts import configuration, db_utils, settings
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from systemscripts.sources.types import mail
from systemscripts.summary import Summary
from tests.conftest import PROJECT, Installation
from tests.ssh.servers import CuttingProxy

KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"
RUN = "00000000-0000-4000-8000-00000000000b"
UNSAFE_NAMES = ("../../x.csv", "..\\x.csv", "a\nb.csv", "a\u202eb.csv")
Step = tuple[str, str, int]
# between arrival, load, archive and settling: the same of every door
COMMON_STEPS: list[Step] = [
    ("systemscripts.file_ledger:register_files", "before", 2),
    ("systemscripts.sources.arrival:try_move_file", "before", 2),
    ("systemscripts.sources.arrival:try_move_file", "after", 2),
    ("systemscripts.ingest.load:load_rows", "after", 2),
    ("systemscripts.ingest.archive_and_settle:move_file", "after", 2),
    ("systemscripts.file_ledger:mark_archived", "after", 2),
    ("systemscripts.file_ledger:mark_settled", "after", 2),
]


@dataclass
class Door:
    """A source and its server. `put` delivers a file there; `list_unsettled` names what is not settled there."""

    options: Callable[[], dict[str, Any]]
    put: Callable[[str, bytes], object]
    list_unsettled: Callable[[], list[str]] = field(default=list)
    port: int = 0
    host: str = "127.0.0.1"


def make_rows(number: int, rows: int = 2) -> bytes:
    """Return a file whose rows name it."""
    return ("order_id,amount\n" + "".join(f"{number},{row}\n" for row in range(rows))).encode()


def configure(installation: Installation, door: Door, **more: Any) -> None:
    """Make the import `orders` fetch through the door."""
    columns = {"file_pattern": r".*\.csv", "load_mode": "append", "sources": [door.options()]}
    installation.configure("orders", **(columns | more))


def wait_until(is_true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


def summarize(installation: Installation) -> Summary:
    """Run the import in this process, as a new one would."""
    settings.reset()
    for session in mail._sessions.values():
        session.close()
    mail._sessions.clear()
    directories = Directories(installation.data).create()
    with contextlib.closing(db_utils.connect()) as connection:
        config = configuration.load_import(connection, "orders")
        return run_imports.run_imports(connection, [config], directories, RUN, run_imports.Options())


def load(installation: Installation, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the import, which ends with this exit code and without a traceback."""
    if os.environ.get("ETL_DATA_DIR") == str(installation.data) and not environment:
        summary = summarize(installation)
        lines = "\n".join(f"generic_import: {problem}" for problem in summary.problems)
        done = subprocess.CompletedProcess([], summary.exit_code, "", lines)
    else:
        done = installation.run("generic_import", "orders", timeout=600, **environment)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def assert_fails(installation: Installation, code: int, *texts: str) -> str:
    """Run the import: it fails with this code and one line that has the texts, and nothing is loaded."""
    done = load(installation, code)
    lines = [line for line in done.stderr.splitlines() if line.startswith("generic_import")]
    assert len(lines) == 1, done.stderr
    for text in texts:
        assert text in lines[0]
    assert installation.list_waiting() == [] and installation.read_archive() == {}
    return lines[0]


def assert_loaded_once(installation: Installation, files: Mapping[str, bytes]) -> None:
    """Every row of these files is in the table once, and each file is loaded, archived and settled."""
    wanted = sorted(line for content in files.values() for line in content.decode().splitlines()[1:])
    assert sorted(f"{a},{b}" for a, b in installation.sql("select order_id, amount from public.orders")) == wanted
    states = installation.sql("select name, status, archived_at is null, settled_at is null from dba.tfile order by 1")
    assert states == [(name, "loaded", False, False) for name in sorted(files)]
    assert installation.list_waiting() == []


def check_cuts(
    installation: Installation, door: Door, proxy_to: Callable[[int], Door], cuts: int = 20, small: int = 8,
    small_rows: int = 2, rows: int = 20_000, most: int = 0,
) -> None:  # fmt: skip
    """Load all files once although the connection is cut `cuts` times, at random places, also within a large file.

    `proxy_to` returns the door with its server at another port; `most`: bytes of one connection before it is cut.
    """
    files = {f"orders_{number}.csv": make_rows(number, small_rows) for number in range(small)}
    files["orders_99.csv"] = make_rows(99, rows)
    for name, content in files.items():
        door.put(name, content)
    most = most or sum(map(len, files.values())) // cuts
    with CuttingProxy(door.port, cuts, 100, most, seed=cuts, host=door.host) as proxy:
        configure(installation, proxy_to(proxy.port))
        done = load(installation)
        assert proxy.cuts == cuts, done.stdout
    assert_loaded_once(installation, files)
    assert door.list_unsettled() == []


def kill(installation: Installation, step: Step) -> None:
    """Run the import, killed at a step."""
    function, when, number = step
    command = [sys.executable, str(KILLING), function, when, str(number), "generic_import", "orders"]
    killed = subprocess.run(
        command, env=installation.process_environment(), capture_output=True, text=True, cwd=installation.data
    )
    assert killed.returncode == -9, killed.stderr


def check_kills(installation: Installation, door: Door, steps: list[Step], expect_here: bool = True) -> None:
    """Kill -9 at one step after the other, each time with three more files; the run after all of them finishes.

    Each run has to go on from where the one before was killed. Nothing is settled at any time that is not safe here.
    """
    installation.write_settings(FILE_STILL_SECONDS="0")
    configure(installation, door)
    files = {}
    for index, (function, when, number) in enumerate(steps):
        for more in (1, 2, 3):
            name = f"orders_{index}{more}.csv"
            files[name] = make_rows(10 * index + more)
            door.put(name, files[name])
        command = [sys.executable, str(KILLING), function, when, str(number), "generic_import", "orders"]
        killed = subprocess.run(
            command, env=installation.process_environment(), capture_output=True, text=True, cwd=installation.data
        )
        assert killed.returncode == -9, (function, when, killed.stderr)
        if expect_here:
            unsettled = set(door.list_unsettled())
            safe = {name for (name,) in installation.sql("select name from dba.tfile where archived_at is not null")}
            assert set(files) - safe <= unsettled, f"{function}: settled at its source before it was safe here"
    load(installation)
    assert_loaded_once(installation, files)
    assert door.list_unsettled() == []


def check_new_content_under_a_name(installation: Installation, door: Door) -> None:
    """Load a name again when its content is another, and not when it is the same."""
    configure(installation, door)
    for content, count in ((make_rows(1), 2), (make_rows(2, 3), 5)):
        door.put("orders_1.csv", content)
        load(installation)
        load(installation)
        assert installation.sql("select count(*) from public.orders") == [(count,)]


def check_full_disk(installation: Installation, door: Door, settled_later: bool = True) -> None:
    """Fail while the disk has no room, leave the file at its source, and load it once there is room."""
    door.put("orders_1.csv", make_rows(1))
    configure(installation, door)
    installation.write_settings(KEEP_FREE_GB="900000")
    done = load(installation, 75)
    assert "KEEP_FREE_GB" in done.stderr and installation.list_waiting() == []
    assert not settled_later or door.list_unsettled() == ["orders_1.csv"]
    installation.write_settings(KEEP_FREE_GB="0")
    load(installation)
    assert_loaded_once(installation, {"orders_1.csv": make_rows(1)})
