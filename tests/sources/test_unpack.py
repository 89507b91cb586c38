"""Archives that a server brings are loaded file by file, each with its ticket, and settled after the last one."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import configuration, db_utils, file_ledger
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from tests.conftest import Installation
from tests.sales.conftest import Shop, make_shop, s3_server, shop
from tests.sources import door_matrix, store_servers
from tests.sources.door_matrix import make_rows
from tests.sources.store_servers import PASSWORD, StoreServer
from tests.sources.test_http import FileServer, site
from tests.ssh import servers

__all__ = ["make_shop", "s3_server", "shop", "site"]  # the fixtures
RUN = "00000000-0000-4000-8000-00000000000a"


def pack(**files: bytes) -> bytes:
    """Return a zip; `name_csv` is name.csv in a folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in files.items():
            packed.writestr(f"2026/{name.replace('_csv', '.csv')}", content)
    return stream.getvalue()


@pytest.fixture(scope="module")
def dav() -> Iterator[StoreServer]:
    with store_servers.running_webdav() as server:
        yield server


@pytest.fixture
def store(dav: StoreServer, installation: Installation) -> StoreServer:
    installation.write_settings(SOURCE_STORE_PASSWORD=PASSWORD, FILE_STILL_SECONDS="0", SFTP_STILL_SECONDS="0")
    dav.clear()
    return dav


def configure(installation: Installation, store: StoreServer, name: str = "orders", **more: object) -> None:
    installation.configure(
        name, file_pattern=rf"{name}_\d\.csv", load_mode="append", target_table="public.orders",
        sources=[store.options(unpack=r"pack_\d\.zip", **more)],
    )  # fmt: skip


def count(installation: Installation) -> int:
    return int(installation.sql("select count(*) from public.orders")[0][0])


@pytest.mark.parametrize(("step", "when", "nth"), [
    ("systemscripts.sources.arrival:try_move_file", "after", 2),
    ("systemscripts.file_ledger:mark_archived", "after", 1),
    ("systemscripts.sources.types.store:settle", "before", 1),
])  # fmt: skip
def test_an_archive_is_settled_only_when_its_last_file_is_safe_also_after_a_kill(
    installation: Installation, store: StoreServer, step: str, when: str, nth: int
) -> None:
    store.put("pack_1.zip", pack(orders_1_csv=make_rows(1), orders_2_csv=make_rows(2), readme=b"read me"))
    configure(installation, store, settle="move")
    door_matrix.kill(installation, (step, when, nth))
    assert store.list_names() == ["pack_1.zip"]
    door_matrix.load(installation)
    assert store.list_names() == ["done/pack_1.zip"]
    assert count(installation) == 4
    tickets = installation.sql("select source, name, status, source_path from dba.tfile order by name")
    assert [row[:3] for row in tickets] == [("store", f"orders_{number}.csv", "loaded") for number in (1, 2)]
    assert tickets[0][3].endswith("/in/pack_1.zip!/2026/orders_1.csv")
    door_matrix.load(installation)
    assert count(installation) == 4


def test_files_of_two_imports_and_damaged_archives_keep_theirs(installation: Installation, store: StoreServer) -> None:
    store.put("pack_1.zip", pack(orders_1_csv=make_rows(1), others_1_csv=make_rows(2)))
    store.put("pack_2.zip", pack(orders_2_csv=make_rows(3))[:60])
    configure(installation, store)
    summary = installation.summary("generic_import", "orders")
    assert "pack_2.zip is truncated or damaged" in "\n".join(summary["problems"])
    assert "pack_1.zip has files that do not match" in (said := "\n".join(summary["warnings"])) and "others_1" in said
    assert store.list_names() == ["pack_1.zip", "pack_2.zip"]
    configure(installation, store, "others")
    (store.folder / "pack_2.zip").unlink()
    assert installation.run("generic_import", "others").returncode == 0
    assert (store.list_names(), count(installation)) == ([], 4)


