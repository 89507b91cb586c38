"""What a mailbox is told and not asked twice: answers to senders, dry runs, mails without a file, shared folders."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from pydantic import SecretStr

from systemscripts import db_utils, settings
from systemscripts.configuration import shared_mailboxes
from systemscripts.configuration.source_options.mail import Options
from systemscripts.directory_management import Directories
from systemscripts.retention import noted_mails, retention_view
from systemscripts.sources import Request
from systemscripts.sources.mailbox import automatic_mail, mail_notes
from tests.conftest import Installation
from tests.smtp_server import SmtpServer
from tests.sources import door_matrix
from tests.sources.door_matrix import make_rows
from tests.sources.mail_server import SENDER, MailServer, box, dovecot, make_mail
from tests.tiny_jobs import Mails, mails

__all__ = ["box", "dovecot", "mails"]  # the fixtures
WRONG = b"something,else\n1,2\n"


def configure(installation: Installation, box: MailServer, answer: list[str], **more: object) -> None:
    door = box.door(answer=answer, **more)
    door_matrix.configure(installation, door, exact_header=["order_id", "amount"], load_mode="snapshot")


def list_answers(mails: Mails) -> list[EmailMessage]:
    return [mail for mail in mails.read_all() if mail["To"] != "operator@example.test"]


def test_each_outcome_is_answered_once_although_runs_are_killed(
    installation: Installation, box: MailServer, mails: Mails
) -> None:
    configure(installation, box, ["refused", "held", "loaded"], settle="move")
    box.deliver(
        make_mail({"orders_1.csv": make_rows(1, 20)}, "Reports <Reports@client.example>", "Orders of May\u00a0x")
    )
    notes = "systemscripts.sources.mailbox.mail_notes"
    for function in ("write_answer", "send_answers"):
        # the second run begins with what the first one left
        step = [f"{notes}:{function}", "before", "1"]
        command = [sys.executable, str(door_matrix.KILLING), *step, "generic_import", "orders"]
        killed = subprocess.run(
            command, env=installation.process_environment(), capture_output=True, text=True, cwd=installation.data
        )
        assert killed.returncode == -9, killed.stderr
        assert list_answers(mails) == []
    door_matrix.load(installation)
    [loaded] = list_answers(mails)
    # the sender is not told which host it is
    assert (loaded["To"], loaded["Subject"]) == (SENDER, "Auto: Orders of May x")
    assert loaded.get_content().rstrip().endswith("This is an automatic answer.")
    assert loaded["Auto-Submitted"] == "auto-replied" and loaded["In-Reply-To"].endswith("@client.example>")
    assert "orders_1.csv: loaded" in loaded.get_content()
    # a refused file beside a held one: one mail, one answer with both
    box.deliver(make_mail({"orders_2.csv": WRONG, "orders_3.csv": make_rows(3, 1)}))
    door_matrix.load(installation, 65)
    door_matrix.load(installation)
    [_, other] = list_answers(mails)
    text = " ".join(other.get_content().split())
    assert "orders_2.csv: refused, nothing of it is loaded:" in text and "orders_3.csv: held, a person decides" in text
    assert installation.sql("select answer, count(*) from dba.tmail group by 1") == [("sent", 2)]


def test_only_configured_outcomes_are_answered_and_a_server_that_is_away_is_asked_again(
    here: Installation, box: MailServer, mails: Mails
) -> None:
    configure(here, box, ["refused"])
    box.put("orders_1.csv", make_rows(1))
    door_matrix.load(here)
    port = str(mails.sink.port)
    here.write_settings(SMTP_PORT="1")
    box.put("orders_2.csv", WRONG)
    done = door_matrix.summarize(here)
    assert (len(done.problems) == 1 and "was refused" in done.problems[0]) or "orders_2.csv" in done.problems[0]
    assert here.sql("select answer, recipient from dba.tmail order by mail_id") == [("none", SENDER), ("due", SENDER)]
    here.write_settings(SMTP_PORT=port)
    assert door_matrix.summarize(here).files == 0
    [answer] = list_answers(mails)
    assert "orders_2.csv: refused" in answer.get_content()
    door_matrix.summarize(here)
    assert len(list_answers(mails)) == 1
    here.write_settings(SMTP_HOST="")
    assert "no mail server is configured" in door_matrix.load(here, 78).stderr


HEADERS: list[tuple[dict[str, str], str]] = [
    ({}, ""),
    ({"Auto-Submitted": "no"}, ""),
    ({"Auto-Submitted": "auto-replied (vacation)"}, "sent automatically"),
    ({"Auto-Submitted": "auto-generated; type=x"}, "sent automatically"),
    ({"Precedence": "Bulk"}, "mass mail"),
    ({"List-Id": "<orders.lists.example>"}, "mailing list"),
    ({"X-Auto-Response-Suppress": "All"}, "no automatic answer"),
    ({"Return-Path": "<>"}, "report about another mail"),
    ({"Content-Type": "multipart/report; report-type=delivery-status"}, "report about another mail"),
    ({"From": "noreply@client.example"}, "a program"),
    ({"From": "MAILER-DAEMON@client.example"}, "a program"),
    ({"From": "orders-request@client.example"}, "a program"),
    ({"From": "etl@example.com"}, "this installation"),
    ({"From": "a@client.example, b@client.example"}, "failed the check"),
    ({"From": "x@other.example"}, "neither listed by name nor confirmed"),
    ({"From": "x@other.example", "Authentication-Results": "mx; dkim=pass header.d=other.example"}, ""),
    ({"Authentication-Results": "mx; dmarc=fail header.from=client.example"}, "failed the check"),
]


def test_programs_lists_and_unchecked_senders_get_no_answer(here: Installation) -> None:
    senders = ["@client.example", "@example.com", "*"]
    options = Options(host="mx", user="etl@example.com", password=SecretStr("x"), senders=senders)
    for headers, why in HEADERS:
        message = EmailMessage()
        for name, value in ({"From": SENDER, "Subject": "Orders"} | headers).items():
            message[name] = value
        silence = automatic_mail.explain_silence(message, options)
        assert (why in silence) if why else silence == "", headers


def test_an_answer_that_can_never_be_sent_keeps_no_other_from_being_sent(here: Installation) -> None:
    recipients = [f"{'x' * 300}@client.example", SENDER]
    with SmtpServer() as server:
        here.write_settings(**server.settings)
        settings.reset()
        here.sql(
            f"""insert into dba.tmail (config_name, source_path, mark, answer, recipient, subject, in_reply_to,
                                       message_id, answer_text)
                select 'orders', name, name, 'due', name, 'Orders', '', '<' || n || '@here.example>', 'loaded'
                from unnest(array{recipients}) with ordinality as t (name, n) order by n"""
        )
        with contextlib.closing(db_utils.connect()) as connection:
            request = SimpleNamespace(connection=connection, config=SimpleNamespace(config_name="orders"))
            mail_notes.send_answers(cast(Request, request))
        assert server.list_recipients() == [SENDER]
    assert here.sql("select answer from dba.tmail order by mail_id") == [("refused",), ("sent",)]


def test_a_mail_without_a_file_is_downloaded_once_and_named_each_time(here: Installation, box: MailServer) -> None:
    box.put("logo.png", b"x")
    box.put("orders_1.csv", make_rows(1))
    door_matrix.configure(here, box.door())

    counts, before = [], box.count_bodies()
    for pattern in (r".*\.csv", r".*\.csv", r".*\.(csv|txt)", r".*\.(csv|txt)"):
        here.configure("orders", file_pattern=pattern)
        done = door_matrix.summarize(here)
        assert [text for text in map(str, done.warnings) if "has no attachment that matches" in text]
        counts.append(box.count_bodies() - before)
    # with another pattern both are read again
    assert counts == [2, 2, 4, 4]


def test_purge_forgets_what_is_noted_of_mails_that_are_gone_and_no_mail_is_read_or_answered_twice(
    here: Installation, box: MailServer, mails: Mails
) -> None:
    configure(here, box, ["loaded"], days=30)
    for name, content in (("logo.png", b"x"), ("photo.png", b"y"), ("orders_1.csv", make_rows(1))):
        box.put(name, content)
    box.deliver(make_mail({"orders_2.csv": make_rows(2), "orders_2.txt": make_rows(3)}))

    def purge(days_from_now: float) -> list[int]:
        moment = datetime.now(UTC) + timedelta(days=days_from_now)
        with contextlib.closing(db_utils.connect()) as connection:
            view = retention_view.View(Directories(here.data), connection, moment)
            items = noted_mails.due(view)
            for item in items:
                item.remove()
        return [item.number for item in items]

    assert door_matrix.summarize(here).problems == []
    assert len(list_answers(mails)) == 2
    [photo] = [path for path in (box.inbox / "cur").glob("*") if b"photo.png" in path.read_bytes()]
    photo.unlink()
    before = box.count_bodies()
    assert door_matrix.summarize(here).files == 0
    assert purge(364) == []
    # the note of the photo, and both answers; the logo is still there
    assert purge(366) == [3] and purge(366) == []
    left = here.sql("select pattern is not null, answer, recipient, answer_text from dba.tmail order by mail_id")
    assert left == [(True, None, None, None), (False, "sent", None, None), (False, "sent", None, None)]
    assert door_matrix.summarize(here).files == 0
    assert box.count_bodies() - before == 0
    # another file of a mail that was answered long ago
    here.configure("orders", file_pattern=r".*\.(csv|txt)")
    assert door_matrix.summarize(here).files == 1
    assert len(list_answers(mails)) == 2


def test_a_dry_run_names_mails_and_attachments_and_changes_nothing(installation: Installation, box: MailServer) -> None:
    box.deliver(make_mail({"orders_1.csv": make_rows(1), "logo.png": b"x"}, subject="Orders of May"))
    box.deliver(make_mail({"orders_1.csv": make_rows(2, 3)}, subject="Orders of June"))
    box.deliver(make_mail({"logo.png": b"x"}, subject="Hello"))
    door_matrix.configure(installation, box.door())
    shown = installation.summary("generic_import", "orders", "--dry-run")
    assert (shown["exit_code"], shown["counts"]["loaded"]) == (0, 5), shown
    lines = "\n".join(shown["details"])
    assert (
        "the mail 'Orders of May' of 2026-11-02 10:00 (UID 1) from reports@client.example in INBOX: orders_1.csv"
        in lines
    )
    assert "'Hello' of 2026-11-02 10:00 (UID 3) from reports@client.example in INBOX: nothing for this import" in lines
    assert installation.sql("select count(*) from dba.tfile, dba.tmail") == [(0,)]
    assert [path for path in (installation.data / "file_watcher").rglob("*") if path.is_file()] == []
    assert len(box.list_unsettled()) == 3


def test_imports_that_share_a_folder_are_named_where_one_moves_its_mails(tmp_path: Path) -> None:
    def write(name: str, **options: object) -> None:
        source = {"type": "mail", "host": "MX.example", "user": "orders", "password": "${SOURCE_P}"} | options
        text = f"target_table: public.{name}\nfile_pattern: '{name}.*'\nsources: [{source}]\n"
        (tmp_path / f"{name}.yaml").write_text(text)

    write("one", senders=["@client.example"], settle="move")
    write("two", senders=["a@client.example"], folders=["inbox", "other"], host="mx.example")
    write("three", senders=["*"], folders=["other"])
    write("four", senders=["b@else.example"])
    [conflict] = shared_mailboxes.find_conflicts(tmp_path)
    assert conflict.startswith("one moves mails out of INBOX of orders, which two reads too: two misses a mail")
    write("two", senders=["a@client.example"], folders=["other"])
    assert list(shared_mailboxes.find_conflicts(tmp_path)) == []
