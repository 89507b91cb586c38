"""Each alert goes out once by each channel, whatever happens to the others or to the run that sends it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from systemscripts.alerts import web_channels
from systemscripts.alerts.alert_state import State
from systemscripts.errors import TryLaterError
from systemscripts.settings.alert_addresses import list_secret_parts, split_addresses
from tests.conftest import PROJECT
from tests.mail_origin import strip_origin
from tests.smtp_server import SmtpServer
from tests.tiny_jobs import Jobs, wait_for

FAIL = "if how != 'well': raise getattr(errors, how)('it is ' + how)"
RECIPIENTS = ["ann@example.com", "bob@example.com"]


@pytest.fixture
def mail_server(jobs: Jobs) -> Iterator[SmtpServer]:
    jobs.write("tiny", FAIL, parameters="how: str")
    with SmtpServer() as server:
        jobs.installation.write_settings(ALERT_RECIPIENTS=",".join(RECIPIENTS), **server.settings)
        yield server


class Service:
    """A service that Apprise can post to, in JSON."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.answer = 200
        self.location = ""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if service.answer == 200:
                    service.titles.append(strip_origin(content["title"]))
                self.send_response(service.answer)
                if service.location:
                    self.send_header("Location", service.location)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make_address(self, name: str) -> str:
        return f"json://user{name}:Pass-{name}-word@127.0.0.1:{self.server.server_address[1]}/Token{name}0123"


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.mark.parametrize("answer", ["250 ok", "451 4.7.1 try later"])
def test_a_kill_after_the_server_accepted_a_mail_repeats_it_for_no_recipient(
    jobs: Jobs, mail_server: SmtpServer, answer: str
) -> None:
    mail_server.at_end, mail_server.answers = "silent", {"bob@example.com": answer}
    process = jobs.start("tiny", "BadDataError")
    # the mail is accepted, the session is not over
    wait_for(lambda: any(line.upper() == "QUIT" for line in mail_server.lines), 60)
    process.kill()
    process.communicate()
    mail_server.at_end, mail_server.answers = "221 bye", {}
    for _ in range(2):
        jobs.run("tiny", "BadDataError")
    first = mail_server.delivered[0].message["Message-ID"]
    again = [mail for mail in mail_server.delivered if mail.message["Message-ID"] == first]
    assert sorted(name for mail in again for name in mail.recipients) == RECIPIENTS


def test_each_address_of_apprise_hears_of_everything_once_and_its_secrets_stay_secret(
    jobs: Jobs, mail_server: SmtpServer, service: Service
) -> None:
    addresses = [service.make_address(name) for name in ("One", "Two")]
    jobs.installation.write_settings(ALERT_URLS=",".join(addresses), SMTP_PORT="1")
    for how in ("BadDataError", "BadDataError"):
        jobs.run("tiny", how)
    assert sorted(service.titles) == ["[ETL] mail cannot be sent"] * 2 + ["[ETL] tiny failed"] * 2
    service.answer = 500
    jobs.installation.write_settings(SMTP_PORT=str(mail_server.port))
    done = jobs.run("tiny", "well")
    assert "the alert json:// of ALERT_URLS was not sent, a later run sends it" in done.stderr
    service.answer = 200
    for _ in range(2):
        jobs.run("tiny", "well")
    over = ["[ETL] over: mail cannot be sent"] * 2 + ["[ETL] tiny recovered"] * 2
    assert sorted(service.titles[4:]) == sorted(over)
    assert mail_server.list_recipients() == RECIPIENTS
    states = "".join(path.read_text() for path in (jobs.installation.data / "var" / "alerts").glob("*"))
    written = done.stderr + done.stdout + jobs.installation.read_logs() + states
    for secret in ("Pass-One-word", "TokenTwo0123", "userOne"):
        assert secret not in written


def test_a_missing_package_of_the_addresses_names_the_command_that_installs_it(
    jobs: Jobs, mail_server: SmtpServer, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "apprise.py").write_text("raise ImportError('not here')")
    path = f"{tmp_path}:{jobs.installation.process_environment()['PYTHONPATH']}"
    jobs.installation.write_settings(ALERT_URLS=service.make_address("One"))
    done = jobs.run("tiny", "BadDataError", PYTHONPATH=path)
    lines = [line for line in done.stderr.splitlines() if "apprise" in line]
    assert len(lines) == 1 and lines[0].endswith("install_dependencies.sh --python-only --with alerts"), done.stderr
    assert mail_server.list_recipients() == RECIPIENTS
    said = jobs.installation.run("doctor", PYTHONPATH=path).stdout
    assert "ALERT_URLS needs the Python package apprise" in said and "--with alerts" in said


