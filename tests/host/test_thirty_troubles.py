"""Thirty troubles on a set-up host: each is one first mail, none more, and one when it is over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.conftest import PROJECT
from tests.host.machine import machine
from tests.host.troubled_host import RECIPIENTS, Mail, TroubledHost
from tests.host.troubles import START, TROUBLES, Trouble
from tests.smtp_server import SmtpServer

PAGE = PROJECT / "docs" / "developers" / "troubles.md"
PAGE_HEAD = """# Thirty troubles

What was planted on a set-up host (real PostgreSQL, cron lines and mail sessions), and the mails that came of it: first,
further ones over several more starts and a look of the watchdog, and those when it was over. `tests/host/troubles.py`
says how each is planted and fixed. This page is written and checked by `tests/host/test_thirty_troubles.py`.

| trouble | mails wanted | mails seen | subject | first command in the mail |
| --- | --- | --- | --- | --- |
"""
COMMAND = re.compile(
    r"\betl (?:doctor|run \w+(?: --failed)?|datasets \w+ \d+|purge --dry-run|suggest \S+|sql '[^']*')"
    r"|\betl import \w+ --retry-refused"
    r"|(?:sudo [a-z]+|chmod [0-9]+|timedatectl [a-z-]+|\S*install_dependencies\.sh(?!:))[^\n;,()]*"
)
# the rows of the page, by the names of the troubles
SEEN: dict[str, str] = {}
# further starts while a trouble lasts, and after the one that shows that it is over
FURTHER_STARTS = 2


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubledHost]:
    with SmtpServer() as mail_server, machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        troubled = TroubledHost(new_machine, mail_server)
        troubled.set_up()
        troubled.start_cron()
        for name in ("first", "second", "third", "lists", "watchdog"):
            assert troubled.start(name) == 0, (name, troubled.said, troubled.etl("status"))
        assert [mail.subject for mail in troubled.list_mails()] == []
        yield troubled


def start_all(host: TroubledHost, trouble: Trouble, names: tuple[str, ...] = ()) -> list[Mail]:
    """Start what the trouble is about, or `names`; return the new mails."""
    before = len(host.list_mails())
    for name in names or trouble.starts:
        host.start(name)
    return host.list_mails()[before:]


def count_mails(mails: list[Mail]) -> int:
    """Count the mails; one that a recipient gets later than the others is the same."""
    return len({(mail.subject, mail.text) for mail in mails})


def check_screens(host: TroubledHost, trouble: Trouble) -> None:
    """Doctor names the trouble while it lasts, and so does status where jobs can start."""
    if trouble.shown:
        doctor = host.etl("doctor")
        assert re.search(trouble.shown, doctor), doctor
        status = host.etl("status") if trouble.subject != START else ""
        assert trouble.subject == START or re.search(trouble.shown, status), status


def find_command(mails: list[Mail]) -> str:
    """Return the first command that a mail names, with N for the number of a dataset."""
    match = COMMAND.search(" ".join(mail.text for mail in mails))
    return re.sub(r"(accept |undo |backend\()[0-9]+", r"\1N", match[0].strip(" .;,)")) if match else ""


def render_row(trouble: Trouble, seen: tuple[int, ...], first: list[Mail]) -> str:
    """Return the row of the page for a trouble as it was seen."""
    subjects = ", ".join(dict.fromkeys(f"`{mail.subject}`" for mail in first))
    command = find_command(first)
    wanted_and_seen = " | ".join(", ".join(map(str, counts)) for counts in (trouble.wanted, seen))
    return f"| {trouble.name} | {wanted_and_seen} | {subjects} | {f'`{command}`' if command else ''} |"


@pytest.mark.parametrize(
    "trouble",
    [pytest.param(item, id=item.name, marks=[pytest.mark.long] if item.is_slow else []) for item in TROUBLES],
)
def test_a_trouble_is_one_mail_and_one_when_it_is_over(host: TroubledHost, trouble: Trouble) -> None:
    trouble.plant(host)
    try:
        first = start_all(host, trouble)
        further = [mail for _ in range(FURTHER_STARTS) for mail in start_all(host, trouble)]
        if trouble.shown and trouble.subject != START and trouble.over:
            # what it finds is not a second mail
            further += start_all(host, trouble, ("watchdog",))
        check_screens(host, trouble)
    finally:
        before = len(host.list_mails())
        trouble.fix(host)
    # what fixes it may be a run that reports it
    over = host.list_mails()[before:] + [mail for _ in range(FURTHER_STARTS) for mail in start_all(host, trouble)]
    if not trouble.over:
        # the mail could go out only now; the job that it is about still fails
        first, further, over = [*first, *further, *over], [], []
        host.behave("")
        start_all(host, trouble)
    seen = tuple(map(count_mails, (first, further, over)))
    assert seen == trouble.wanted, ([mail.subject for mail in (*first, *further, *over)], host.said)
    for mail in first:
        assert re.search(trouble.subject, mail.subject), (mail.subject, mail.text)
        assert re.search(trouble.says, mail.text, re.DOTALL), mail.text
        assert "trial on " in mail.text
    for mail in over:
        assert re.search(trouble.over, mail.subject), (mail.subject, mail.text)
    for mail in set(first) | set(over):
        copies = [other for other in (*first, *over) if (other.subject, other.text) == (mail.subject, mail.text)]
        assert all(sum(name in other.recipients for other in copies) <= 1 for name in RECIPIENTS), copies
    assert re.search(r"^problems +none$", host.etl("status"), re.MULTILINE), host.etl("status")
    SEEN[trouble.name] = render_row(trouble, seen, first)
    if os.environ.get("ETL_WRITE_TROUBLES"):
        write_page()


def read_page() -> dict[str, str]:
    """Return the rows of the page by the names of their troubles."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return {line.split(" | ")[0][2:]: line for line in lines if line.startswith("| ")}


def write_page() -> None:
    """Write what was seen into the page; the other rows stay."""
    rows = read_page() | SEEN
    PAGE.write_text(PAGE_HEAD + "".join(f"{rows[item.name]}\n" for item in TROUBLES if item.name in rows))


def test_the_page_of_troubles_shows_what_was_seen() -> None:
    rows = read_page()
    assert [name for name in rows if name not in ("trouble", "---")] == [item.name for item in TROUBLES]
    for name, row in SEEN.items():
        # the command may name what depends on the rows before
        assert rows[name].rpartition(" | ")[0] == row.rpartition(" | ")[0], (
            "write the page: ETL_WRITE_TROUBLES=1 ./run_tests.sh --long tests/host"
        )
