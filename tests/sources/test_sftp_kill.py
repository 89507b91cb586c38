"""Kill -9 between download, load, archive and settling: the next run ends in the same state, here and at the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Installation
from tests.ssh import servers

KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"
GOOD = {f"orders_{number}.csv": f"order_id,amount\n{number},2\n{number},3\n" for number in (1, 2, 3)}
WRONG = {"orders_4.csv": "something,else\n1,2\n"}
PLACES = [
    ("systemscripts.ssh.download:_Download._write", "before", 2),
    ("systemscripts.ssh.download:_Download._write", "after", 2),
    ("systemscripts.ssh.download:_Download._compare_digest", "after", 2),
    ("systemscripts.ssh.download_small:_check_content", "after", 2),
    ("systemscripts.ssh.download_small:download_small_files", "after", 1),
    ("systemscripts.file_ledger:register_files", "before", 2),
    ("systemscripts.sources.arrival:try_move_file", "before", 2),
    ("systemscripts.sources.arrival:try_move_file", "after", 2),
    ("systemscripts.ingest.load:load_rows", "before", 2),
    ("systemscripts.ingest.load:load_rows", "after", 2),
    ("systemscripts.ingest.archive_and_settle:finish_file", "before", 2),
    ("systemscripts.ingest.archive_and_settle:move_file", "after", 2),
    ("systemscripts.file_ledger:mark_archived", "after", 2),
    ("systemscripts.ssh.remote:remove_file", "before", 2),
    ("systemscripts.ssh.remote:remove_file", "after", 2),
    ("systemscripts.ssh.remote:move_file", "after", 1),
    ("systemscripts.file_ledger:mark_settled", "after", 2),
    ("systemscripts.file_ledger:mark_settled", "after", 4),
]


@pytest.mark.parametrize("step", PLACES, ids=lambda step: f"{step[0].rpartition('.')[2]}-{step[1]}-{step[2]}")
def test_the_next_run_ends_in_the_same_state(
    installation: Installation, tmp_path: Path, step: tuple[str, str, int]
) -> None:
    installation.write_settings(SFTP_STILL_SECONDS="0", FILE_STILL_SECONDS="0")
    # only of this server small files are fetched together
    serve = servers.openssh_place if "download_small" in step[0] else servers.asyncssh_place
    with serve(tmp_path / "server") as (remote, fingerprint):
        servers.trust(installation, remote.host, remote.port, fingerprint)
        installation.configure(
            "orders", file_pattern=r".*\.csv", load_mode="append", exact_header=["order_id", "amount"],
            sources=[remote.options(settle="delete", refused_folder="refused")],
        )  # fmt: skip
        for name, content in (GOOD | WRONG).items():
            remote.put(name, content)
        command = [sys.executable, str(KILLING), step[0], step[1], str(step[2]), "generic_import", "orders"]
        killed = subprocess.run(
            command, env=installation.process_environment(), capture_output=True, text=True, cwd=installation.data
        )
        assert killed.returncode == -9, killed.stderr
        there = set(remote.names())
        for (name,) in installation.sql("select name from dba.tfile where archived_at is null"):
            assert name in there, f"{name} went from the server before it was safe here"
        done = installation.run("generic_import", "orders")
        assert done.returncode in (0, 65), done.stderr  # 65 where the refused file was met only now
        assert remote.names() == ["refused"]
        assert [path.name for path in (remote.folder / "refused").iterdir()] == list(WRONG)
    assert installation.sql("select order_id, count(*) from public.orders group by 1 order by 1") == [
        ("1", 2), ("2", 2), ("3", 2),
    ]  # fmt: skip
    assert installation.read_archive() == {name: content.encode() for name, content in GOOD.items()}
    states = installation.sql("select name, status, archived_at is null, settled_at is null from dba.tfile order by 1")
    assert states == [(name, "loaded" if name in GOOD else "refused", False, False) for name in sorted(GOOD | WRONG)]
    left = [path.name for path in (installation.data / "file_watcher").rglob("*") if path.is_file()]
    assert len(left) == 2 and all(name.startswith("orders_4_") for name in left)
