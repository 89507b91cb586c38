"""Two clients at once, one of them hostile: the other's files load; nothing of theirs is read, moved or sent back."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from systemscripts import configuration, settings
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from tests.conftest import Installation

ROWS = "order_id,amount\n1,2\n"
# In every file of the honest client, and nowhere else.
SECRET = "belongs-to-the-honest-client"
HONEST_FILES = 12
ODD_NAMES = (
    "line\nbreak.csv",
    "-rf",
    "..csv",
    "a\\..\\b.csv",
    "\udcff\udcfe.csv",
    "; rm -rf x.csv",
    "x" * 250 + ".csv",
)
TRAPS = ("link.csv", "hard_link.csv", "pipe.csv", "folder.csv", "terabyte.csv", "sparse.csv", "up.zip", "line\\n")


@pytest.fixture
def inboxes(here: Installation, tmp_path: Path) -> tuple[Path, Path]:
    """The inboxes of the honest and the hostile client, each with an import of its own."""
    here.write_settings(FILE_STILL_SECONDS="0", MAX_FILE_GB="50")
    settings.reset()
    folders = tmp_path / "clients" / "honest" / "inbox", tmp_path / "clients" / "hostile" / "inbox"
    for folder in folders:
        (folder / "reports").mkdir(parents=True)
        (folder / "reports" / "monthly.csv").write_text("order_id,amount\n9,9\n")
        for name, path in ((folder.parent.name, folder), (f"{folder.parent.name}_reports", folder / "reports")):
            sources = [{"type": "local", "path": str(path)}]
            here.configure(name, file_pattern=r"(?s).*", load_mode="append", sources=sources)
    honest, hostile = folders
    for number in range(HONEST_FILES):
        (honest / f"orders_{number}.csv").write_text(f"order_id,amount,note\n{number},2,{SECRET}\n")
    return honest, hostile


def run(installation: Installation, name: str) -> Summary:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        configs = [configuration.load_import(connection, each) for each in (name, f"{name}_reports")]
        directories = Directories(installation.data).create()
        return run_imports.run_imports(connection, configs, directories, str(uuid.uuid4()), run_imports.Options())


def pack(**members: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as packed:
        for number, (name, text) in enumerate(members.items()):
            packed.writestr(name or f"x{number}", text)
    return output.getvalue()


def lay_traps(honest: Path, hostile: Path) -> None:
    """Put everything into the hostile inbox that could lead to the files of the honest client, or fill the disk."""
    victim = honest / "orders_0.csv"
    (hostile / "link.csv").symlink_to(victim)
    (hostile / "relative.csv").symlink_to("../../honest/inbox/orders_1.csv")
    os.link(honest / "orders_2.csv", hostile / "hard_link.csv")
    (hostile / "folder.csv").symlink_to(honest)
    os.mkfifo(hostile / "pipe.csv")
    with (hostile / "terabyte.csv").open("wb") as stream:
        stream.truncate(2**40)
    with (hostile / "sparse.csv").open("wb") as stream:
        stream.write(ROWS.encode())
        stream.truncate(40 * 2**30)
    for name in ODD_NAMES:
        (hostile / name).write_text(f"order_id,amount\n{len(name)},0\n")
    (hostile / "up.zip").write_bytes(pack(**{"x/..": ROWS}))
    (hostile / "out.zip").write_bytes(pack(**{"../../honest/inbox/orders_3.csv": "order_id,amount\n77,0\n"}))
    (hostile / "absolute.zip").write_bytes(pack(**{str(honest / "orders_4.csv"): "order_id,amount\n78,0\n"}))


@contextlib.contextmanager
def swapping(honest: Path, hostile: Path) -> Iterator[Callable[[], int]]:
    """Exchange a file and a folder for links to the honest client's, all the time."""
    stop, rounds = threading.Event(), [0]
    target, folder, aside = hostile / "swapped.csv", hostile / "reports", hostile / "reports_aside"

    def swap() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                (hostile / "new").write_text("order_id,amount\n5,5\n")
                (hostile / "new").replace(target)
                (hostile / "new").symlink_to(honest / "orders_5.csv")
                (hostile / "new").replace(target)
            with contextlib.suppress(OSError):
                folder.rename(aside)
                folder.symlink_to(honest)
                folder.unlink()
                aside.rename(folder)
            rounds[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield lambda: rounds[0]
    finally:
        stop.set()
        thread.join()


def list_content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_hostile_client_gets_nothing_of_another_s_and_stops_no_one(
    here: Installation, inboxes: tuple[Path, Path]
) -> None:
    honest, hostile = inboxes
    lay_traps(honest, hostile)
    before = list_content(honest)
    with swapping(honest, hostile) as count_rounds:
        summaries = [run(here, "hostile") for _ in range(4)]
        until = count_rounds() + 1
        while count_rounds() < until:
            pass
    assert list_content(honest) == before
    assert here.sql("select order_id from public.hostile where order_id = '77'") == [("77",)]
    # nothing of it in the tables, the archive, what is set aside, or the messages
    copies = [text for text in list_content(here.data).values() if SECRET.encode() in text]
    assert copies == []
    for table in ("dba.tfile", "dba.trejectedrow", "dba.tlogentry"):
        assert here.sql(f"select count(*) from {table} t where t::text like '%{SECRET}%'") == [(0,)]
    texts = "\n".join(text for summary in summaries for text in (*summary.problems, *map(str, summary.warnings)))
    for name in TRAPS:
        assert name in texts, name
    assert sum(path.stat().st_blocks for path in here.data.rglob("*")) * 512 < 2**30
    # hard links of others' files are refused on both sides; no client can make one, neither by SFTP nor by the kernel
    (hostile / "hard_link.csv").unlink()
    with swapping(honest, hostile):
        assert run(here, "honest").problems == []
    loaded = here.sql("select order_id from public.honest order by order_id::int")
    assert loaded == [(str(number),) for number in range(HONEST_FILES)]
    assert [path.name for path in honest.iterdir()] == ["reports"]
