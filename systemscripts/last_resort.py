"""Alert people that jobs cannot start, with any Python from 3.9 and nothing else of the suite.

The wrapper runs this file alone after a start that failed before the job could report anything, and after the next
start that succeeds. It reads the alert settings leniently, fills gaps from the last good copy of them (each run keeps
one, `keep_settings`), and sends one mail per cause, again each week, and one when it is over. Without mail and webhook
it writes to syslog and to standard error, which cron mails to MAILTO.

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

# The settings that an alert needs.
NAMES = (
    "SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD", "SMTP_CA_FILE", "MAIL_FROM",
    "ALERT_RECIPIENTS", "ALERT_WEBHOOK_URL",
)  # fmt: skip
SECRETS = ("SMTP_PASSWORD", "ALERT_WEBHOOK_URL")
# An encrypted value is kept as it is written, and so is the path of a file with a secret.
SOURCES_OF_SECRETS = (*(f"{name}_FILE" for name in SECRETS), "SECRET_KEY_FILE")
ENCRYPTED = "enc:"
# Only the suite's own Python can decrypt it; the value is passed by pipes, so that no process list shows it.
DECRYPT = "import sys; from systemscripts import secret; print(secret.decrypt(sys.stdin.read()), end='')"
DECRYPT_SECONDS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A job of each Monday morning does not start on the minute.
REMIND_SECONDS = 7 * 86400 - 4 * 3600
# For one reply of a mail server or webhook: a cron job waits for it.
ANSWER_SECONDS = 20
# For another start that is sending alerts right now, with a mail server that does not answer.
LOCK_SECONDS = 90
# File systems allow 255 bytes; a temporary name is longer.
MAX_MARK_LETTERS = 150
MAX_TEXT_LETTERS = 4000
MIN_SECRET_LETTERS = 4
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|WEBHOOK|^DATABASE_.*URL$")
IN_ADDRESS = re.compile(r"(://[^\s/:@]{0,200}:)[^\s@]{1,500}(@)")
SETTING = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$")

Values = dict[str, str]


# --- where things are kept --------------------------------------------------------------------------------------------


def list_settings_folders(project: Path, settings_file: Path, data: Path) -> list[Path]:
    """Return the folders for the copy of the alert settings: first that of the settings file."""
    own_folder = [settings_file.parent] if _is_own(settings_file.parent) else []
    return [*own_folder, *list_folders(project, data)]


def list_folders(project: Path, data: Path) -> list[Path]:
    """Return the folders for the state, best first: a full or unwritable disk must not affect all of them."""
    home = os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    state = Path(os.environ.get("XDG_STATE_HOME") or f"{home}/.local/state")
    own = f"client_etl_workflow-{os.geteuid()}"
    # root, or another user, leaves nothing in the installation of someone else
    inside = [folder / "var" for folder in (data, project) if _is_own(folder)]
    return list(dict.fromkeys([*inside, state / "client_etl_workflow", Path("/var/tmp") / own, Path("/dev/shm") / own]))


def _is_own(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def build_file_name(prefix: str, settings_file: Path) -> str:
    """Return the name of a file of one installation, which is identified by its settings file."""
    # the wrapper builds the same name, byte by byte
    marked = re.sub(rb"[^A-Za-z0-9]", b"_", os.fsencode(settings_file)).decode()
    return f"{prefix}-{marked[-MAX_MARK_LETTERS:]}.json"


def read_newest(search_folders: list[Path], name: str) -> dict[str, Any]:
    """Return the content of the newest file with this name that belongs to the caller or root; {} if there is none."""
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for folder in search_folders:
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, encoding="utf-8") as stream:
                state = os.fstat(stream.fileno())
                if state.st_uid in (0, os.geteuid()) and state.st_mtime > best[0]:
                    values = json.load(stream)
                    best = (state.st_mtime, values) if isinstance(values, dict) else best
    return best[1]


def try_write_first(search_folders: list[Path], name: str, values: dict[str, Any]) -> bool:
    """Write a file, readable by its owner only, into the first folder possible, and remove it from the others.

    Empty values remove it everywhere. Return whether it was possible.
    """
    done = not values
    for folder in search_folders:
        path, part = folder / name, folder / f".{name}.{os.getpid()}.part"
        if done:
            with contextlib.suppress(OSError):
                path.unlink()
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700 if folder.name.startswith("client_etl") else 0o770)
            if folder.stat().st_uid not in (0, os.geteuid()) and folder.parent in (Path("/var/tmp"), Path("/dev/shm")):
                # another user has created a folder with our name there
                continue
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
    """Keep the alert settings of a healthy run as the last good copy, as they are written; never raises."""
    search_folders, name = (
        list_settings_folders(project, settings_file, data),
        build_file_name("alert_settings", settings_file),
    )
    with contextlib.suppress(Exception):
        kept = read_as_written(settings_file)
        for secret in SECRETS:
            # a secret that is only in the environment must not be written to disk
            if secret in os.environ:
                kept.pop(secret, None)
        if read_newest(search_folders, name) != kept:
            try_write_first(search_folders, name, kept)


# --- the settings, read leniently -------------------------------------------------------------------------------------


def read_as_written(settings_file: Path) -> Values:
    """Return the alert settings of a settings file, even if the rest of it is wrong; the environment has priority."""
    known: Values = {}
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
    for line in lines:
        match = SETTING.match(line)
        if match:
            known[match[1]] = _unquote(match[2])
    known.update(os.environ)
    return {name: known[name] for name in (*NAMES, *SOURCES_OF_SECRETS) if known.get(name)}


def resolve_secrets(values: Values, project: Path) -> Values:
    """Return settings with their secrets resolved; one that cannot be read is left out."""
    known = {name: value for name, value in values.items() if name in NAMES}
    for name in SECRETS:
        if values.get(f"{name}_FILE"):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                path = Path(values[f"{name}_FILE"]).expanduser()
                known[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
        if known.get(name, "").startswith(ENCRYPTED):
            known[name] = _decrypt(known[name], values.get("SECRET_KEY_FILE", ""), project)
    return {name: value for name, value in known.items() if value}


def _decrypt(text: str, key_file: str, project: Path) -> str:
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
    """Return every secret value of the settings file, also if two lines were swapped."""
    secrets = set()
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
        settings = {match[1]: _unquote(match[2]) for match in map(SETTING.match, lines) if match}
        secrets = {value for name, value in settings.items() if SECRET_NAME.search(name) and not name.endswith("_FILE")}
        # a password where a number belongs
        secrets |= {value for name, value in settings.items() if name == "SMTP_PORT" and not value.isdigit()}
    return {value for value in secrets if len(value) >= MIN_SECRET_LETTERS}


def _unquote(text: str) -> str:
    quote = text[:1]
    if quote in ("'", '"'):
        end = text.find(quote, 1)
        return text[1:end] if end > 0 else text[1:]
    return re.sub(r"\s+#.*$", "", text)


# --- the ways to people -----------------------------------------------------------------------------------------------


def send_message(values: Values, subject: str, text: str) -> str:
    """Send a message by mail and webhook; return "" if one of them accepted it, else why not."""
    from smtplib import SMTPException

    reasons = []
    if values.get("SMTP_HOST") and values.get("ALERT_RECIPIENTS"):
        try:
            _send_mail(values, subject, text)
        except (OSError, ValueError, SMTPException) as error:
            reasons.append(f"mail server {values['SMTP_HOST']}: {' '.join(str(error).split()) or type(error).__name__}")
        else:
            reasons = [""]
    if values.get("ALERT_WEBHOOK_URL"):
        try:
            _post_webhook(values["ALERT_WEBHOOK_URL"], subject, text)
            reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(f"webhook: {type(error).__name__}")
    if "" in reasons:
        return ""
    return "; ".join(reasons) or "SMTP_HOST and ALERT_RECIPIENTS are not set"


def _send_mail(values: Values, subject: str, text: str) -> None:
    # late: every run of a job imports this file, and hardly any sends
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    host, security = values["SMTP_HOST"], values.get("SMTP_SECURITY", "starttls")
    address = (host, int(values.get("SMTP_PORT", "587")))
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = values.get("MAIL_FROM") or f"client-etl-workflow@{host}"
    recipients = [part.strip() for part in values["ALERT_RECIPIENTS"].split(",") if part.strip()]
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="client-etl-workflow.local")
    # so that it gets no out-of-office replies (RFC 3834)
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
        # the mail is already accepted: errors from here on change nothing
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
        session.close()


def _post_webhook(url: str, subject: str, text: str) -> None:
    import urllib.request

    if not url.startswith(("https://", "http://")):
        raise ValueError("expected an address such as https://host/path")
    body = json.dumps({"text": f"*{subject}*\n{text}"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
        pass


# --- once for each cause ----------------------------------------------------------------------------------------------


class StartAlerts:
    """The causes for which jobs of one installation cannot start, and which of them were reported."""

    def __init__(self, project: Path, settings_file: Path, data: Path) -> None:
        self.project, self.settings_file = project, settings_file
        self.state_folders = list_folders(project, data)
        self.name = build_file_name("start_problems", settings_file)
        self.causes: dict[str, dict[str, Any]] = read_newest(self.state_folders, self.name)
        kept = read_newest(
            list_settings_folders(project, settings_file, data), build_file_name("alert_settings", settings_file)
        )
        now = read_as_written(settings_file)
        # first the settings that the operator may just have corrected, then the last good ones
        ways = [{**kept, **now}, *([kept] if kept and any(kept.get(key) != now.get(key) for key in kept) else [])]
        self.ways = [resolve_secrets(way, project) for way in ways]
        self.secrets = read_secrets(settings_file) | {way[name] for way in self.ways for name in SECRETS if name in way}

    def record_start(self, script: str, start: str, troubles: dict[str, str]) -> None:
        """Record one start, and report what is due and what is over.

        `start`: begun, own (the script ran without a run, which does not show that others can start), or failed.
        """
        for key, text in troubles.items():
            cause = self.causes.setdefault(key, {"since": time.time(), "scripts": []})
            cause.update(text=text, over=False)
            if script not in cause["scripts"]:
                cause["scripts"].append(script)
            self._report_if_due(key, cause)
        for key, cause in list(self.causes.items()):
            # a cause that affects single scripts is over when one of them starts
            proved = script in cause["scripts"] if key.startswith("script ") else start == "begun"
            if cause.get("over") or (start != "failed" and proved and key not in troubles):
                self._report_recovery(key, cause)
        try_write_first(self.state_folders, self.name, self.causes)

    def _report_if_due(self, key: str, cause: dict[str, Any]) -> None:
        now, told = time.time(), cause.get("told_at")
        # a time in the future was recorded under a wrong clock
        due = told is None or not 0 <= now - told <= REMIND_SECONDS
        if not due and cause.get("by_mail"):
            return
        still = "still: " if cause.get("by_mail") else ""
        subject = (
            f"{still}jobs cannot start" if key not in CAUSES_WITHOUT_EFFECT else f"{still}{CAUSES_WITHOUT_EFFECT[key]}"
        )
        text = self._compose_text(cause)
        reason = self._try_each_way(subject, text)
        cause["by_mail"] = not reason or bool(cause.get("by_mail") and not due)
        if due:
            cause["told_at"] = now
            self._write_syslog(f"{subject}: {cause['text']}")
            if reason:
                _print_for_cron(f"{self._build_subject(subject)}\n\n{text}\nNo mail was sent: {self._mask(reason)}.\n")
        elif not reason:
            cause["told_at"] = now

    def _report_recovery(self, key: str, cause: dict[str, Any]) -> None:
        if cause.get("by_mail"):
            cause["over"] = True
            subject = f"over: {CAUSES_WITHOUT_EFFECT.get(key, 'jobs cannot start')}"
            text = f"Jobs of {self.project} have been starting again since {_format_time(time.time())}.\n\n"
            if key in CAUSES_WITHOUT_EFFECT:
                text = f"Resolved at {_format_time(time.time())}: {CAUSES_WITHOUT_EFFECT[key]}.\n\n"
            if self._try_each_way(
                subject, f"{text}The problem had lasted since {_format_time(cause['since'])}: {cause['text']}\n"
            ):
                # the next start tries again
                return
        self._write_syslog(f"over: {cause['text']}")
        del self.causes[key]

    def _compose_text(self, cause: dict[str, Any]) -> str:
        variables = {name: os.environ[name] for name in ("ETL_DATA_DIR", "ETL_ENV_FILE") if os.environ.get(name)}
        carried = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
        return (
            f"On {platform.node()}, since {_format_time(cause['since'])}, for {', '.join(cause['scripts'])}:\n\n"
            f"{self._mask(cause['text'])}\n\n"
            f"Installation: {self.project}\nSettings: {self.settings_file}\n"
            f"To check everything: {carried}{shlex.quote(str(self.project / 'etl'))} doctor\n\n"
            "The next message comes in a week if this lasts, or when it is over.\n"
        )

    def _build_subject(self, subject: str) -> str:
        return f"[ETL] {subject} ({platform.node()}, {self.settings_file})"

    def _try_each_way(self, subject: str, text: str) -> str:
        reason = ""
        for values in self.ways:
            reason = send_message(values, self._build_subject(subject), text)
            if not reason:
                break
        return reason

    def _mask(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return IN_ADDRESS.sub(r"\1***\2", text)

    def _write_syslog(self, text: str) -> None:
        syslog.openlog("client_etl_workflow", 0, syslog.LOG_USER)
        syslog.syslog(syslog.LOG_ERR, f"{self.project}: {' '.join(self._mask(text).split())}"[:1000])


# Causes that do not prevent jobs from running.
CAUSES_WITHOUT_EFFECT = {
    "cron log": "logs/etl_cron.log cannot be written",
    "outdated packages": "the Python environment cannot be brought up to date",
}


def _print_for_cron(text: str) -> None:
    """Print a text for cron, which mails it; elsewhere the wrapper has printed it."""
    if os.environ.get("ETL_CRON") == "1":
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))


@contextlib.contextmanager
def _hold_lock() -> Iterator[None]:
    """Hold a lock on this file: jobs that cron starts in the same minute have one cause, and send one mail."""
    with Path(__file__).open("rb") as stream:
        until = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.1)
        yield


def main() -> None:
    """Record one start; the arguments are described at the top of this module."""
    project, settings_file, data, script, start = sys.argv[1:]
    settings_path = Path(settings_file).expanduser().absolute()
    lines = [line.partition("\t") for line in sys.stdin.read().splitlines() if line.strip()]
    troubles = {key: text[:MAX_TEXT_LETTERS] for key, _, text in lines}
    with _hold_lock():
        StartAlerts(Path(project), settings_path, Path(data)).record_start(script, start, troubles)


if __name__ == "__main__":
    main()
