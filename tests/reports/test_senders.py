"""How each sender delivered: a view, and a mail to each address that an import lists with its own rejected rows."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from tests.conftest import Installation
from tests.reports.conftest import MoodySink, part


def test_each_address_of_an_import_gets_its_own_lines_and_rejected_rows_once(
    mailing: Installation, sink: MoodySink
) -> None:
    assert mailing.run("send_report", "nothing").returncode == 2  # the schema is there
    for name in ("apples", "pears"):
        schema = {"id": {"type": "integer"}}
        mailing.configure(name, schema=schema, load_mode="append", notify=[f"{name}@example.test"])
        mailing.drop(f"{name}_1.csv", "id,note\n1,good\n2,good\n3,good\n" + f"x,wrong {name}\n")
        assert mailing.run("generic_import", name).returncode == 0
    seen = mailing.sql(
        "select config_name, files, on_time, late, rows_read, rows_rejected from dba.v_sender order by 1"
    )
    assert seen == [("apples", 1, 1, 0, 4, 1), ("pears", 1, 1, 0, 4, 1)]
    before = len(sink.list_mails())
    assert mailing.run("send_report", "senders").returncode == 0
    mails = {str(mail["To"]): mail for mail in sink.read()[before:]}
    assert set(mails) == {"apples@example.test", "pears@example.test", "analyst@example.test"}
    apples = mails["apples@example.test"]
    assert "apples" in part(apples, "plain")
    assert "pears" not in part(apples, "plain")
    assert "wrong apples" in read_attachment(apples)
    assert "wrong pears" not in read_attachment(apples)
    assert "wrong apples" in read_attachment(mails["analyst@example.test"])
    assert "wrong pears" in read_attachment(mails["analyst@example.test"])
    assert mailing.run("send_report", "senders").returncode == 0
    assert [list(mail.iter_attachments()) for mail in sink.read()[before + 3 :]] == [[], [], []]


def read_attachment(mail: EmailMessage) -> str:
    (attachment,) = mail.iter_attachments()
    content: Any = attachment.get_payload(decode=True)
    return str(content, "utf-8")
