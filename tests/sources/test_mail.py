"""Attachments come in whole and once from a real mail server, of listed senders alone, and no mail is ever deleted."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from systemscripts.configuration.source_options.mail import Options
from systemscripts.sources.mailbox import attached_files, sender_check
from tests.conftest import Installation
from tests.sources import door_matrix, mail_server
from tests.sources.door_matrix import make_rows
from tests.sources.mail_server import PASSWORD, TOKEN, MailServer, box, dovecot, make_mail

__all__ = ["box", "dovecot"]  # the fixtures


def test_twenty_cuts_lose_and_double_nothing(here: Installation, box: MailServer) -> None:
    # a mail is fetched as a whole, so a connection must live for one
    door_matrix.check_cuts(here, box.door(), box.door, cuts=20, small=40, small_rows=1000, rows=1500, most=40_000)


def test_runs_after_kills_end_in_the_usual_state(installation: Installation, box: MailServer) -> None:
    source = "systemscripts.sources.types.mail"
    steps = [
        (f"{source}:_write_part", "after", 2), (f"{source}:_store_flag", "before", 2),
        (f"{source}:_store_flag", "after", 2), ("systemscripts.file_ledger:mark_settled", "after", 2),
    ]  # fmt: skip
    door_matrix.check_kills(installation, box.door(), steps)


def test_a_mail_is_moved_only_when_all_its_files_are_safe_and_refused_ones_apart(
    installation: Installation, box: MailServer
) -> None:
    box.deliver(make_mail({"orders_1.csv": make_rows(1), "orders_2.csv": make_rows(2), "logo.png": b"x"}))
    box.deliver(make_mail({"orders_3.csv": b"something,else\n1,2\n", "orders_4.csv": make_rows(4)}))
    door_matrix.configure(installation, box.door(settle="move"), exact_header=["order_id", "amount"])
    step = ("systemscripts.sources.types.mail:_move_mail", "before", 1)
    command = [sys.executable, str(door_matrix.KILLING), step[0], step[1], str(step[2]), "generic_import", "orders"]
    killed = subprocess.run(command, env=installation.process_environment(), capture_output=True, cwd=installation.data)
    assert killed.returncode == -9, killed.stderr
    # a mail is still there while one of its files is not in the archive
    assert len(box.list_mails()) == 2
    assert installation.sql("select count(*) from dba.tfile where archived_at is not null") >= [(2,)]
    door_matrix.load(installation, 65)
    assert installation.sql("select count(*) from public.orders") == [(6,)]
    assert box.list_mails() == {}
    assert list(box.list_mails(".done")) == ["orders_1.csv,orders_2.csv,logo.png"]
    assert list(box.list_mails(".refused")) == ["orders_3.csv,orders_4.csv"]
    assert installation.summary("generic_import", "orders")["files"] == 0


def test_a_mail_is_known_by_its_number_and_its_content(here: Installation, box: MailServer) -> None:
    door_matrix.check_new_content_under_a_name(here, box.door())
    # someone moves a mail away and back: it has another number now
    for path in (box.inbox / "cur").glob("*"):
        path.rename(path.with_name(f"9{path.name}"))
    summary = door_matrix.summarize(here)
    assert (summary.files, summary.problems) == (0, [])
    assert len(box.list_mails()) == 1 or len(list((box.inbox / "cur").glob("*"))) == 2


def test_a_mail_that_an_earlier_version_fetched_is_known_wherever_it_is(here: Installation, box: MailServer) -> None:
    mails = [make_mail({f"orders_{10 * n + m}.csv": make_rows(10 * n + m) for m in range(n)}) for n in (1, 2, 3)]
    for message in mails:
        box.deliver(message)
    door_matrix.configure(here, box.door(settle="keep", folders=["INBOX", "other"]))
    box.create_folder("other")
    assert door_matrix.summarize(here).files == 6
    # as that version stamped them
    for message in mails:
        files = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
        digests = [hashlib.sha256(content).hexdigest() for content in files.values()]
        mark = hashlib.sha256("\n".join([message["Message-ID"], message["Date"], *digests]).encode()).hexdigest()[:20]
        for number, (name, digest) in enumerate(zip(files, digests, strict=True), 1):
            stamp = f"{mark} {number} {digest[:12]} {len(files)}"
            here.sql("update dba.tfile set source_stamp = %s where name = %s", (stamp, name))
    # one mail stays, one gets another number, one goes to another folder
    _, renumbered, moved = sorted((box.inbox / "cur").glob("*"))
    renumbered.rename(renumbered.with_name(f"9{renumbered.name}"))
    moved.rename(box.inbox / ".other" / "cur" / moved.name)
    summary = door_matrix.summarize(here)
    assert (summary.files, summary.problems) == (0, [])
    assert here.sql("select count(*), count(distinct split_part(source_stamp, ' ', 1)) from dba.tfile") == [(6, 3)]
    # and read once
    before = box.count_bodies()
    door_matrix.summarize(here)
    assert box.count_bodies() - before == 0


def test_a_wider_pattern_brings_the_other_files_of_mails_that_were_read_and_none_twice(
    here: Installation, box: MailServer
) -> None:
    files = {f"orders_{number}": make_rows(number) for number in range(5)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("orders_0.csv", files["orders_0"])
        archive.writestr("orders_1.txt", files["orders_1"])
    box.deliver(make_mail({"all.zip": packed.getvalue()}))
    box.deliver(make_mail({"orders_3.txt": files["orders_3"], "orders_2.csv": files["orders_2"]}))
    box.put("orders_4.csv", files["orders_4"])

    def load(pattern: str) -> list[str]:
        door_matrix.configure(here, box.door(), file_pattern=pattern)
        summary = door_matrix.summarize(here)
        assert summary.problems == []
        return [name for (name,) in here.sql("select name from dba.tfile order by file_id")]

    narrow = ["orders_0.csv", "orders_2.csv", "orders_4.csv"]
    assert load(r".*\.csv") == narrow
    # an earlier version noted the first mail; someone moves the second one, which has another number then
    here.sql(
        """update dba.tfile set source_stamp = 'f00d ' || split_part(source_stamp, ' ', 2) || ' '
                                || split_part(source_stamp, ' ', 3) || ' 1' where name = 'orders_0.csv'"""
    )
    [moved] = [path for path in (box.inbox / "cur").glob("*") if b"orders_2.csv" in path.read_bytes()]
    moved.rename(moved.with_name(f"9{moved.name}"))
    wide = [*narrow, "orders_1.txt", "orders_3.txt"]
    assert load(r".*\.(csv|txt)") == wide
    door_matrix.assert_loaded_once(here, {name: files[name[:8]] for name in wide})
    before = box.count_bodies()
    assert load(r".*\.(csv|txt)") == wide
    assert box.count_bodies() - before == 0
    # each mail is read once for another pattern, and nothing of it is new; two were read for this one before
    assert load(r".*\.csv") == wide
    assert box.count_bodies() - before == 1
    assert load(r".*\.(csv|txt|xml)") == wide
    assert box.count_bodies() - before == 4
    assert load(r".*\.(csv|txt|xml)") == wide and box.count_bodies() - before == 4


def test_two_sources_with_different_patterns_read_each_mail_of_a_folder_once(
    here: Installation, box: MailServer
) -> None:
    names = (["orders_1.csv"], ["orders_2.txt"], ["orders_3.csv", "orders_4.txt"], ["logo.png"], ["orders_5.csv"])
    for files in names:
        box.deliver(make_mail({name: make_rows(ord(name[7])) for name in files}))
    sources = [box.options(pattern=rf".*\.{suffix}") for suffix in ("csv", "txt")]
    here.configure("orders", file_pattern=r".*\.(csv|txt)", load_mode="append", sources=sources)

    def load() -> tuple[list[str], int]:
        """Return what came from the mailbox so far, and how many mails this run has read."""
        before = box.count_bodies()
        assert door_matrix.summarize(here).problems == []
        rows = here.sql("select name from dba.tfile where source = 'mail' order by name")
        return [name for (name,) in rows], box.count_bodies() - before

    loaded = sorted(name for files in names for name in files if name != "logo.png")
    assert load() == (loaded, 2 * len(names))
    [moved] = [path for path in (box.inbox / "cur").glob("*") if b"orders_5.csv" in path.read_bytes()]
    moved.rename(moved.with_name(f"9{moved.name}"))
    assert load() == (loaded, 2)
    assert load() == (loaded, 0)
    # a kill before the file of the second source had come
    here.sql("update dba.tfile set source = 'local' where name = 'orders_4.txt'")
    assert load() == (loaded, 2)
    assert load() == (loaded, 0)


def test_attachments_come_from_forwarded_mails_and_zips_and_others_are_named(
    here: Installation, box: MailServer
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("2026/orders_3.csv", make_rows(3))
        archive.writestr("../../orders_9.csv", make_rows(9))
        archive.writestr("readme.txt", "nothing")
    outer = make_mail({"orders_1.csv": make_rows(1), "all.zip": packed.getvalue()})
    outer.add_attachment(make_mail({"orders_2.csv": make_rows(2), "orders_ä.csv": make_rows(5)}))
    outer.add_attachment(
        make_mail({"orders_4.csv": make_rows(4)}).as_bytes(), maintype="application", subtype="octet-stream",
        filename="fwd.eml",
    )  # fmt: skip
    outer.add_attachment(b"\x78\x9f\x3e\x22", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    box.deliver(outer)
    door_matrix.configure(here, box.door())
    summary = door_matrix.summarize(here)
    names = {f"orders_{number}.csv" for number in (1, 2, 3, 4, "ä")}
    assert {name for (name,) in here.sql("select name from dba.tfile where status = 'loaded'")} == names
    said = "\n".join(map(str, summary.warnings))
    assert "winmail.dat is not read; ask the sender" in said
    assert "../../orders_9.csv in all.zip was not taken: its name is not allowed" in said


def test_all_zips_of_a_mail_together_unpack_to_no_more_than_the_limit(here: Installation, tmp_path: Path) -> None:
    message, damaged = EmailMessage(), b"PK and nothing else"
    for number in (1, 2, 3):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"orders_{number}.csv", b"1,2\n" * 100_000)
        files = {f"{number}.zip": packed.getvalue(), "orders_0.csv": make_rows(number), "damaged.zip": damaged}
        for name, content in files.items():
            message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    here.write_settings(MAX_UNPACKED_GB=str(900_000 / 2**30))
    shelf = attached_files.Shelf(tmp_path, [])
    files_found = list(attached_files.list_attachments(message, lambda name: name.endswith(".csv"), shelf))
    sizes = [(file.name, file.path.stat().st_size) for file in files_found]
    plain = ("orders_0.csv", len(make_rows(1)))
    assert sizes == [("orders_1.csv", 400_000), plain, ("orders_2.csv", 400_000), plain, plain]
    [note] = [note for note in shelf.notes if "damaged.zip is" not in note]
    assert note.startswith("3.zip was not taken: the zips of the mail would unpack to") and "MAX_UNPACKED_GB" in note
    assert len(shelf.notes) == 4


def test_names_of_attachments_are_never_trusted(here: Installation, box: MailServer) -> None:
    for name in ("../../x.csv", "..\\x.csv", "a\u202eb.csv"):
        box.put(name, make_rows(9))
    box.put("orders_1.csv", make_rows(1))
    door_matrix.configure(here, box.door())
    summary = door_matrix.summarize(here)
    assert len([text for text in map(str, summary.warnings) if "its name is not allowed" in text]) == 3
    assert here.sql("select name from dba.tfile") == [("orders_1.csv",)]


def test_only_listed_senders_count_and_false_ones_are_named(here: Installation, box: MailServer) -> None:
    def deliver(number: int, sender: str, **headers: str) -> None:
        box.deliver(make_mail({f"orders_{number}.csv": make_rows(number)}, sender, **headers))

    deliver(1, "Reports <reports@CLIENT.example>")
    deliver(2, "reports@client.example.evil.example")
    deliver(3, '"reports@client.example" <x@evil.example>')
    deliver(4, mail_server.SENDER, Authentication_Results="mx.example.com; spf=fail smtp.mailfrom=client.example")
    deliver(5, mail_server.SENDER, Authentication_Results="mx.example.com; dkim=pass header.d=client.example")
    deliver(6, mail_server.SENDER, Authentication_Results="mx.example.com; dkim=pass header.d=evil.example")
    box.deliver(make_mail({"orders_7.csv": make_rows(7)}, subject="Invoices"))
    door_matrix.configure(here, box.door(subject="^Orders"))
    summary = door_matrix.summarize(here)
    loaded = "select name from dba.tfile order by name"
    assert here.sql(loaded) == [("orders_1.csv",), ("orders_5.csv",)]
    assert len([text for text in map(str, summary.warnings) if "SPF, DKIM or DMARC failed" in text]) == 2
    door_matrix.configure(here, box.door(require_authenticated=True, authentication_server="mx.example.com"))
    box.put("orders_8.csv", make_rows(8))
    assert "gives no result" in "\n".join(map(str, door_matrix.summarize(here).warnings))
    assert len(here.sql(loaded)) == 2


@pytest.mark.parametrize(("header", "verdict"), [
    ("mx; dmarc=pass header.from=client.example", "passed"),
    ("mx; dkim=pass header.d=mail.client.example; spf=none", "passed"),
    ("mx; spf=pass (dkim=pass header.d=client.example) smtp.mailfrom=x@evil.example", "failed"),
    ('mx; spf=pass smtp.mailfrom="; dkim=pass header.d=client.example"@evil.example', "failed"),
    ("mx; dkim=pass header.d=client.example; dmarc=fail", "failed"),
    ("mx; dkim=pass header.d=example", "failed"),
    ("mx; none", "unknown"),
    ("evil; dmarc=pass", "unknown"),
    ("mx; dmarc=pass header.from=evil.example", "failed"),
    ("mx; dmarc=pass", "failed"),
    (r'mx; spf=pass smtp.mailfrom="\";dmarc=pass header.from=client.example "@evil.example; dmarc=none', "failed"),
    ("mx; spf=none (a (b) ;dmarc=pass header.from=client.example x)", "unknown"),
    ("mx; spf=none (a (b \\) ;dmarc=pass header.from=client.example x)", "failed"),
    ('mx; spf=pass (of "a) ;dmarc=pass header.from=client.example ("@evil.example) smtp.helo=evil.example', "failed"),
    ('mx; spf=none (of a"b@evil.example); dmarc=fail header.from=client.example (a "word)', "failed"),
    ("mx; auth=pass smtp.auth=dmarc=pass header.from=client.example", "unknown"),
    ("mx; spf=pass smtp.helo=client.example smtp.mailfrom=evil.example", "failed"),
    ("mx 1; dmarc/1=pass (p=reject (x)) header.from=client.example", "passed"),
])  # fmt: skip
def test_a_result_counts_only_of_the_own_server_and_for_the_domain_of_the_sender(header: str, verdict: str) -> None:
    message = EmailMessage()
    message["Authentication-Results"] = header
    assert sender_check.judge_authentication(message, mail_server.SENDER, "mx") == verdict


def test_where_results_decide_the_own_server_must_be_named() -> None:
    login = {"host": "mx", "user": "orders", "password": "x"}
    for more in ({"senders": ["@a.example"], "require_authenticated": True}, {"senders": ["*"], "answer": ["loaded"]}):
        with pytest.raises(ValueError, match="needs authentication_server"):
            Options.model_validate({**login, **more})
        Options.model_validate({**login, **more, "authentication_server": "mx.example.com"})


def test_a_full_disk_loses_nothing(here: Installation, box: MailServer) -> None:
    door_matrix.check_full_disk(here, box.door())


def test_logins_and_certificates_that_are_wrong_are_one_line_and_no_secret(here: Installation, box: MailServer) -> None:
    box.put("orders_1.csv", make_rows(1))
    here.write_settings(SOURCE_MAIL_PASSWORD="wrong-Password-1", SOURCE_MAIL_TOKEN="wrong-token-1")
    door_matrix.configure(here, box.door())
    # as a process, whose log has no secret either
    wrong = here.run("generic_import", "orders", "--debug")
    assert wrong.returncode == 78 and "refused the login of orders with its password" in wrong.stderr
    line = wrong.stdout + wrong.stderr + here.read_logs()
    token = box.options(token="${SOURCE_MAIL_TOKEN}") | {"password": None}
    here.configure("orders", sources=[token])
    line += door_matrix.assert_fails(here, 78, "refused the login of orders with its token")
    here.configure("orders", sources=[box.options(ca_file="")])
    line += door_matrix.assert_fails(here, 78, "its certificate is not trusted", "ca_file")
    mail_server.make_certificate(here.data / "other")
    here.configure("orders", sources=[box.options(ca_file=str(here.data / "other.pem"))])
    line += door_matrix.assert_fails(here, 78, "its certificate is not trusted")
    here.configure("orders", sources=[box.options(folders=["Absent"])])
    here.write_settings(SOURCE_MAIL_PASSWORD=PASSWORD, SOURCE_MAIL_TOKEN=TOKEN)
    line += door_matrix.assert_fails(here, 78, "there is no folder Absent")
    here.configure("orders", sources=[token])
    right = here.run("generic_import", "orders", "--debug")
    assert right.returncode == 0
    line += right.stdout + right.stderr + here.read_logs()
    assert not [secret for secret in (PASSWORD, TOKEN, "wrong-Password-1", "wrong-token-1") if secret in line]
    door_matrix.assert_loaded_once(here, {"orders_1.csv": make_rows(1)})


def test_without_its_package_one_line_names_the_command(installation: Installation, box: MailServer) -> None:
    door_matrix.configure(installation, box.door())
    hidden = installation.data / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'imap_tools' else real(name, *more)\n"
    )
    path = f"{hidden}:{installation.process_environment()['PYTHONPATH']}"
    done = door_matrix.load(installation, 78, PYTHONPATH=path)
    assert "needs the Python package imap-tools" in done.stderr and "--with mail" in done.stderr
