"""Thirty troubles on a set-up host: each is one first mail, none more, and one when it is over."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.conftest import PROJECT
from tests.host.machine import machine
from tests.host.troubled_host import Mail, TroubledHost
from tests.host.troubles import TROUBLES, Trouble
from tests.smtp_server import SmtpServer

PAGE = PROJECT / "docs" / "developers" / "troubles.md"
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


def start_all(host: TroubledHost, trouble: Trouble) -> list[Mail]:
    """Start what the trouble is about; return the new mails."""
    before = len(host.list_mails())
    for name in trouble.starts:
        host.start(name)
    return host.list_mails()[before:]


def count_subjects(mails: list[Mail]) -> int:
    """Count the mails of each recipient, without a second time for a second recipient."""
    return len({(mail.subject, mail.text) for mail in mails})


def read_problems(host: TroubledHost) -> tuple[str, str]:
    """What status and doctor say of lasting problems."""
    return host.etl("status"), host.etl("doctor")


@pytest.mark.parametrize(
    "trouble",
    [pytest.param(item, id=item.name, marks=[pytest.mark.long] if item.is_slow else []) for item in TROUBLES],
)
def test_a_trouble_is_one_mail_and_one_when_it_is_over(host: TroubledHost, trouble: Trouble) -> None:
    before = len(host.list_mails())
    trouble.plant(host)
    try:
        first = start_all(host, trouble)
        further = [mail for _ in range(FURTHER_STARTS) for mail in start_all(host, trouble)]
    finally:
        trouble.fix(host)
    over = [mail for _ in range(FURTHER_STARTS) for mail in start_all(host, trouble)]
    if not trouble.over:
        # a mail that could not be sent comes now, and its trouble goes on in the next row's place
        first, further, over = [*first, *further, *over], [], []
        host.behave("")
        start_all(host, trouble)
    seen = tuple(map(count_subjects, (first, further, over)))
    shown = [(mail.recipients, mail.subject) for mail in host.list_mails()[before:]]
    assert seen == trouble.wanted, (shown, host.said)
    for mail in first:
        assert re.search(trouble.subject, mail.subject), (mail.subject, mail.text)
        assert re.search(trouble.says, mail.text, re.DOTALL), mail.text
        assert "trial on " in mail.text
    for mail in over:
        assert re.search(trouble.over, mail.subject), (mail.subject, mail.text)
    for mails in (first, over):
        addressed = [recipient for mail in mails for recipient in mail.recipients]
        assert len(addressed) == len(set(addressed)) * (len(mails) and count_subjects(mails)) or trouble.wanted[0] == 2
    assert host.etl("status").partition("problems ")[2].strip().startswith("none"), host.etl("status")
