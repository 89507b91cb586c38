"""Alert once for each cause why jobs cannot start, again each week, and when it is over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shlex
import sys
import syslog
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from systemscripts.last_resort.alert_settings import (
    SECRETS,
    list_parts,
    name_environment,
    read_as_written,
    read_secrets,
    resolve_secrets,
)
from systemscripts.last_resort.send_message import send_message
from systemscripts.last_resort.state_files import (
    build_file_name,
    list_folders,
    list_settings_folders,
    read_newest,
    try_write_first,
)

# A job of each Monday morning does not start on the minute.
REMIND_SECONDS = 7 * 86400 - 4 * 3600
# For another start that is sending alerts right now, with a mail server that does not answer.
LOCK_SECONDS = 90
MAX_TEXT_LETTERS = 4000
IN_ADDRESS = re.compile(r"(://[^\s/:@]{0,200}:)[^\s@]{1,500}(@)")
# Causes that do not prevent jobs from running.
CAUSES_WITHOUT_EFFECT = {
    "cron log": "logs/etl_cron.log cannot be written",
    "outdated packages": "the Python environment cannot be brought up to date",
}


class StartAlerts:
    """The causes for which jobs of one installation cannot start, and which of them were reported."""

    def __init__(self, project: Path, settings_file: Path, data: Path) -> None:
        self.project, self.settings_file = project, settings_file
        self.state_folders = list_folders(project, data)
        self.name = build_file_name("start_problems", settings_file)
        self.causes: dict[str, dict[str, Any]] = read_newest(self.state_folders, self.name)
        self._take_report_without_python()
        kept = read_newest(
            list_settings_folders(project, settings_file, data), build_file_name("alert_settings", settings_file)
        )
        now = read_as_written(settings_file)
        # first the settings that the operator may just have corrected, then the last good ones
        ways = [{**kept, **now}, *([kept] if kept and any(kept.get(key) != now.get(key) for key in kept) else [])]
        self.ways = [resolve_secrets(way, project) for way in ways]
        name = next((way["ENVIRONMENT_NAME"] for way in self.ways if way.get("ENVIRONMENT_NAME")), "")
        self.origin = f"{name or name_environment(settings_file)} on {platform.node()}"
        self.secrets = read_secrets(settings_file) | {way[name] for way in self.ways for name in SECRETS if name in way}
        self.secrets |= {part for way in self.ways for part in list_parts(way.get("ALERT_URLS", ""))}

    def _take_report_without_python(self) -> None:
        """Take over what the wrapper has reported by a local mail server while there was no Python."""
        for folder in self.state_folders:
            marker = folder / f"{Path(self.name).stem}.without_python"
            with contextlib.suppress(OSError):
                since = marker.stat().st_mtime
                text = marker.read_text(encoding="utf-8", errors="replace").strip()
                told = {"since": since, "told_at": since, "text": text, "scripts": [], "by_mail": True}
                self.causes.setdefault("no python", told)
                if try_write_first(self.state_folders, self.name, self.causes):
                    marker.unlink()

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
            now = _format_time(time.time())
            text = f"On {self.origin} jobs of {self.project} have been starting again since {now}.\n\n"
            if key in CAUSES_WITHOUT_EFFECT:
                text = f"Resolved on {self.origin} at {now}: {CAUSES_WITHOUT_EFFECT[key]}.\n\n"
            text += f"The problem had lasted since {_format_time(cause['since'])}: {self._mask(cause['text'])}\n"
            if self._try_each_way(subject, text):
                # the next start tries again
                return
        self._write_syslog(f"over: {cause['text']}")
        del self.causes[key]

    def _compose_text(self, cause: dict[str, Any]) -> str:
        variables = {name: os.environ[name] for name in ("ETL_DATA_DIR", "ETL_ENV_FILE") if os.environ.get(name)}
        carried = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
        return (
            f"On {self.origin}, since {_format_time(cause['since'])}, for {', '.join(cause['scripts'])}:\n\n"
            f"{self._mask(cause['text'])}\n\n"
            f"Installation: {self.project}\nSettings: {self.settings_file}\n"
            f"To check everything: {carried}{shlex.quote(str(self.project / 'etl'))} doctor\n\n"
            "The next message comes in a week if this lasts, or when it is over.\n"
        )

    def _build_subject(self, subject: str) -> str:
        return f"[ETL] {subject} ({self.origin})"

    def _try_each_way(self, subject: str, text: str) -> str:
        reason = ""
        for values in self.ways:
            reason = send_message(values, self._build_subject(subject), text, self.project)
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
    """Record one start; the arguments are described in `__main__`."""
    project, settings_file, data, script, start = sys.argv[1:]
    settings_path = Path(settings_file).expanduser().absolute()
    lines = [line.partition("\t") for line in sys.stdin.read().splitlines() if line.strip()]
    troubles = {key: text[:MAX_TEXT_LETTERS] for key, _, text in lines}
    with _hold_lock():
        StartAlerts(Path(project), settings_path, Path(data)).record_start(script, start, troubles)
