"""The main job on a machine with nothing configured: what it promises is in the database and at the mail server."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import lxml.html
import psycopg2
import pytest

from demo import events, expected
from demo.companies import BY_KEY
from tests.conftest import PROJECT
from tests.mail_origin import strip_origin

WRAPPER = str(PROJECT / "run_python_etl_script.sh")


@dataclass
class Demo:
    """A demo that was run twice."""

    folder: Path
    outputs: list[str]
    tables: list[dict[str, list[tuple[Any, ...]]]]  # after the first and after the second time
    mails: list[int]
    history: int = 0  # rows whose old values are kept, after the first time

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.folder, statement)


def clean_environment(data: Path) -> dict[str, str]:
    drop = ("ETL_", "DATABASE_", "SMTP_", "MEETMAX_")
    return {k: v for k, v in os.environ.items() if not k.startswith(drop)} | {"ETL_DATA_DIR": str(data)}


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    server = json.loads((folder / "var" / "embedded_database.json").read_text())
    url = f"postgresql://etl:{server['etl_password']}@127.0.0.1:{server['port']}/etl"
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "lists": query(folder, "select * from dba.tmeetmax order by dataset_id, source_row"),
        "events": query(folder, "select eventid from public.tmeetmaxurlcheck order by 1"),
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = tmp_path_factory.mktemp("installation")
    folder = data / "var" / "demo"
    environment = Demo(folder, [], [], [])
    for _ in range(2):
        done = subprocess.run(
            [WRAPPER, "run_pipeline.py", "weekly", "--demo"],
            env=clean_environment(data), capture_output=True, text=True,
            timeout=240, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        environment.outputs.append(done.stdout)
        history = query(folder, "select count(*) from dba.trowhistory where target_table = 'public.tmeetmaxurlcheck'")
        environment.history = environment.history or history[0][0]
        environment.tables.append(tables(folder))
        environment.mails.append(len(list((folder / "mails").glob("*.eml"))))
    yield environment
    match = json.loads((folder / "var" / "embedded_database.json").read_text())["folder"]
    stop = clean_environment(folder) | {"ETL_ENV_FILE": str(folder / "settings.env")}
    subprocess.run([WRAPPER, "database.py", "stop"], env=stop, check=True, capture_output=True)
    shutil.rmtree(match, ignore_errors=True)


@pytest.mark.parametrize("week", [1, 2])
def test_every_downloadable_event_is_a_dataset_with_as_many_rows_as_its_file(demo: Demo, week: int) -> None:
    result = dict(
        demo.sql(
            f"""select f.label::integer, d.rows_loaded from dba.tfile f join dba.tdataset d using (dataset_id)
                where f.config_name = 'meetmax_events' and f.dataset_date = '{events.MONDAYS[week - 1]}'
                  and f.status in ('loaded', 'unchanged')"""
        )
    )
    assert result == expected.count_list_rows(week)


def test_the_rows_are_in_the_table(demo: Demo) -> None:
    counted = dict(demo.sql("select dataset_id, count(*) from dba.tmeetmax group by 1"))
    for dataset, rows in demo.sql(
        "select dataset_id, rows_loaded from dba.tdataset where config_name = 'meetmax_events'"
    ):
        assert counted.get(dataset, 0) == rows


def test_one_row_per_event_id(demo: Demo) -> None:
    ids = [row[0] for row in demo.tables[0]["events"]]
    assert len(ids) == len(set(ids)) >= expected.count_asked_ids()


def test_the_same_command_again_adds_no_row_and_mails_nothing(demo: Demo) -> None:
    assert demo.tables[1] == demo.tables[0]
    assert demo.mails == [2, 2]
    assert demo.sql("select count(*) from dba.trowhistory where target_table = 'public.tmeetmaxurlcheck'") == [
        (demo.history,)
    ]
    statuses = demo.sql(
        "select distinct status from dba.tfile where config_name = 'meetmax_events' and dataset_date > '2026-03-09'"
    )
    assert statuses == [("unchanged",)]


@pytest.fixture(scope="module")
def mails(demo: Demo) -> list[EmailMessage]:
    """The two mails."""
    paths = sorted((demo.folder / "mails").glob("*.eml"))
    result = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
    return [message for message in result if isinstance(message, EmailMessage)]


def part(message: EmailMessage, subtype: str) -> str:
    body: Any = message.get_body((subtype,))
    return str(body.get_content()).replace("\r\n", "\n")


def describe(key: str) -> str:
    """A company as the mail's text shows it."""
    company = BY_KEY[key]
    return f"{company.name} ({company.ticker})" if company.ticker else company.name


def shown_changes(event: int) -> list[str]:
    """The lines that the second mail must have for an event, from the plain data alone."""
    changes = expected.find_changes(2)[event]
    lines = [f"+ {describe(key)}" for key in changes.added] + [f"- {describe(key)}" for key in changes.removed]
    for value in changes.changed:
        is_name = value.column in ("Company", "Company Name", "Company/Organization", "COMPANY NAME")
        name = f"{value.after} ({BY_KEY[value.key].ticker})" if is_name else describe(value.key)
        lines.append(f"~ {name}: {value.column.rstrip(':')}: {value.before} -> {value.after}")
    return lines