def test_mail_that_cannot_be_sent_is_on_the_screens_until_it_is_sent(
    jobs: Jobs, mail_server: SmtpServer, here: object
) -> None:
    from webconsole import desk_lines

    mail_server.greeting = "421 closed"
    jobs.run("tiny", "BadDataError")
    for script in ("status", "doctor"):
        said = jobs.installation.run(script).stdout
        assert "mail cannot be sent" in said and "421 closed" in said, said
        assert "mail: tiny failed, waits since" in said, said
    shown = "\n".join(desk_lines.list_troubles())
    assert "mail cannot be sent: mail server" in shown and "not sent yet: mail: tiny failed" in shown
    mail_server.greeting = "220 test"
    jobs.run("tiny", "well")
    assert mail_server.list_recipients() == RECIPIENTS
    assert "problems  none" in jobs.installation.run("status").stdout
    assert desk_lines.list_troubles() == []


def test_syslog_hears_once_of_mail_that_cannot_be_sent_and_once_of_its_end(
    jobs: Jobs, mail_server: SmtpServer, tmp_path: Path
) -> None:
    # in place of the module of Python, because not every host of a test has a syslog that it may read
    lines = tmp_path / "syslog"
    (tmp_path / "syslog.py").write_text(
        "LOG_USER, LOG_ERR, LOG_WARNING, LOG_NOTICE = 8, 3, 4, 5\n"
        "def openlog(*options): pass\n"
        f"def syslog(level, text): open({str(lines)!r}, 'a').write(f'{{level}} {{text}}\\n')\n"
    )
    path = f"{tmp_path}:{jobs.installation.process_environment()['PYTHONPATH']}"
    mail_server.greeting = "421 closed"
    for way in ("BadDataError", "EtlError"):
        jobs.run("tiny", way, PYTHONPATH=path)
    [error] = lines.read_text().splitlines()
    assert re.fullmatch(rf"3 {re.escape(str(PROJECT))}: mail cannot be sent: .*421 closed.*", error), error
    mail_server.greeting = "220 test"
    for _ in range(2):
        jobs.run("tiny", "well", PYTHONPATH=path)
    assert lines.read_text().splitlines() == [error, f"5 {PROJECT}: over: mail cannot be sent"]
    # of one recipient who is refused, too
    mail_server.answers[RECIPIENTS[0]] = "550 5.1.1 unknown user"
    jobs.run("tiny", "BadDataError", PYTHONPATH=path)
    last = lines.read_text().splitlines()[-1]
    assert last.startswith(f"3 {PROJECT}: mail to {RECIPIENTS[0]} is refused: the mail server refused"), last


def test_addresses_are_separated_by_commas_that_a_scheme_follows_and_hide_their_parts() -> None:
    text = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdn, mailtos://u:secret99@mail.example.com?to=a@b.example,c@b.example"
    slack, mailto = split_addresses(text)  # type: ignore[misc]
    assert slack == "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdn"
    assert mailto.endswith("?to=a@b.example,c@b.example")
    assert {"T1JJ3T3L2", "A1BRTD4JD", "TIiajkdn"} <= set(list_secret_parts(slack))
    assert "secret99" in list_secret_parts(mailto) and "mail.example.com" not in list_secret_parts(mailto)
    with pytest.raises(ValueError, match="expected addresses of Apprise"):
        split_addresses("ntfy.example.com/topic")


@pytest.mark.parametrize("address", [
    "json://example.com/x", "mailto://u:p@example.com", "ntfy://example.com/topic", "ntfy://u:p@topic",
    "rsyslog://example.com", "jsons://example.com/x?verify=no", "mailtos://u:p@example.com?mode=insecure",
    "jsons://example.com/x?Verify=False",
])  # fmt: skip
def test_an_address_without_tls_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"instead of|only for a server on this machine|remove that"):
        split_addresses(f"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdn, {address}")
    assert split_addresses("ntfy://topic, json://127.0.0.1:80/x, jsons://example.com/x?verify=yes")


def test_no_proxy_and_no_redirect_takes_a_message_of_apprise_elsewhere(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Service()
    state = State("tiny", "", "", "2026-11-02T10:00:00+00:00", "it is broken", subject="[ETL] tiny", text="text")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    web_channels._notify(state, service.make_address("One"))
    assert service.titles == ["[ETL] tiny"]
    service.answer, service.location = 307, f"http://127.0.0.1:{other.server.server_address[1]}/"
    with pytest.raises(TryLaterError):
        web_channels._notify(state, f"{service.make_address('One')}?redirect=yes")
    assert other.titles == []
    other.server.shutdown()
    other.server.server_close()
