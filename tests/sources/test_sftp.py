"""Files come from SFTP servers whole, once, and are tidied up there only when they are safe here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Installation
from tests.ssh import servers
from tests.ssh.servers import Place

ROWS = "order_id,amount\n" + "".join(f"{number},{number * 3}\n" for number in range(50))


@pytest.fixture(params=["openssh", "asyncssh"])
def remote(request: pytest.FixtureRequest, installation: Installation, tmp_path: Path) -> Iterator[Place]:
    """A folder on a server that is trusted already."""
    make = servers.openssh_place if request.param == "openssh" else servers.asyncssh_place
    installation.write_settings(SFTP_STILL_SECONDS="0.2", SFTP_ANSWER_SECONDS="20")
    with make(tmp_path / "server") as (remote, fingerprint):
        servers.trust(installation, remote.host, remote.port, fingerprint)
        yield remote


def configure(installation: Installation, remote: Place, **more: object) -> None:
    installation.configure(
        "orders", file_pattern=r".*\.csv", load_mode="append", sources=[remote.options(settle="delete", **more)]
    )


def test_files_are_fetched_loaded_archived_and_removed_at_the_server(installation: Installation, remote: Place) -> None:
    configure(installation, remote, pattern="orders_.*")
    remote.put("orders_1.csv", ROWS)
    remote.put("orders_1.csv.sha256", "not a file of rows")
    remote.put("orders_2.csv", ROWS.replace("1,3", "1,4"))
    remote.put("readme.txt", "nothing for us")
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    assert installation.sql("select count(*) from public.orders") == [(100,)]
    assert sorted(installation.read_archive()) == ["orders_1.csv", "orders_2.csv"]
    assert remote.names() == ["orders_1.csv.sha256", "readme.txt"]
    paths = installation.sql("select source, source_path, status, settled_at is not null from dba.tfile order by 2")
    assert paths == [
        ("sftp", f"sftp://{remote.user}@{remote.host}:{remote.port}/in/orders_{n}.csv", "loaded", True) for n in (1, 2)
    ]
    again = installation.summary("generic_import", "orders")
    assert (again["files"], again["warnings"], again["problems"]) == (0, [], [])


def test_what_is_kept_there_is_not_fetched_again(installation: Installation, remote: Place) -> None:
    installation.configure(
        "orders", file_pattern=r".*\.csv", load_mode="append", sources=[remote.options(settle="keep")]
    )
    remote.put("orders_1.csv", ROWS)
    assert installation.summary("generic_import", "orders")["files"] == 1
    assert installation.summary("generic_import", "orders")["files"] == 0
    assert remote.names() == ["orders_1.csv"]
    remote.put("orders_1.csv", ROWS + "50,150\n", age_seconds=60)  # another content under its name
    assert installation.summary("generic_import", "orders")["files"] == 1


def test_moving_puts_refused_files_elsewhere_and_overwrites_nothing(installation: Installation, remote: Place) -> None:
    installation.configure(
        "orders", file_pattern=".*", load_mode="append", exact_header=["order_id", "amount"],
        sources=[remote.options(settle="move")],
    )  # fmt: skip
    remote.put("orders_1.csv", ROWS)
    remote.put("orders_2.csv", "something,else\n1,2\n")
    assert installation.run("generic_import", "orders").returncode == 65
    assert remote.names() == ["done", "refused"]
    remote.put("orders_1.csv", ROWS.replace("1,3", "1,4"))
    again = installation.summary("generic_import", "orders")
    assert again["problems"] == [] and again["warnings"] == []  # the folders there are ours
    done = sorted(path.name for path in (remote.folder / "done").iterdir())
    assert done[0] == "orders_1.csv" and len(done) == 2 and done[1].startswith("orders_1_")
    assert (remote.folder / "done" / "orders_1.csv").read_text() == ROWS
    assert [path.name for path in (remote.folder / "refused").iterdir()] == ["orders_2.csv"]


def test_pull_alone_leaves_everything_at_the_server(installation: Installation, remote: Place) -> None:
    configure(installation, remote)
    remote.put("orders_1.csv", ROWS)
    shown = installation.summary("sftp_pull", "orders", "--dry-run")
    assert shown["rows"] == [{"file": "orders_1.csv", "bytes": len(ROWS), "would be": "fetched"}]
    assert installation.list_waiting() == []
    assert installation.run("sftp_pull", "orders").returncode == 0
    assert installation.list_waiting() == ["orders_1.csv"] and remote.names() == ["orders_1.csv"]
    assert installation.run("generic_import", "orders").returncode == 0
    assert remote.names() == []


def test_a_file_that_still_grows_and_unfinished_ones_are_left(installation: Installation, remote: Place) -> None:
    configure(installation, remote)
    installation.write_settings(SFTP_STILL_SECONDS="3")
    for name in ("orders_2.csv.part", "orders_3.csv.tmp", "orders_4.csv.filepart", "~$orders_5.csv"):
        remote.put(name, ROWS)
    growing = remote.put("orders_1.csv", ROWS)
    import threading
    import time

    ended = threading.Event()

    def grow() -> None:
        while not ended.wait(0.5):
            with growing.open("a") as stream:
                stream.write("99,99\n")
            time.sleep(0)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        summary = installation.summary("generic_import", "orders")
    finally:
        ended.set()
        thread.join()
    assert summary["files"] == 0
    assert [text for text in summary["warnings"] if "orders_1.csv is still being written" in text]
    assert len(remote.names()) == 5
    installation.write_settings(SFTP_STILL_SECONDS="0.2")
    assert installation.summary("generic_import", "orders")["files"] == 1


@pytest.mark.parametrize(
    "cuts", [pytest.param((24, 1000, 5), id="small"), pytest.param((200, 1000, 20), id="full", marks=pytest.mark.long)]
)
def test_cut_connections_lose_and_double_nothing(
    installation: Installation, remote: Place, cuts: tuple[int, int, int]
) -> None:
    files, rows, times = cuts
    for number in range(files):
        body = "".join(f"{number},{row}\n" for row in range(rows))
        remote.put(f"orders_{number:03}.csv", f"order_id,amount\n{body}")
    # one that is cut within, and must go on where it was
    remote.put("orders_large.csv", "order_id,amount\n" + "".join(f"large,{row}\n" for row in range(rows * files)))
    size = sum(path.stat().st_size for path in remote.folder.iterdir())
    # a whole run passes about this much: the cuts fall into greeting, lists, downloads and settling
    with servers.CuttingProxy(remote.port, times, 500, size // times, seed=times) as proxy:
        known_hosts = installation.data / "var" / "ssh" / "known_hosts"
        known_hosts.write_text(known_hosts.read_text().replace(f":{remote.port} ", f":{proxy.port} "))
        remote.port = proxy.port
        configure(installation, remote)
        done = installation.run("generic_import", "orders", timeout=900)
        assert done.returncode == 0, done.stderr
        assert proxy.cuts == times, done.stdout
    counted = installation.sql(
        "select order_id, count(*)::integer, count(distinct amount)::integer from public.orders group by 1"
    )
    whole = {str(number): rows for number in range(files)} | {"large": rows * files}
    assert {name: (total, distinct) for name, total, distinct in counted} == {
        name: (count, count) for name, count in whole.items()
    }, done.stdout
    assert remote.names() == []
    assert installation.sql("select count(*) from dba.tfile where settled_at is null or status <> 'loaded'") == [(0,)]


def test_many_small_files_arrive_whole_and_one_that_is_refused_is_named(
    installation: Installation, remote: Place
) -> None:
    configure(installation, remote)
    for number in range(70):
        remote.put(f"orders_{number}.csv", f"order_id,amount\n{number},{'7' * number}\n")
    remote.put("orders_empty.csv", "")
    remote.put("orders_large.csv", ROWS * 5000)
    (remote.folder / "orders_33.csv").unlink()
    (remote.folder / "orders_33.csv").mkdir()
    (remote.folder / "orders_44.csv").chmod(0)
    done = installation.run("sftp_pull", "orders")
    arrived = {path.name: path.read_bytes() for path in (installation.data / "file_watcher").glob("*.csv")}
    # the server of the tests that runs in this process as root reads every file
    refused = {"orders_33.csv"} | ({"orders_44.csv"} - arrived.keys())
    assert arrived.keys() == set(remote.names()) - refused
    assert all((remote.folder / name).read_bytes() == content for name, content in arrived.items())
    assert done.returncode == (1 if "orders_44.csv" in refused else 0), done.stderr
    assert all(name in done.stdout + done.stderr for name in refused)
    assert installation.sql("select count(*), count(distinct source_path) from dba.tfile") == [(len(arrived),) * 2]