def test_sftp_and_a_folder_bring_archives_too_and_a_kept_one_comes_once(
    installation: Installation, tmp_path: Path
) -> None:
    installation.write_settings(FILE_STILL_SECONDS="0", SFTP_STILL_SECONDS="0")
    inbox = installation.data / "inbox"
    inbox.mkdir()
    (inbox / "pack_1.zip").write_bytes(pack(orders_1_csv=make_rows(1)))
    with servers.asyncssh_place(tmp_path / "server") as (remote, fingerprint):
        servers.trust(installation, remote.host, remote.port, fingerprint)
        remote.put("pack_2.zip", pack(orders_2_csv=make_rows(2), orders_3_csv=make_rows(3)))
        sources = [
            {"type": "local", "path": "inbox", "unpack": r"pack_\d\.zip"},
            remote.options(settle="keep", unpack=r"pack_\d\.zip"),
        ]
        installation.configure("orders", file_pattern=r"orders_\d\.csv", load_mode="append", sources=sources)
        shown = installation.run("generic_import", "orders", "--dry-run")
        assert "orders_1.csv" in shown.stdout and (inbox / "pack_1.zip").exists()
        door_matrix.load(installation)
        again = installation.summary("generic_import", "orders")
        assert (again["files"], again["problems"], remote.names()) == (0, [], ["pack_2.zip"])
        assert (list(inbox.iterdir()), count(installation)) == ([], 6)
        installation.configure("orders", sources=[{"type": "local", "unpack": "x"}])
        assert "needs path" in door_matrix.load(installation, 78).stderr


def test_a_bucket_brings_archives_whose_object_is_moved_after_the_last_file_also_after_a_kill(shop: Shop) -> None:
    installation = shop.installation
    installation.write_settings(FILE_STILL_SECONDS="0")
    shop.put("in/pack_1.zip", pack(orders_1_csv=make_rows(1), orders_2_csv=make_rows(2), readme=b"read me"))
    shop.put("in/orders_9.csv", make_rows(9))
    prefixes = {"prefix": "in", "processed_prefix": "done", "error_prefix": "refused"}
    installation.configure(
        "orders", file_pattern=r"orders_\d\.csv", load_mode="append", target_table="public.orders",
        sources=[{"type": "s3", "unpack": r"pack_\d\.zip", **prefixes}],
    )  # fmt: skip
    door_matrix.kill(installation, ("systemscripts.file_ledger:mark_archived", "after", 1))
    assert shop.keys() == ["in/orders_9.csv", "in/pack_1.zip"]
    door_matrix.load(installation)
    assert shop.keys() == ["done/pack_1.zip", "in/orders_9.csv"]
    assert count(installation) == 4
    tickets = installation.sql("select source, name, status, source_path from dba.tfile order by name")
    assert [row[:3] for row in tickets] == [("s3", f"orders_{number}.csv", "loaded") for number in (1, 2)]
    assert tickets[0][3] == f"s3://{shop.bucket}/in/pack_1.zip!/2026/orders_1.csv"
    # the same archive again is a new delivery, whose files are known by their content
    shop.put("in/pack_1.zip", pack(orders_1_csv=make_rows(1), orders_3_csv=make_rows(3)))
    door_matrix.load(installation)
    assert (count(installation), shop.keys("in/")) == (6, ["in/orders_9.csv"])


