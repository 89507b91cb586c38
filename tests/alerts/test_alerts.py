"""One mail when a job turns bad, one when it fails in another way, one when it recovered."""

from __future__ import annotations

from systemscripts import alerts
from systemscripts.directory_management import Directories
from tests.conftest import Installation
from tests.mail_origin import strip_origin
from tests.tiny_jobs import Jobs, Mails

FAIL = "if how != 'well': raise getattr(errors, how)('it is ' + how)"
BAD, WELL = "[ETL] tiny failed", "[ETL] tiny recovered"


def write(jobs: Jobs, needs: str = "") -> None:
    jobs.write("tiny", FAIL, parameters="how: str", needs=needs)


def test_when_mails_go_out(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    expected: list[str] = []
    for how, new in [
        ("well", []),
        ("BadDataError", [BAD]),
        ("BadDataError", []),
        ("TryLaterError", [BAD]),
        ("TryLaterError", []),
        ("well", [WELL]),
        ("well", []),
        ("TryLaterError", [BAD]),
    ]:
        jobs.run("tiny", how)
        expected += new
        assert mails.list_subjects() == expected, how
    text = mails.read_text()
    assert "What: it is TryLaterError" in text
    assert "etl tiny TryLaterError" in text
    assert "run began" in text
    mail = mails.read_all()[-1]
    assert (mail["to"], mail["auto-submitted"]) == ("operator@example.test", "auto-generated")


def test_two_errors_with_one_exit_code_are_two_ways_of_failing(jobs: Jobs, mails: Mails) -> None:
    jobs.write("tiny", "raise getattr(__import__('builtins'), how)('x')", parameters="how: str")
    for how in ("ValueError", "ValueError", "KeyError"):
        jobs.run("tiny", how)
    assert len(mails.list_subjects()) == 2


def test_each_key_is_bad_for_itself(jobs: Jobs, mails: Mails) -> None:
    jobs.write("tiny", "raise errors.EtlError('x')", parameters="key: str", needs="lock='{key}'")
    for key in ("a", "b", "a"):
        jobs.run("tiny", key)
    assert mails.list_subjects() == ["[ETL] tiny a failed", "[ETL] tiny b failed"]


def test_a_mail_server_that_is_away_changes_nothing_and_the_mail_goes_later_once(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.installation.write_settings(SMTP_PORT="1")  # no one listens there
    done = jobs.run("tiny", "BadDataError")
    assert done.returncode == 65
    assert "the alert mail was not sent, a later run sends it: mail server 127.0.0.1:" in done.stderr
    again = jobs.run("tiny", "BadDataError")
    assert again.returncode == 65
    jobs.installation.write_settings(SMTP_PORT=str(mails.sink.port))
    jobs.write("other", "pass")
    for _ in range(2):  # any job
        assert jobs.run("other").returncode == 0
    assert mails.list_subjects() == [BAD]
    jobs.run("tiny", "well")
    assert mails.list_subjects() == [BAD, WELL]
    assert not list((jobs.installation.data / "var" / "alerts").glob("*.json"))


def test_a_failure_that_was_over_before_the_mail_server_was_back_is_told_of(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.installation.write_settings(SMTP_PORT="1")  # no one listens there
    jobs.run("tiny", "BadDataError")
    jobs.run("tiny", "well")
    jobs.installation.write_settings(SMTP_PORT=str(mails.sink.port))
    jobs.run("tiny", "well")
    assert mails.list_subjects() == [WELL]
    assert "it is BadDataError" in mails.read_text()
    assert "this message was not sent at the time" in mails.read_text()


def test_a_recovery_whose_mail_could_not_go_out_is_told_with_the_next_failure(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.run("tiny", "BadDataError")
    jobs.installation.write_settings(SMTP_PORT="1")
    for how in ("well", "BadDataError", "TryLaterError"):
        jobs.run("tiny", how)
    jobs.installation.write_settings(SMTP_PORT=str(mails.sink.port))
    jobs.run("tiny", "TryLaterError")
    assert mails.list_subjects() == [BAD, BAD]
    parts = mails.read_text().split("The mail server did not answer, so this message was not sent at the time:")
    assert ["What: it is TryLaterError" in parts[0], BAD in parts[1], WELL in parts[2]] == [True] * 3
    jobs.run("tiny", "well")
    assert mails.list_subjects() == [BAD, BAD, WELL]
    assert "not sent at the time" not in mails.read_text()


def test_a_dry_run_neither_recovers_a_job_nor_makes_it_bad(jobs: Jobs, mails: Mails) -> None:
    jobs.write(
        "tiny", "if fails: raise errors.BadDataError('x')", parameters="fails: bool = False, dry_run: bool = False"
    )
    jobs.run("tiny", "--fails", "--dry-run")
    assert mails.list_subjects() == []
    jobs.run("tiny", "--fails")
    assert jobs.run("tiny", "--dry-run").returncode == 0
    assert mails.list_subjects() == [BAD]
    jobs.run("tiny")
    assert mails.list_subjects() == [BAD, WELL]


def test_a_wrong_mail_password_is_a_warning(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.installation.write_settings(SMTP_PASSWORD="wrong")
    done = jobs.run("tiny", "BadDataError")
    assert done.returncode == 65
    assert "refused the login of etl: 535 5.7.8 Authentication credentials invalid. Check SMTP_PASSWORD." in done.stderr
    assert mails.list_subjects() == []


def test_an_unknown_certificate_is_a_warning(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.installation.write_settings(SMTP_CA_FILE="")
    assert "no trusted connection" in jobs.run("tiny", "BadDataError").stderr
    jobs.installation.write_settings(SMTP_CA_FILE="/no/such.crt")
    done = jobs.run("tiny", "BadDataError")
    assert (done.returncode, "SMTP_CA_FILE: /no/such.crt cannot be used" in done.stderr) == (65, True)
    assert mails.list_subjects() == []


def test_a_state_file_that_is_damaged_or_cannot_be_written_never_fails_the_job(jobs: Jobs, mails: Mails) -> None:
    write(jobs)
    jobs.run("tiny", "BadDataError")
    [state] = (jobs.installation.data / "var" / "alerts").glob("*.json")
    state.write_text("{ torn")
    assert jobs.run("tiny", "well").returncode == 0
    state.unlink()
    state.mkdir()
    done = jobs.run("tiny", "BadDataError")
    assert done.returncode == 65
    assert "the alert of tiny could not be kept" in done.stderr
    assert jobs.run("tiny", "well").returncode == 0


def test_tools_that_somebody_sits_in_front_of_alert_nobody(jobs: Jobs, mails: Mails) -> None:
    assert jobs.installation.run("database", "sql", "selec").returncode == 1
    write(jobs, needs="alert=False")
    jobs.run("tiny", "BadDataError")
    jobs.write("killed", "Path('begun').touch(); time.sleep(60)", needs="alert=False")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    assert jobs.installation.run("close_interrupted_runs").stdout == "1 interrupted run closed\n"
    assert mails.list_subjects() == []


def test_without_a_mail_server_the_job_says_so_and_goes_on(jobs: Jobs) -> None:
    write(jobs)
    assert jobs.run("tiny", "BadDataError").returncode == 65
    assert "set SMTP_HOST and ALERT_RECIPIENTS" in jobs.installation.read_logs()
    assert jobs.run("tiny", "well").returncode == 0
    assert not list((jobs.installation.data / "var" / "alerts").glob("*.json"))


def test_the_tail_of_a_strange_log(here: Installation) -> None:
    directories = Directories(here.data).create()
    log = directories.logs / "x.jsonl"
    log.write_bytes(b"\xff\xfe\n{}\n[1]\n\x00\x00")
    alerts.try_record_outcome(alerts.Outcome("x", "", "failed", 1, "text", "", log), directories)
    assert "Last lines of" in next(directories.alerts.glob("*.json")).read_text()


def test_an_import_tells_its_own_people_of_refused_files_and_held_datasets(
    installation: Installation, mails: Mails
) -> None:
    installation.configure("lists", notify=["client@example.test"], exact_header=["name"])
    installation.configure("quiet", exact_header=["name"])
    installation.drop("lists_1.csv", "name\n" + "".join(f"n{number}\n" for number in range(9)))
    assert installation.run("generic_import", "lists").returncode == 0
    assert mails.list_subjects() == []
    installation.drop("lists_2.csv", "name\nn1\n")
    installation.drop("lists_3.csv", "other\nn1\n")
    installation.drop("quiet_1.csv", "other\nn1\n")
    assert installation.run("generic_import", "--all").returncode == 65
    told = [mail for mail in mails.read_all() if mail["to"] == "client@example.test"]
    assert sorted(strip_origin(str(mail["subject"])) for mail in told) == [
        "[ETL] lists: lists_2.csv is held", "[ETL] lists: lists_3.csv is refused",
    ]  # fmt: skip
    texts = "".join(str(mail.get_content()) for mail in told)
    assert "a drop of more than 50 %" in texts
    assert "etl datasets accept 2" in texts
    assert "unexpected layout" in texts
    assert "quiet" not in texts
    installation.run("generic_import", "lists")
    assert len([mail for mail in mails.read_all() if mail["to"] == "client@example.test"]) == 2


def test_files_that_one_run_holds_are_one_mail_with_a_paragraph_for_each_rule(
    installation: Installation, mails: Mails
) -> None:
    installation.configure(
        "lists", notify=["client@example.test"], load_mode="append", guards={"min_rows": 3}, schema={"name": "text"}
    )
    for number in (1, 2, 3):
        installation.drop(f"lists_{number}.csv", f"name,id\nn,{number}\n")
    installation.drop("lists_4.csv", "id,amount\n1,2\n")
    done = installation.run("generic_import", "lists")
    assert done.returncode == 65
    assert "3 files are held: lists_1.csv, lists_2.csv, lists_3.csv; the first: 1 rows" in done.stderr
    assert "lists_4.csv is held: " in done.stderr
    told = [mail for mail in mails.read_all() if mail["to"] == "client@example.test"]
    assert [strip_origin(str(mail["subject"])) for mail in told] == ["[ETL] lists: 4 files are held"]
    text = str(told[0].get_content())
    rows = text[text.index("min_rows:") :]
    assert all(f"lists_{number}.csv (dataset {number})" in rows for number in (1, 2, 3))
    assert "All of them: " in rows and "etl datasets accept 1 --same" in rows
    columns = text[: text.index("min_rows:")]
    assert (
        "lists_4.csv (dataset 4)" in columns
        and "etl datasets accept 4, or " in columns
        and "etl datasets undo 4" in columns
    )


def test_what_an_import_has_to_tell_waits_for_the_mail_server(installation: Installation, mails: Mails) -> None:
    installation.configure("lists", notify=["client@example.test"], exact_header=["name"])
    installation.write_settings(SMTP_PORT="1")  # no one listens there
    installation.drop("lists_1.csv", "other\nn1\n")
    installation.run("generic_import", "lists")
    installation.write_settings(SMTP_PORT=str(mails.sink.port))
    installation.run("generic_import", "lists")
    assert [strip_origin(str(mail["subject"])) for mail in mails.read_all() if mail["to"] == "client@example.test"] == [
        "[ETL] lists: lists_1.csv is refused"
    ]
