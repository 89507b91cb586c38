"""What a file was at its source is kept in its ticket: it is not fetched again, and the right source is told."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import psycopg2
import pytest

from systemscripts import file_ledger, sources
from systemscripts.configuration import ImportConfig
from systemscripts.directory_management import Directories
from systemscripts.sources import source_plugin
from tests.conftest import Installation

ORIGIN = file_ledger.Origin("sftp://me@host:22/in/report_1.txt", 12, "1700000000")


def test_a_file_is_known_by_path_size_and_stamp_together(installation: Installation) -> None:
    installation.configure("reports")
    directories = Directories(installation.data)
    waiting = directories.file_watcher / "report_1_2.txt"  # its own name was taken when it came
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        assert not file_ledger.is_known(cursor, "reports", "sftp", ORIGIN)
        ticket = file_ledger.register_file(cursor, "reports", waiting, directories, str(uuid.uuid4()), "sftp", ORIGIN)
        assert (ticket.name, ticket.path, ticket.size) == ("report_1.txt", "file_watcher/report_1_2.txt", 12)
        assert file_ledger.is_known(cursor, "reports", "sftp", ORIGIN)
        for other in (
            file_ledger.Origin("sftp://me@host:22/in/report_2.txt", 12, "1700000000"),
            file_ledger.Origin(ORIGIN.path, 13, ORIGIN.stamp),
            file_ledger.Origin(ORIGIN.path, ORIGIN.size, "1700000001"),
        ):
            assert not file_ledger.is_known(cursor, "reports", "sftp", other)
        file_ledger.mark_settled(cursor, ticket)
        assert file_ledger.is_known(cursor, "reports", "sftp", ORIGIN)
        assert not file_ledger.is_known(cursor, "reports", "sftp", ORIGIN, unsettled=True)


def test_many_files_are_registered_and_known_at_once_in_their_order(installation: Installation) -> None:
    installation.configure("reports")
    directories, run = Directories(installation.data), str(uuid.uuid4())
    origins = [
        file_ledger.Origin(f"sftp://me@host:22/in/{name}", size, stamp)
        for name, size, stamp in (("z.txt", 3, "5"), ("a.txt", None, ""), ("m.txt", 2**40, "7"))
    ]
    files = [(directories.file_watcher / f"{number}.txt", origin) for number, origin in enumerate(origins)]
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        waiting = file_ledger.register_file(cursor, "reports", files[1][0], directories, run, "sftp", origins[1])
        tickets = file_ledger.register_files(cursor, "reports", [*files, files[2]], directories, run, "sftp")
        assert [ticket.name for ticket in tickets] == ["z.txt", "a.txt", "m.txt", "m.txt"]
        assert [ticket.size for ticket in tickets] == [3, None, 2**40, 2**40]
        assert tickets[1] == waiting
        assert waiting.file_id < tickets[0].file_id < tickets[2].file_id == tickets[3].file_id
        others = [file_ledger.Origin(origin.path, 4, "5") for origin in origins]
        assert file_ledger.list_known(cursor, "reports", "sftp", [*others, *origins]) == set(origins)
        file_ledger.mark_settled(cursor, tickets[0])
        assert file_ledger.list_known(cursor, "reports", "sftp", origins, unsettled=True) == set(origins[1:])
        assert file_ledger.list_known(cursor, "reports", "sftp", []) == set()


@pytest.mark.parametrize(
    ("path", "folder"),
    [("sftp://host/in/a.txt", "in"), ("sftp://host/in/old/a.txt", "in/old"), ("sftp://host/other/a.txt", None)],
)
def test_the_longest_matching_address_says_which_source_a_file_came_from(
    monkeypatch: pytest.MonkeyPatch, path: str, folder: str | None
) -> None:
    class Kind:
        @staticmethod
        def address(options: dict[str, str]) -> str:
            return f"sftp://host/{options['path']}/"

    monkeypatch.setattr(source_plugin, "load_module", lambda type_name: Kind)
    config = ImportConfig(
        config_name="reports", file_pattern=".*", target_table="public.reports",
        sources=[{"type": "sftp", "path": "in"}, {"type": "sftp", "path": "in/old"}],
    )  # fmt: skip
    values = dict.fromkeys(file_ledger.Ticket.__dataclass_fields__)
    ticket = file_ledger.Ticket(**{**values, "source": "sftp", "source_path": path})
    actual = sources.find_source(config, ticket)
    assert (actual.options["path"] if actual else None) == folder


def test_a_ticket_whose_file_never_arrived_is_taken_back(installation: Installation) -> None:
    installation.configure("reports")
    directories = Directories(installation.data)
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        file_ledger.register_file(
            cursor, "reports", Path(installation.data / "file_watcher" / "report_1.txt"), directories,
            str(uuid.uuid4()), "sftp", ORIGIN,
        )  # fmt: skip
        connection.commit()
    done = installation.run("generic_import", "reports")
    assert done.returncode == 0
    assert installation.sql("select count(*) from dba.tfile") == [(0,)]