def test_the_first_mail_names_every_list_with_its_number_of_companies(mails: list[EmailMessage]) -> None:
    assert mails[0]["To"] == "analyst@example.test"
    assert strip_origin(str(mails[0]["Subject"])) == f"MeetMax: {len(expected.count_list_rows(1))} new lists"
    text = part(mails[0], "plain")
    for event, rows in expected.count_list_rows(1).items():
        size = f"{rows} companies" if rows else "the list is empty"
        assert f"{event}  {events.EVENTS[event].title}: {size}\n" in text


def test_the_second_mail_names_exactly_what_was_added_removed_and_changed(mails: list[EmailMessage]) -> None:
    text = part(mails[1], "plain")
    result: dict[int, list[str]] = {}
    event = 0
    for line in text.partition("CHANGED")[2].partition("NEW LISTS")[0].splitlines():
        if line[:6].isdigit():
            event = int(line[:6])
            result[event] = []
        elif line.startswith(("    + ", "    - ", "    ~ ")):
            result[event].append(line.strip())
    names = {event: sorted(shown_changes(event)) for event, changes in expected.find_changes(2).items() if changes}
    assert {event: sorted(lines) for event, lines in result.items()} == names


def test_the_second_mail_names_what_is_new_and_what_is_gone(mails: list[EmailMessage]) -> None:
    text = part(mails[1], "plain")
    new = [int(line[:6]) for line in text.partition("NEW LISTS")[2].splitlines() if line[:6].isdigit()]
    assert new == expected.list_published(2)
    gone = text.partition("GONE")[2].partition("CHANGED")[0]
    assert {int(line[2:8]) for line in gone.splitlines() if line} == set(expected.find_disappeared(2))
    assert "PROBLEMS" not in text


def test_the_html_says_the_same_as_the_text(mails: list[EmailMessage]) -> None:
    page = lxml.html.fromstring(part(mails[1], "html"))
    for event, changes in expected.find_changes(2).items():
        blocks = page.xpath(f"//*[@id='event-{event}']")
        assert len(blocks) == bool(changes)
        for subtype in ("added", "removed", "changed") if changes else ():
            names = [row.xpath("string(.//strong)") for row in blocks[0].xpath(f".//tr[@class='{subtype}']")]
            keys = [getattr(value, "key", value) for value in getattr(changes, subtype)]
            assert len(names) == len(set(keys))
            text = " ".join(blocks[0].text_content().split())
            assert all(key in text for key in keys)
    assert [int(block.get("id")[4:]) for block in page.xpath("//*[@class='new']")] == expected.list_published(2)
    assert {int(block.get("id")[5:]) for block in page.xpath("//*[@class='gone']")} == set(expected.find_disappeared(2))


def test_the_closing_table_agrees_with_the_database(demo: Demo) -> None:
    lines = {
        line.split()[0]: line for line in demo.outputs[0].split("What happened")[1].splitlines() if line[:3] == "119"
    }
    for event, rows in expected.count_list_rows(1).items():
        assert f"  {rows}  " in lines[str(event)] + "  "
    assert set(lines) == {str(e) for e in set(expected.count_list_rows(1)) | set(expected.count_list_rows(2))}
    for event, changes in expected.find_changes(2).items():
        signs = zip("+-~", (changes.added, changes.removed, {v.key for v in changes.changed}), strict=True)
        counts = " ".join(f"{sign}{len(keys)}" for sign, keys in signs if keys)
        end = f"{expected.count_list_rows(2)[event]} ({counts})" if counts else "unchanged"
        assert lines[str(event)].endswith(end)
    assert "next:" in demo.outputs[0]


def test_every_run_has_its_row_and_its_pipeline(demo: Demo) -> None:
    runs = demo.sql(
        """select p.job, r.step_number, r.job from dba.trun r join dba.trun p on p.run_uuid = r.parent_uuid
           where r.status = 'succeeded'"""
    )
    assert sorted(row[1] for row in runs) == sorted([1, 2, 3, 4, 5] * 3)
    assert {row[0] for row in runs} == {"run_pipeline"}
    assert demo.sql("select count(*) from dba.trun where status <> 'succeeded'") == [(0,)]


def test_nothing_is_left_waiting_and_the_archive_has_every_list(demo: Demo) -> None:
    assert [p.name for p in (demo.folder / "file_watcher").iterdir() if p.is_file()] == []
    kept = demo.sql("select keep_path from dba.tfile where config_name = 'meetmax_events'")
    assert len(kept) == len(expected.count_list_rows(1)) + 2 * len(expected.count_list_rows(2))
    assert all((demo.folder / path).is_file() for (path,) in kept)


def test_an_unknown_demo_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [WRAPPER, "run_pipeline.py", "nothing", "--demo"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "weekly" in done.stderr
