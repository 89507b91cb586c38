"""Tell people that jobs cannot start, where nothing else of the suite can: any Python from 3.9, nothing else needed.

The wrapper runs this file alone after a start that failed before the job could speak for itself, and after the first
start that succeeds again. It reads the alert settings leniently, fills gaps from the last good copy of them (the frame
keeps one, `keep_settings`), and sends one mail for each cause, again each week, and one when it is over. Where no mail
and no webhook can be had, syslog is told, and standard error, which cron mails to MAILTO.

last_resort.py PROJECT SETTINGS_FILE DATA_FOLDER SCRIPT begun|own|failed < lines of KEY<tab>TEXT
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import pwd
import re
import shlex
import sys
import syslog
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of the settings, what an alert needs.
NAMES = (
    "SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD", "SMTP_CA_FILE", "MAIL_FROM",
    "ALERT_RECIPIENTS", "ALERT_WEBHOOK_URL",
)  # fmt: skip
SECRETS = ("SMTP_PASSWORD", "ALERT_WEBHOOK_URL")
# An encrypted value is kept as it is written, and so is the path of a file that holds a secret.
SOURCES_OF_SECRETS = (*(f"{name}_FILE" for name in SECRETS), "SECRET_KEY_FILE")
ENCRYPTED = "enc:"
# Only the suite's own Python can decrypt it; the value comes and goes by pipes, so that no process list shows it.
DECRYPT = "import sys; from systemscripts import secret; print(secret.decrypt(sys.stdin.read()), end='')"
DECRYPT_SECONDS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A job of each Monday morning does not start on the minute.
REMIND_SECONDS = 7 * 86400 - 4 * 3600
# For one answer of a mail server or webhook: behind it waits a cron job.
ANSWER_SECONDS = 20
# For another start that is telling people right now, with a mail server that does not answer.
LOCK_SECONDS = 90
# File systems take 255; a temporary name is longer.
LONGEST_MARK_CHARACTERS = 150
LONGEST_TEXT_CHARACTERS = 4000
SHORTEST_SECRET_CHARACTERS = 4
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|WEBHOOK|^DATABASE_.*URL$")
IN_ADDRESS = re.compile(r"(://[^\s/:@]{0,200}:)[^\s@]{1,500}(@)")
SETTING = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$")

Values = dict[str, str]


# --- where things are kept --------------------------------------------------------------------------------------------


def settings_folders(project: Path, settings_file: Path, data: Path) -> list[Path]:
    """Return the folders for the copy of the alert settings: first that of the settings, whose secrets it holds."""
    beside = [settings_file.parent] if _is_own(settings_file.parent) else []
    return [*beside, *folders(project, data)]


def folders(project: Path, data: Path) -> list[Path]:
    """Return the folders for what is remembered, best first: a full or unwritable disk must not take all of them."""
    home = os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    state = Path(os.environ.get("XDG_STATE_HOME") or f"{home}/.local/state")
    own = f"client_etl_workflow-{os.geteuid()}"
    # root, or another user at the door, leaves nothing in somebody else's installation
    inside = [folder / "var" for folder in (data, project) if _is_own(folder)]
    found = [
        *inside,
        state / "client_etl_workflow",
        Path("/var/tmp") / own,
        Path("/dev/shm") / own,
    ]
    return list(dict.fromkeys(found))


def _is_own(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def file_name(kind: str, settings_file: Path) -> str:
    """Return the name of a file that belongs to one installation, which its settings file stands for."""
    # the wrapper makes the same name, byte by byte
    marked = re.sub(rb"[^A-Za-z0-9]", b"_", os.fsencode(settings_file)).decode()
    return f"{kind}-{marked[-LONGEST_MARK_CHARACTERS:]}.json"


def read_newest(places: list[Path], name: str) -> dict[str, Any]:
    """Return the newest file of this name that is the caller's own (or root's); empty where there is none."""
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for folder in places:
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, encoding="utf-8") as stream:
                state = os.fstat(stream.fileno())
                if state.st_uid in (0, os.geteuid()) and state.st_mtime > best[0]:
                    values = json.load(stream)
                    best = (state.st_mtime, values) if isinstance(values, dict) else best
    return best[1]


def write_first(places: list[Path], name: str, values: dict[str, Any]) -> bool:
    """Write a file, for its owner alone, into the first folder that takes it; the others lose theirs.

    Empty values remove it. Returns whether it was possible.
    """
    done = not values
    for folder in places:
        path, part = folder / name, folder / f".{name}.{os.getpid()}.part"
        if done:
            with contextlib.suppress(OSError):
                path.unlink()
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700 if folder.name.startswith("client_etl") else 0o770)
            if folder.stat().st_uid not in (0, os.geteuid()) and folder.parent in (Path("/var/tmp"), Path("/dev/shm")):
                continue  # someone else chose our name there
            try:
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump(values, stream, indent=1)
                part.replace(path)
                done = True
            finally:
                with contextlib.suppress(OSError):
                    part.unlink()
    return done


def keep_settings(project: Path, settings_file: Path, data: Path) -> None:
    """Keep the alert settings of a healthy run as the last good copy, as they are written; raises nothing."""
    places, name = settings_folders(project, settings_file, data), file_name("alert_settings", settings_file)
    with contextlib.suppress(Exception):
        kept = read_as_written(settings_file)
        for secret in SECRETS:
            # a secret that only the environment knows is on no disk, and stays so
            if secret in os.environ:
                kept.pop(secret, None)
        if read_newest(places, name) != kept:
            write_first(places, name, kept)


# --- the settings, read leniently -------------------------------------------------------------------------------------


def read_as_written(settings_file: Path) -> Values:
    """Return what a settings file says of alerts, whatever else is wrong with it; the environment wins over it."""
    found: Values = {}
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
    for line in lines:
        match = SETTING.match(line)
        if match:
            found[match[1]] = _unquoted(match[2])
    found.update(os.environ)
    return {name: found[name] for name in (*NAMES, *SOURCES_OF_SECRETS) if found.get(name)}


def resolve_secrets(values: Values, project: Path) -> Values:
    """Return settings with the secrets themselves; one that cannot be had is left out."""
    found = {name: value for name, value in values.items() if name in NAMES}
    for name in SECRETS:
        if values.get(f"{name}_FILE"):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                path = Path(values[f"{name}_FILE"]).expanduser()
                found[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
        if found.get(name, "").startswith(ENCRYPTED):
            found[name] = _decrypted(found[name], values.get("SECRET_KEY_FILE", ""), project)
    return {name: value for name, value in found.items() if value}


def _decrypted(text: str, key_file: str, project: Path) -> str:
    import subprocess

    command = [str(project / ".venv" / "bin" / "python"), "-c", DECRYPT]
    known = {"PYTHONPATH": str(project), **({"SECRET_KEY_FILE": key_file} if key_file else {})}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, input=text, env={**os.environ, **known}, check=False, capture_output=True, text=True,
            timeout=DECRYPT_SECONDS,
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else ""
    return ""


def read_secrets(settings_file: Path) -> set[str]:
    """Return every value of the settings file, and of two lines that were exchanged, that nobody may see."""
    found = set()
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
        settings = {match[1]: _unquoted(match[2]) for match in map(SETTING.match, lines) if match}
        found = {value for name, value in settings.items() if SECRET_NAME.search(name) and not name.endswith("_FILE")}
        # a password that stands where a number should
        found |= {value for name, value in settings.items() if name == "SMTP_PORT" and not value.isdigit()}
    return {value for value in found if len(value) >= SHORTEST_SECRET_CHARACTERS}


def _unquoted(text: str) -> str:
    quote = text[:1]
    if quote in ("'", '"'):
        end = text.find(quote, 1)
        return text[1:end] if end > 0 else text[1:]
    return re.sub(r"\s+#.*$", "", text)


# --- the ways to people -----------------------------------------------------------------------------------------------


def send(values: Values, subject: str, text: str) -> str:
    """Send a message by mail and webhook; return "" when one of them took it, else why not."""
    from smtplib import SMTPException

    reasons = []
    if values.get("SMTP_HOST") and values.get("ALERT_RECIPIENTS"):
        try:
            _mail(values, subject, text)
        except (OSError, ValueError, SMTPException) as error:
            reasons.append(f"mail server {values['SMTP_HOST']}: {' '.join(str(error).split()) or type(error).__name__}")
        else:
            reasons = [""]
    if values.get("ALERT_WEBHOOK_URL"):
        try:
            _post(values["ALERT_WEBHOOK_URL"], subject, text)
            reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(f"webhook: {type(error).__name__}")
    if "" in reasons:
        return ""
    return "; ".join(reasons) or "SMTP_HOST and ALERT_RECIPIENTS are not set"


def _mail(values: Values, subject: str, text: str) -> None:
    # here, for every run of a job imports this file, and hardly any sends
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    host, security = values["SMTP_HOST"], values.get("SMTP_SECURITY", "starttls")
    address = (host, int(values.get("SMTP_PORT", "587")))
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = values.get("MAIL_FROM") or f"client-etl-workflow@{host}"
    recipients = [each.strip() for each in values["ALERT_RECIPIENTS"].split(",") if each.strip()]
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="client-etl-workflow.local")
    # no out-of-office answers to it (RFC 3834)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if security == "none" and host not in LOOPBACK:
        raise ValueError("SMTP_SECURITY=none is only for a server on this machine")
    context = ssl.create_default_context(cafile=values.get("SMTP_CA_FILE") or None)
    session: smtplib.SMTP
    if security == "ssl":
        session = smtplib.SMTP_SSL(*address, timeout=ANSWER_SECONDS, context=context)
    else:
        session = smtplib.SMTP(*address, timeout=ANSWER_SECONDS)
    try:
        if security not in ("none", "ssl"):
            session.starttls(context=context)
        if values.get("SMTP_USER"):
            session.login(values["SMTP_USER"], values.get("SMTP_PASSWORD", ""))
        refused = session.send_message(message)
        if refused:
            syslog.syslog(syslog.LOG_WARNING, f"the mail server refused {', '.join(refused)}; the others have the mail")
    finally:
        # what comes after the server's 250 changes nothing
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
        session.close()


def _post(url: str, subject: str, text: str) -> None:
    import urllib.request

    if not url.startswith(("https://", "http://")):
        raise ValueError("expected an address such as https://host/path")
    body = json.dumps({"text": f"*{subject}*\n{text}"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
        pass


# --- once for each cause ----------------------------------------------------------------------------------------------


class Teller:
    """What is wrong with the starts of one installation, and who has been told."""

    def __init__(self, project: Path, settings_file: Path, data: Path) -> None:
        self.project, self.settings_file = project, settings_file
        self.places = folders(project, data)
        self.name = file_name("start_problems", settings_file)
        self.causes: dict[str, dict[str, Any]] = read_newest(self.places, self.name)
        kept = read_newest(settings_folders(project, settings_file, data), file_name("alert_settings", settings_file))
        now = read_as_written(settings_file)
        # first what the operator may just have corrected, then what worked last
        ways = [{**kept, **now}, *([kept] if kept and any(kept.get(key) != now.get(key) for key in kept) else [])]
        self.ways = [resolve_secrets(way, project) for way in ways]
        self.secrets = read_secrets(settings_file) | {way[name] for way in self.ways for name in SECRETS if name in way}

    def take(self, script: str, start: str, troubles: dict[str, str]) -> None:
        """Take one start into account: tell what is due, and what is over.

        `start`: begun, own (the script ran, but nothing of the suite is proved by it), or failed.
        """
        for key, text in troubles.items():
            cause = self.causes.setdefault(key, {"since": time.time(), "scripts": []})
            cause.update(text=text, over=False)
            if script not in cause["scripts"]:
                cause["scripts"].append(script)
            self._tell_if_due(key, cause)
        for key, cause in list(self.causes.items()):
            # what hit single scripts is over when one of them starts
            proved = script in cause["scripts"] if key.startswith("script ") else start == "begun"
            if cause.get("over") or (start != "failed" and proved and key not in troubles):
                self._tell_it_is_over(key, cause)
        write_first(self.places, self.name, self.causes)

    def _tell_if_due(self, key: str, cause: dict[str, Any]) -> None:
        now, told = time.time(), cause.get("told_at")
        # a moment in the future was noted under a wrong clock
        due = told is None or not 0 <= now - told <= REMIND_SECONDS
        if not due and cause.get("by_mail"):
            return
        still = "still: " if cause.get("by_mail") else ""
        subject = f"{still}jobs cannot start" if key not in SOFT else f"{still}{SOFT[key]}"
        text = self._text(cause)
        reason = self._send(subject, text)
        cause["by_mail"] = not reason or bool(cause.get("by_mail") and not due)
        if due:
            cause["told_at"] = now
            self._log(f"{subject}: {cause['text']}")
            if reason:
                _say(f"{self._subject(subject)}\n\n{text}\nNo mail went out: {self._masked(reason)}.\n")
        elif not reason:
            cause["told_at"] = now

    def _tell_it_is_over(self, key: str, cause: dict[str, Any]) -> None:
        if cause.get("by_mail"):
            cause["over"] = True
            subject = f"over: {SOFT.get(key, 'jobs cannot start')}"
            text = f"Jobs of {self.project} start again since {_moment(time.time())}.\n\n"
            if key in SOFT:
                text = f"No longer so since {_moment(time.time())}: {SOFT[key]}.\n\n"
            if self._send(subject, f"{text}It was so since {_moment(cause['since'])}: {cause['text']}\n"):
                return  # with the next start
        self._log(f"over: {cause['text']}")
        del self.causes[key]

    def _text(self, cause: dict[str, Any]) -> str:
        wrapper = self.project / "run_python_etl_script.sh"
        return (
            f"On {platform.node()}, since {_moment(cause['since'])}, for {', '.join(cause['scripts'])}:\n\n"
            f"{self._masked(cause['text'])}\n\n"
            f"Installation: {self.project}\nSettings: {self.settings_file}\n"
            f"Look at everything: {shlex.quote(str(wrapper))} doctor.py\n\n"
            "You will hear again in a week while this lasts, and when it is over.\n"
        )

    def _subject(self, subject: str) -> str:
        return f"[ETL] {subject} ({platform.node()}, {self.settings_file})"

    def _send(self, subject: str, text: str) -> str:
        reason = ""
        for values in self.ways:
            reason = send(values, self._subject(subject), text)
            if not reason:
                break
        return reason

    def _masked(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return IN_ADDRESS.sub(r"\1***\2", text)

    def _log(self, text: str) -> None:
        syslog.openlog("client_etl_workflow", 0, syslog.LOG_USER)
        syslog.syslog(syslog.LOG_ERR, f"{self.project}: {' '.join(self._masked(text).split())}"[:1000])


# Causes that keep no job from running.
SOFT = {
    "cron log": "logs/etl_cron.log cannot be written",
    "outdated packages": "the Python environment cannot be brought up to date",
}


def _say(text: str) -> None:
    """Say it to cron, which mails what comes here; elsewhere the wrapper has said it."""
    if os.environ.get("ETL_CRON") == "1":
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock on this file: jobs that cron starts in one minute find one cause, and send one mail."""
    with Path(__file__).open("rb") as stream:
        until = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.1)
        yield


def main() -> None:
    """Take one start into account; the arguments are those of the module's text."""
    project, settings_file, data, script, start = sys.argv[1:]
    settings_path = Path(settings_file).expanduser().absolute()
    lines = [line.partition("\t") for line in sys.stdin.read().splitlines() if line.strip()]
    troubles = {key: text[:LONGEST_TEXT_CHARACTERS] for key, _, text in lines}
    with _one_at_a_time():
        Teller(Path(project), settings_path, Path(data)).take(script, start, troubles)


if __name__ == "__main__":
    main()
