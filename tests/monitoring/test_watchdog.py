"""A problem that no run reports: one mail, one each week, one when it is over; else silence."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.monitoring.conftest import Year


def told_as_it_should(year: Year, title: str, mend: Callable[[], object], day: float = 0.1) -> str:
    """Something is wrong from a day on: one mail, a reminder each week, one when it was fixed; the first mail."""
    year.without_schedules()
    assert year.watch(day) == [f"[ETL] {title}"]
    text = year.last()
    for later in (0.05, 1, 6):
        assert year.watch(day + later) == []
    assert year.watch(day + 7) == [f"[ETL] still: {title}"]
    assert year.watch(day + 8) == []
    mend()
    assert year.watch(day + 8.1) == [f"[ETL] over: {title}"]
    assert year.watch(day + 8.2) == []
    return text


def test_a_pipeline_that_did_not_start(year: Year) -> None:
    assert year.watch(-0.5) == []  # the first look: nothing was due before it
    assert year.watch(0.03) == []  # 07:13, not late yet
    title = "pipeline weekly did not run"
    assert year.watch(0.05) == [f"[ETL] {title}"]
    text = year.last()
    assert "due at Mon 2026-03-02 06:30" in text
    assert "etl run weekly" in text
    assert year.run("run_pipeline", "weekly", "--dry-run", day=0.06) == 0
    assert year.watch(0.06) == []  # to look at it is not to run it
    assert year.watch(7.01) == [f"[ETL] still: {title}"]
    assert year.run("run_pipeline", "weekly", day=7.02) == 0
    assert year.watch(7.05) == [f"[ETL] over: {title}"]
    assert year.watch(13) == []
    assert year.run("schedule", "pause", "weekly", day=13) == 0
    assert year.watch(14.5) == []
    assert year.run("schedule", "resume", "weekly", day=15) == 0
    assert year.watch(15.1) == []  # what was due while it was paused is not missed


def test_a_pipeline_whose_log_was_purged_before_the_next_run_is_due(year: Year) -> None:
    assert year.watch(-0.5) == []
    assert year.run("run_pipeline", "weekly") == 0
    year.news()  # the report
    assert year.watch(0.05) == []
    for path in (year.installation.data / "logs").glob("run_pipeline_*"):  # as purge.py does after KEEP_LOGS_DAYS
        path.unlink()
    assert year.watch(4) == []
    assert year.watch(7.1) == ["[ETL] pipeline weekly did not run"]  # the next one is missed as ever


def test_a_disk_that_is_nearly_full(year: Year) -> None:
    folder = year.installation.data / "archive"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        (folder / "film").write_bytes(bytes(1000 * 1024))
        year.installation.write_settings(DISK_FREE_PERCENT="5")
        if shutil.disk_usage(year.installation.data).free / shutil.disk_usage(year.installation.data).total < 0.08:
            pytest.skip("this machine's own disk is nearly full")
        text = told_as_it_should(year, f"the disk of {folder} is nearly full", (folder / "film").unlink)
        assert "etl purge --dry-run" in text
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_file_that_no_import_takes(year: Year) -> None:
    path = year.installation.drop("invoice.pdf.xlsx", "name\nx\n", age_seconds=3600)
    year.installation.drop("20260302T063000_MeetMax_1.xls", "Ticker\nA\n", age_seconds=3600)  # this one is taken
    year.installation.drop("half.csv.part", "x", age_seconds=3600)
    year.installation.drop("young.csv", "name\nx\n", age_seconds=1)
    assert year.run("generic_import", "--list") == 0  # the imports are known
    text = told_as_it_should(year, "files wait that no import accepts", path.unlink)
    assert "invoice.pdf.xlsx" in text
    assert "MeetMax_1.xls" not in text
    assert "half.csv" not in text
    assert "young.csv" not in text


def test_another_file_is_news_and_one_fewer_is_not(year: Year) -> None:
    first = year.installation.drop("a.pdf", "x", age_seconds=3600)
    assert year.watch(0.1) == ["[ETL] files wait that no import accepts"]
    year.installation.drop("b.pdf", "x", age_seconds=3600)
    assert year.watch(0.2) == ["[ETL] files wait that no import accepts"]
    first.unlink()
    assert year.watch(0.3) == []


def test_a_database_that_is_down(year: Year) -> None:
    url = year.installation.settings["DATABASE_URL"]
    year.installation.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    year.installation.drop("a.pdf", "x", age_seconds=3600)
    text = told_as_it_should(
        year, "the database is down", lambda: (year.installation.write_settings(DATABASE_URL=url), _away(year, "a.pdf"))
    )
    assert "does not answer" in text


def _away(year: Year, name: str) -> None:
    (year.installation.data / "file_watcher" / name).unlink()


def test_a_finding_that_cannot_be_seen_now_is_not_over(year: Year) -> None:
    year.installation.drop("a.pdf", "x", age_seconds=3600)
    assert year.watch(0.1) == ["[ETL] files wait that no import accepts"]
    url = year.installation.settings["DATABASE_URL"]
    year.installation.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    assert year.watch(0.2) == ["[ETL] the database is down"]
    year.installation.write_settings(DATABASE_URL=url)
    assert year.watch(0.3) == ["[ETL] over: the database is down"]


def test_a_certificate_near_its_end(year: Year, tmp_path: Path) -> None:
    servers = [TlsServer(tmp_path / str(days), days) for days in (10, 400)]
    short, long = servers
    year.without_schedules()
    try:
        year.installation.write_settings(CERTIFICATE_SERVERS=f"127.0.0.1:{short.port},127.0.0.1:{long.port}")
        title = f"the certificate of the server 127.0.0.1:{short.port} expires"
        assert year.watch(0.1) == [f"[ETL] {title}"]
        assert "2026-03-12" in year.last()
        assert year.watch(0.2) == []
        assert year.watch(7.1) == [f"[ETL] still: {title}"]
        assert year.watch(10.5) == [f"[ETL] {title}"]  # it has ended: that is another thing
        assert "it expired at" in year.last()
        short.renew(tmp_path / "new", 500)
        assert year.watch(11) == [f"[ETL] over: {title}"]
        assert year.watch(11.1) == []
    finally:
        for server in servers:
            server.close()


class TlsServer:
    """Speaks TLS with a certificate that holds so many days from Monday on."""

    def __init__(self, folder: Path, days: int) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.renew(folder, days)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def renew(self, folder: Path, days: int) -> None:
        folder.mkdir()
        end = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC) + datetime.timedelta(days=days)
        self.context.load_cert_chain(*certificate(folder, end))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path, end: datetime.datetime) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_after(end)
    signed = builder.not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)).sign(key, hashes.SHA256())
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return paths


def test_a_run_that_takes_too_long(year: Year) -> None:
    """A job of this installation that hangs; its marker is as old as it would be after a day."""
    year.week.site.faults["/robots.txt"] = "slow"
    process = year.installation.start("meetmax_url_check", "--delay", "60")
    try:
        markers = year.installation.data / "var" / "runs"
        until = time.monotonic() + 30
        while not list(markers.glob("*.json")):
            assert time.monotonic() < until
            time.sleep(0.05)
        [marker] = markers.glob("*.json")
        os.utime(marker, (time.time() - 21 * 3600,) * 2)
        assert year.watch(0.04) == ["[ETL] meetmax_url_check runs too long"]
        assert f"kill {process.pid}" in year.last()
        assert year.watch(0.05) == []
        assert "[ETL] still: meetmax_url_check runs too long" in year.watch(7.05)
        assert "[ETL] still: meetmax_url_check runs too long" not in year.watch(8)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert "[ETL] over: meetmax_url_check runs too long" in year.watch(8.1)
    assert year.watch(8.2) == []


def test_the_ping_says_whether_all_is_well(year: Year) -> None:
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked.append((self.path, content))
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name is the server's

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    year.installation.write_settings(WATCHDOG_PING_URL=f"http://127.0.0.1:{server.server_address[1]}/ping/abc")
    year.watch(0.01)
    year.installation.drop("a.pdf", "x", age_seconds=3600)
    year.watch(0.02)
    server.shutdown()
    server.server_close()
    year.watch(0.03)  # no one there: no failure
    assert [path for path, _ in asked] == ["/ping/abc", "/ping/abc/fail"]
    assert "a.pdf" in asked[1][1]


def quiet_weeks(year: Year, weeks: int) -> None:
    """Each Monday the pipeline, each day the watchdog: no alert at all."""
    assert year.watch(-0.5) == []
    for week in range(weeks):
        assert year.run("run_pipeline", "weekly", day=7 * week) == 0
        year.week.site.show_week(min(week + 2, 3))
        for day in range(7):
            assert year.watch(7 * week + day + 0.05) == []
    reports = [path for path in year.week.mails.list_mails() if "MeetMax" in path.name]
    assert len(reports) == len(year.week.mails.list_mails()) == min(weeks, 3)


def test_quiet_weeks_send_nothing_but_the_reports(year: Year) -> None:
    quiet_weeks(year, 2)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_quiet_year_sends_nothing_but_the_reports(year: Year) -> None:
    quiet_weeks(year, 52)


def test_wrapper_and_job_killed_with_9_are_told_once_by_the_next_watchdog(year: Year) -> None:
    year.without_schedules()
    year.week.site.faults["/robots.txt"] = "slow"
    wrapper = subprocess.Popen(
        [str(PROJECT / "run_python_etl_script.sh"), "meetmax_url_check", "--delay", "60"],
        env=year.installation.process_environment(ETL_NOW="2026-03-02T07:00:00+00:00"), cwd=year.installation.data,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 30
    while not (rows := year.installation.sql("select pid from dba.trun where status = 'running'")):
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(wrapper.pid, signal.SIGKILL)
    os.kill(rows[0][0], signal.SIGKILL)
    wrapper.wait()
    assert year.watch(0.1) == ["[ETL] meetmax_url_check interrupted"]
    assert year.watch(0.2) == []
    assert year.watch(7.2) == ["[ETL] meetmax_url_check is still failing"]
    year.week.site.faults.clear()
    assert year.run("meetmax_url_check", "--events", "119179-119180", day=8) == 0
    assert year.news() == ["[ETL] meetmax_url_check recovered"]


def test_a_bad_pipeline_whose_settings_are_un_set_again_is_told_of_a_last_time(year: Year) -> None:
    year.without_schedules()
    year.installation.write_settings(S3_BUCKET="away", S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert year.run("schedule", "resume", "sales") == 0
    assert year.run("run_pipeline", "sales") != 0
    assert year.news() == ["[ETL] run_pipeline sales failed"]
    assert year.watch(0.01) == []  # it is set up, so it is still waited for
    year.installation.write_settings(S3_BUCKET="")
    assert year.watch(0.02) == ["[ETL] run_pipeline sales is no longer expected"]
    assert "(S3_BUCKET not set)" in year.last()
    assert "had been failing since 2026-03-02" in year.last()
    assert "run_pipeline sales since" not in year.installation.run("status").stdout
    assert year.watch(8) == []


@pytest.mark.parametrize("how", ["taken away", "switched off"])
def test_a_bad_import_and_report_that_nobody_asks_for_any_more_are_told_of_a_last_time(year: Year, how: str) -> None:
    year.without_schedules()
    own = year.installation
    own.configure("orders", exact_header=["x", "y"])
    own.sql(
        """insert into dba.treportmanager (report_name, subject, template, queries)
           values ('sums', 'Sums', 'tables', '{"sums": "selec 1"}')"""
    )
    own.drop("orders_1.csv", "a;b\n1;2\n")
    assert year.run("generic_import", "orders") not in (0, 2, 75)
    assert year.news() == ["[ETL] generic_import orders failed"]
    assert year.run("send_report", "sums") != 0
    assert year.news() == ["[ETL] send_report sums failed"]
    assert year.watch(0.01) == []  # both are still there
    if how == "taken away":
        own.sql("delete from dba.tfile where config_name = 'orders'")
        own.sql("delete from dba.timportconfig where config_name = 'orders'")
        own.sql("delete from dba.treportmanager where report_name = 'sums'")
    else:
        own.sql("update dba.timportconfig set is_active = false where config_name = 'orders'")
        own.sql("update dba.treportmanager set is_active = false where report_name = 'sums'")
    (own.data / "file_watcher" / "orders_1.csv").unlink(missing_ok=True)
    assert sorted(year.watch(0.02)) == [
        "[ETL] generic_import orders is no longer expected",
        "[ETL] send_report sums is no longer expected",
    ]
    words = "there is no longer a report sums" if how == "taken away" else "the report sums is no longer active"
    assert words in year.last()
    assert ["problems", "none"] in [line.split() for line in own.run("status").stdout.splitlines()]
    assert year.watch(8) == []


def test_a_name_that_there_never_was_is_told_of_a_last_time_instead_of_a_reminder(year: Year) -> None:
    year.without_schedules()
    assert year.run("send_report", "meetmax_chnages") == 2
    assert year.news() == ["[ETL] send_report meetmax_chnages failed"]
    assert year.watch(0.1) == []  # or each run of a crontab that names it would be told twice
    assert year.watch(6.5) == ["[ETL] send_report meetmax_chnages is no longer expected"]
    assert year.watch(8) == []


def test_a_backup_that_is_missing(year: Year) -> None:
    year.without_schedules()
    assert year.run("schedule", "resume", "nightly", day=-1) == 0
    late = "[ETL] pipeline nightly did not run"  # no one runs it here, and that is reported as well
    assert year.watch(0) == []  # expected from here on
    assert year.watch(1.9) == [late]
    assert year.watch(2.1) == ["[ETL] the backup is missing"]
    assert "none has succeeded so far" in year.last()
    assert year.watch(2.2) == []
    assert sorted(year.watch(9.2)) == [
        "[ETL] still: pipeline nightly did not run",
        "[ETL] still: the backup is missing",
    ]
    assert year.run("run_pipeline", "nightly", day=9.3) == 0
    assert sorted(year.watch(9.4)) == ["[ETL] over: pipeline nightly did not run", "[ETL] over: the backup is missing"]
    assert year.run("schedule", "pause", "nightly", day=9.5) == 0
    assert year.watch(16) == []  # no pipeline makes one
