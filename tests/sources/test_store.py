"""Files come in whole and once from real SMB, WebDAV and FTPS servers, and are settled when they are safe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import fsspec
import pytest

from systemscripts.stores import StoreLogin, store_files
from systemscripts.stores.store_session import StoreSession
from tests.conftest import Installation
from tests.sources import door_matrix, store_servers
from tests.sources.door_matrix import make_rows
from tests.sources.store_servers import PASSWORD, StoreServer
from tests.ssh.servers import CuttingProxy

PROTOCOLS = ("smb", "webdav", "ftps")
# the same for every door: one protocol in every run, the others with --long
ONE_PROTOCOL = ["smb", *(pytest.param(name, marks=pytest.mark.long) for name in PROTOCOLS[1:])]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, StoreServer]]:
    """The servers that were asked for, each started once."""
    with contextlib.ExitStack() as stack:

        class Started(dict[str, StoreServer]):
            def __missing__(self, protocol: str) -> StoreServer:
                self[protocol] = stack.enter_context(store_servers.RUNNING[protocol]())
                return self[protocol]

        yield Started()


@pytest.fixture
def store(servers: dict[str, StoreServer], protocol: str, installation: Installation) -> StoreServer:
    prepare(installation)
    servers[protocol].clear()
    return servers[protocol]


def prepare(installation: Installation, **more: str) -> None:
    installation.write_settings(
        **{"SOURCE_STORE_PASSWORD": PASSWORD, "FILE_STILL_SECONDS": "0", "SFTP_STILL_SECONDS": "0"} | more
    )


@pytest.mark.parametrize("protocol", ["smb", "webdav", pytest.param("ftps", marks=pytest.mark.long)])
def test_twenty_cuts_lose_and_double_nothing(installation: Installation, store: StoreServer) -> None:
    prepare(installation, SFTP_ANSWER_SECONDS="1", SFTP_ATTEMPTS="15")
    if store.protocol != "ftps":
        door_matrix.check_cuts(installation, store.door(), store.door, cuts=20, rows=50_000, most=30_000)
        return
    with contextlib.ExitStack() as stack:
        # files come by connections of their own
        of_files = [
            stack.enter_context(CuttingProxy(port, 1, 20_000, 60_000, port, store_servers.FTPS_HOST, port))
            for port in store_servers.FTPS_DATA_PORTS
        ]
        door_matrix.check_cuts(installation, store.door(), store.door, cuts=16, small=60, rows=50_000, most=7_000)
        assert sum(proxy.cuts for proxy in of_files) >= 4


OWN_STEPS = [
    ("systemscripts.stores.store_files:_compare", "before", 2),
    ("systemscripts.stores.store_files:remove_file", "before", 2),
    ("systemscripts.stores.store_files:remove_file", "after", 2),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_runs_after_kills_end_in_the_usual_state(installation: Installation, store: StoreServer) -> None:
    # what is the same for every door: a part with each protocol
    common = door_matrix.COMMON_STEPS[PROTOCOLS.index(store.protocol) :: len(PROTOCOLS)]
    door_matrix.check_kills(installation, store.door(), [*OWN_STEPS, *common])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_files_are_moved_or_kept_as_the_source_says_and_bad_names_are_named(
    installation: Installation, store: StoreServer
) -> None:
    store.put("orders_1.csv", make_rows(1))
    store.put("orders_2 #%ü.csv", make_rows(2))
    store.put("orders_3.csv", b"something,else\n1,2\n")
    store.put("a\u202eb.csv", make_rows(9))
    if store.protocol != "smb":
        # Samba shows another name instead
        store.put("a\\x.csv", make_rows(9))
    (store.folder / "folder.csv").mkdir()
    door = store.door(settle="move")
    door_matrix.configure(installation, door, exact_header=["order_id", "amount"])
    summary = installation.summary("generic_import", "orders")
    said = "\n".join(summary["warnings"])
    assert said.count("its name is not allowed here") == (1 if store.protocol == "smb" else 2), said
    assert "folder.csv" in said and "it is not a file" in said
    moved = [name for name in store.list_names() if "/" in name]
    assert moved == [
        "done/orders_1.csv",
        "done/orders_2 #%ü.csv",
        "refused/orders_3.csv",
    ]
    # the same name again, also in the folder of the loaded ones
    store.put("orders_1.csv", make_rows(4, 3), age_seconds=60)
    door_matrix.load(installation)
    assert installation.sql("select count(*) from public.orders") == [(7,)]
    assert len([name for name in store.list_names() if name.startswith("done/orders_1")]) == 2


@pytest.mark.parametrize("protocol", ONE_PROTOCOL)
def test_a_kept_file_is_known_by_its_content(installation: Installation, store: StoreServer) -> None:
    door_matrix.check_new_content_under_a_name(installation, store.door(settle="keep"))
    assert store.list_names() == ["orders_1.csv"]


@pytest.mark.parametrize("protocol", ONE_PROTOCOL)
def test_a_full_disk_loses_nothing(installation: Installation, store: StoreServer) -> None:
    door_matrix.check_full_disk(installation, store.door())
    assert store.list_names() == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_logins_and_identities_that_are_wrong_are_one_line_and_no_secret(
    installation: Installation, store: StoreServer
) -> None:
    store.put("orders_1.csv", make_rows(1))
    prepare(installation, SOURCE_STORE_PASSWORD="wrong-Password-1")
    door_matrix.configure(installation, store.door())
    line = door_matrix.assert_fails(installation, 78, f"refused the login of {store.user}")
    prepare(installation)
    if store.protocol != "smb":
        installation.configure("orders", sources=[store.options(ca_file="")])
        line += door_matrix.assert_fails(installation, 78, "its certificate is not trusted", "ca_file")
        store_servers.make_certificate(installation.data / "other")
        installation.configure("orders", sources=[store.options(ca_file=str(installation.data / "other.pem"))])
        line += door_matrix.assert_fails(installation, 78, "its certificate is not trusted")
    installation.configure("orders", sources=[store.options(path=f"{store.path}/absent")])
    line += door_matrix.assert_fails(installation, 1, "there is no folder", "Correct path")
    installation.configure("orders", sources=[store.options(host="169.254.169.254")])
    line += door_matrix.assert_fails(installation, 78, "an address that no source may use")
    assert not [secret for secret in (PASSWORD, "wrong-Password-1") if secret in line + installation.read_logs()]


def test_a_share_that_does_not_prove_who_it_is_gets_nothing(installation: Installation) -> None:
    prepare(installation)
    for more, text in (("smb encrypt = off", "encrypt"), ("map to guest = bad password", "")):
        password = PASSWORD if text else "another-Password-1"
        with store_servers.running_samba(more, password) as store:
            store.put("orders_1.csv", make_rows(1))
            door_matrix.configure(installation, store.door())
            door_matrix.assert_fails(installation, 78, text)
            assert store.list_names() == ["orders_1.csv"]


def test_another_store_is_used_by_its_name_and_called_untested(installation: Installation) -> None:
    prepare(installation)
    folder = installation.data.parent / "elsewhere"
    folder.mkdir()
    (folder / "orders_1.csv").write_bytes(make_rows(1))
    source = {"type": "store", "protocol": "file", "path": str(folder), "settle": "move"}
    installation.configure("orders", file_pattern=r".*\.csv", load_mode="append", sources=[source])
    done = door_matrix.load(installation)
    assert "stores of protocol file are not tested by this project" in done.stderr + installation.read_logs()
    door_matrix.assert_loaded_once(installation, {"orders_1.csv": make_rows(1)})
    assert [path.name for path in (folder / "done").iterdir()] == ["orders_1.csv"]
    installation.configure("orders", sources=[source | {"protocol": "filee"}])
    assert "cannot be opened" in door_matrix.load(installation, 78).stderr


@pytest.mark.parametrize("protocol", ["webdav"])
def test_without_its_package_one_line_names_the_command(installation: Installation, store: StoreServer) -> None:
    door_matrix.configure(installation, store.door())
    hidden = installation.data / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'webdav4' else real(name, *more)\n"
    )
    path = f"{hidden}:{installation.process_environment()['PYTHONPATH']}"
    done = door_matrix.load(installation, 78, PYTHONPATH=path)
    assert "needs the Python package webdav4" in done.stderr and "--with shares" in done.stderr


def test_a_cut_download_of_a_store_without_times_begins_again(here: Installation) -> None:
    login = StoreLogin(protocol="memory", path="/cut")
    store = fsspec.filesystem("memory")
    store.pipe("/cut/orders_1.csv", b"new version")
    session, part = StoreSession(login), here.data / "orders_1.part"
    entry = store_files.find_entry(session, "/cut/orders_1.csv")
    assert entry is not None and (entry.size, entry.stamp) == (11, "")
    # of the version before, which had as many bytes
    part.write_bytes(b"old ve")
    store_files.download_file(session, "/cut/orders_1.csv", entry, part, lambda count: None)
    assert part.read_bytes() == b"new version"