def test_a_page_brings_archives_and_no_content_is_loaded_twice(here: Installation, site: FileServer) -> None:
    here.write_settings(FILE_STILL_SECONDS="0")
    site.files["pack_1.zip"] = pack(orders_1_csv=make_rows(1), orders_2_csv=make_rows(2))
    site.files["orders_9.csv"] = make_rows(9)
    here.configure(
        "orders", file_pattern=r"orders_\d\.csv", load_mode="append", target_table="public.orders",
        sources=[site.options(links=r"pack_\d\.zip", unpack=r"pack_\d\.zip")],
    )  # fmt: skip
    for content, rows in (
        (site.files["pack_1.zip"], 4),
        (pack(orders_1_csv=make_rows(1), orders_3_csv=make_rows(3)), 6),
    ):
        site.files["pack_1.zip"] = content
        for _ in range(2):
            done = door_matrix.summarize(here)
            assert (done.problems, count(here)) == ([], rows)
    # under another stamp the files come again, and are known by their content
    site.salt = "another"
    for files in (2, 0):
        assert (door_matrix.summarize(here).files, count(here)) == (files, 6)
    tickets = here.sql("select source, name, source_path from dba.tfile order by file_id")
    assert [row[:2] for row in tickets][:2] == [("http", "orders_1.csv"), ("http", "orders_2.csv")]
    assert "pack_1.zip" in tickets[0][2] and tickets[0][2].endswith("!/2026/orders_1.csv")


def test_a_wider_pattern_fetches_the_other_files_of_archives_that_stay_and_no_file_twice(here: Installation) -> None:
    here.write_settings(FILE_STILL_SECONDS="0")
    inbox = here.data / "inbox"
    inbox.mkdir()
    (inbox / "pack_1.zip").write_bytes(pack(orders_1_csv=make_rows(1), orders_2_csv=make_rows(2)))
    (inbox / "pack_2.zip").write_bytes(pack(orders_1_csv=make_rows(3)))

    def load(pattern: str) -> tuple[int, list[str]]:
        source = {"type": "local", "path": "inbox", "unpack": r"pack_\d\.zip", "keep": True}
        here.configure("orders", file_pattern=pattern, load_mode="append", sources=[source])
        with contextlib.closing(db_utils.connect()) as connection:
            config = configuration.load_import(connection, "orders")
            directories = Directories(here.data).create()
            done = run_imports.run_imports(connection, [config], directories, RUN, run_imports.Options())
        assert done.problems == []
        return count(here), [row[0] for row in here.sql("select name from dba.tfile order by file_id")]

    first = ["orders_1.csv", "orders_1.csv"]
    assert load(r"orders_1\.csv") == (4, first)
    assert load(r"orders_\d\.csv") == (6, [*first, "orders_2.csv"])
    # nothing is read again then, also of the archive without another file: it would be found damaged
    for path in inbox.iterdir():
        state = path.stat()
        path.write_bytes(bytes(state.st_size))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert load(r"orders_\d\.csv") == (6, [*first, "orders_2.csv"])


def test_the_files_of_an_archive_are_found_by_an_index_and_exactly(here: Installation) -> None:
    here.configure("orders", file_pattern="x", load_mode="append", target_table="public.orders")
    start = "/in/a_1%.zip!/"
    with contextlib.closing(db_utils.connect()) as connection:
        configuration.load_import(connection, "orders")
        with connection.cursor() as cursor:
            for number, path in enumerate([f"{start}x.csv", "/in/ab1%.zip!/y.csv", "/in/a_1%.zip"]):
                cursor.execute(
                    "insert into dba.tfile (config_name, source, source_path, source_stamp, name, path, status,"
                    " run_uuid, reason, archived_at)"
                    " values ('orders', 'local', %s, '1-2 1/1', 'x', %s, 'refused', %s, 'x', now())",
                    (path, str(number), RUN),
                )
            cursor.execute("set enable_seqscan = off")
            assert file_ledger.count_safe_members(cursor, "local", start, "1-2 ") == (1, True)
            cursor.execute(b"explain " + cursor.query)
            plan = "\n".join(row[0] for row in cursor.fetchall()).replace("::text", "")
            assert "tfile_source_path" in plan and f"source_path ~>=~ '{start}'" in plan, plan
            found = file_ledger.list_origins(cursor, "orders", "local", start)
            assert [one.path for one in found] == [f"{start}x.csv"]
