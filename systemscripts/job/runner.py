"""Run one job from start to end: lock, database, log, signals, alert, exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from systemscripts import last_resort, masking, progress, settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, UsageError
from systemscripts.job import current_run, kill_reason, run_lock, run_outcome, standard_output, wrapper
from systemscripts.job.command_line import Call
from systemscripts.job.decorator import Needs
from systemscripts.job.run_outcome import RunOutcome
from systemscripts.job.signals_and_timeout import Limits, RunEnded
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts import db_utils, log_utils
    from systemscripts.db_utils import Connection

logger = logging.getLogger(__name__)

# How long a run that is terminated may take to report it.
LAST_REPORT_SECONDS = 60.0
# An alert stays readable.
MAX_DECISIONS = 5
# Files are for the user and the group.
UMASK = 0o007


class Runner:
    """One run of one job."""

    def __init__(
        self, job: str, needs: Needs, call: Call, background_connection: db_utils.BackgroundConnection | None = None
    ) -> None:
        """Prepare the run; `background_connection`: the connection being opened while this module was imported."""
        from systemscripts import log_utils

        os.umask(UMASK)
        masking.protect_memory()
        self.job, self.needs, self.call = job, needs, call
        # it becomes part of file names, so it is masked
        self.key = masking.mask(needs.normalize_lock((needs.lock or "").format(**call.values)))
        self.directories = Directories(settings.current().etl_data_dir).create()
        _keep_alert_settings()
        run_uuid = log_utils.choose_run_uuid()
        self._began_at = settings.now()
        # a pipeline reports its steps, in one mail for all of them
        self.reports_failure = needs.alert and not os.environ.get("ETL_PARENT_UUID")
        # a slow mail server must not delay the tools that people use interactively
        self.sends_alerts = needs.alert or needs.sends_alerts
        self.run = log_utils.describe_run(
            job, self.key, call.arguments, run_uuid, self.directories, self.reports_failure
        )
        # the processes that this run starts belong to it
        os.environ.pop("ETL_RUN_UUID", None)
        os.environ.pop("ETL_STEP_NUMBER", None)
        os.environ.update(ETL_PARENT_UUID=self.run.run_uuid, ETL_ROOT_UUID=self.run.root_uuid)
        self.log = log_utils.RunLog(self.run, self.directories)
        self.delivery = log_utils.Delivery(self.log.path)
        hours = needs.time_limit_hours or settings.current().job_time_limit_hours
        # a step has only the time that is left of its pipeline
        hours = min(hours, float(os.environ.pop("ETL_TIME_LIMIT_HOURS", hours)))
        self._needs_no_lock = any(call.values.get(name) for name in needs.look_options)
        # a run that changes nothing does not show whether the job works
        self._is_read_only = self._needs_no_lock or bool(call.values.get("dry_run"))
        self.limits = Limits(hours, _cancel_statements, self._give_up)
        self.summary = Summary()
        self.closed_runs = 0
        self._console = _build_console_handler(call.debug)
        if call.quiet:
            progress.hide()
        self._background_connection = background_connection
        self._heartbeat: log_utils.Heartbeat | None = None
        self._lock: IO[str] | None = None

    def execute(self, function: Callable[..., Summary | None]) -> int:
        """Run the job's function and finish the run; return the exit code."""
        from systemscripts import log_utils

        log_utils.attach_log(self.log, self.call.debug)
        logging.getLogger().addHandler(self._console)
        try:
            outcome = self._call_function(function)
            self.limits.close()
        # it was raised after the function had returned; it is raised only once
        except RunEnded as ended:
            self.limits.close()
            outcome = run_outcome.build_from_stop(ended)
        if outcome.error is not None and not self._has_shown_problems():
            print_line(f"{self.job}: {masking.mask(outcome.error)}")
        self._finish(outcome)
        return outcome.exit_code

    def _has_shown_problems(self) -> bool:
        """Return whether the summary has shown the problems on the terminal that would show the error again."""
        shown = self.summary.shown and bool(self.summary.problems) and not self.call.as_json
        return shown and sys.stdout.isatty() and sys.stderr.isatty()

    def _call_function(self, function: Callable[..., Summary | None]) -> RunOutcome:
        """Call the function; return how it ended and never raise, except for a RunEnded that comes late."""
        from systemscripts import log_utils

        try:
            self.limits.install()
            memory = kill_reason.read_memory_state()
            began = asdict(self.run) | {"memory": asdict(memory) if memory else {}}
            self.log.write("INFO", log_utils.LOGGER, log_utils.BEGAN, began)
            self._begin()
            self.summary = function(**self.call.values) or self.summary
            outcome = run_outcome.build_from_summary(self.summary)
            # a signal that arrives while the driver reads rows appears as a database error of one file
            if outcome.exit_code and self.limits.is_stop_requested():
                outcome = run_outcome.build_from_stop(self.limits.describe_end())
            self._show(outcome)
            return outcome
        except RunEnded as ended:
            outcome = run_outcome.build_from_stop(ended)
        except BaseException as error:
            # a statement that was cancelled because of the signal is not an error of the job
            if self.limits.is_stop_requested():
                outcome = run_outcome.build_from_stop(self.limits.describe_end())
            else:
                outcome = self._log_failure(error)
        if (self.call.as_json or self.summary.headline) and not self.summary.shown:
            with suppress(Exception):
                self._show(outcome)
        return outcome

    def _begin(self) -> None:
        """Prepare the job's own work: close killed runs, take the lock, connect, start the heartbeat."""
        from systemscripts import log_utils
        from systemscripts.job import recovery

        self.closed_runs = recovery.close_dead_runs(self.directories, self.sends_alerts)
        if self.needs.lock is not None and not self._needs_no_lock:
            wait_seconds = current_run.WAIT_HOURS * 3600 if self.call.wait else 0
            self._lock = run_lock.acquire_lock(self.directories, self.job, self.key, wait_seconds)
        if self.needs.database:
            connection = self._connect()
            self.closed_runs += recovery.deliver_dead_runs(connection, self.directories, self.sends_alerts)
            self.delivery.send_new_entries(connection)
            self._heartbeat = log_utils.Heartbeat(
                self.run.run_uuid, self.delivery, connection, self._connect, progress.get_status
            )
            self._heartbeat.start()

    def _connect(self) -> Connection:
        from systemscripts import db_utils
        from systemscripts.db_utils import embedded, migrations

        background, self._background_connection = self._background_connection, None
        connection = background.result() if background is not None else db_utils.connect(purpose=self.job)
        if settings.current().uses_embedded_database:
            masking.register_secrets(embedded.list_passwords())
        migrations.apply_pending(connection)
        return connection

    def _show(self, outcome: RunOutcome) -> None:
        """Print the summary once: as text, or as JSON with --json."""
        if self.summary.shown:
            return
        self.summary.shown = True
        if not self.call.as_json:
            lines = self.summary.list_troubles()
            text = "\n".join(lines) if self.call.quiet else self.summary.as_text()
            standard_output.print_text(masking.mask(text))
            return
        values = masking.mask_values(self.summary.as_dict()) | {"exit_code": outcome.exit_code}
        values["cause"] = asdict(outcome.cause) if outcome.cause else None
        if outcome.error and not self.summary.problems:
            values["problems"] = [masking.mask(outcome.error)]
        standard_output.print_text(json.dumps(values, default=str, ensure_ascii=False))

    def _log_failure(self, error: BaseException) -> RunOutcome:
        error = run_outcome.translate_error(error)
        outcome = run_outcome.build_from_error(error, self.log.path)
        # a full disk
        with suppress(EtlError):
            if outcome.status == "skipped":
                logger.info("%s", outcome.error)
            # execute() prints it in its one line
            else:
                logger.error("%s", outcome.error, exc_info=error, extra={"on_console": False})
        if self.call.debug:
            print_line(masking.mask("".join(traceback.format_exception(error))).rstrip())
        return outcome

    def _finish(self, outcome: RunOutcome) -> None:
        """Send the alert and deliver the log. None of this changes the outcome; a later run does what fails here."""
        connection = self._heartbeat.stop() if self._heartbeat is not None else None
        self._alert(outcome, connection)
        self._write_end(outcome)
        logging.getLogger().removeHandler(self.log)
        logging.getLogger().removeHandler(self._console)
        with suppress(OSError):
            self.log.finish_marker(is_delivered=self.needs.database and self._try_deliver(connection))
        self.log.close()
        if self._lock is not None:
            self._lock.close()

    def _alert(self, outcome: RunOutcome, connection: Connection | None = None) -> None:
        from systemscripts import alerts

        is_trial = outcome.status == "skipped" or self._is_read_only or self.summary.only_looked
        if not self.reports_failure or is_trial or self._is_typing_mistake(outcome):
            if self.sends_alerts:
                alerts.send_waiting(self.directories)
            return
        error = masking.mask(outcome.error or "")
        alert_outcome = alerts.Outcome(
            self.job, self.key, outcome.status, outcome.exit_code, error, self.run.arguments, self.log.path,
            outcome.failure_type, connected=self._heartbeat is not None, cause=outcome.cause,
            undecided=self._list_undecided(outcome, connection), decisions=self._list_decisions(),
            next_steps=tuple(map(masking.mask, self.summary.next_steps)),
            step_logs=tuple(map(Path, self.summary.step_logs)), began_at=self._began_at,
        )  # fmt: skip
        if not alerts.try_record_outcome(alert_outcome, self.directories, connection=connection) and outcome.exit_code:
            wrapper.say_alert_lost(f"{self.job} {self.key}".strip(), error)

    def _is_typing_mistake(self, outcome: RunOutcome) -> bool:
        """Return whether the person who typed the command has read what is wrong with it; cron has no one who does."""
        return outcome.exit_code == UsageError.exit_code and os.environ.get("ETL_STARTED_BY") != "cron"

    def _list_undecided(self, outcome: RunOutcome, connection: Connection | None) -> frozenset[str]:
        """Return the files that this run and its steps held or refused."""
        from systemscripts import alerts

        if outcome.exit_code == 0 or connection is None or connection.closed:
            return frozenset()
        try:
            return alerts.list_undecided(connection, self.run.root_uuid)
        except EtlError:
            return frozenset()

    def _list_decisions(self) -> tuple[str, ...]:
        """Return the commands that decide about the files that this run held."""
        return tuple(
            command
            for dataset in self.summary.held_datasets[:MAX_DECISIONS]
            for command in (format_command("datasets", "accept", dataset), format_command("datasets", "undo", dataset))
        )

    def _write_end(self, outcome: RunOutcome) -> None:
        from systemscripts import log_utils

        counts = {"files": self.summary.files, **asdict(self.summary.counts)}
        detail = log_utils.build_end_record(outcome.status, outcome.exit_code, outcome.error, **counts)
        level = "INFO" if outcome.status in ("succeeded", "skipped") else "ERROR"
        # a full disk: the record still goes to the database
        with suppress(EtlError):
            self.log.write(level, log_utils.LOGGER, log_utils.ENDED, detail)
        # the operator has seen the output of an interactive run: one log file is enough
        is_interactive = not self.needs.alert or self._is_read_only or self.summary.only_looked
        if outcome.status == "succeeded" and is_interactive:
            return
        with suppress(OSError):
            log_utils.write_text_and_csv(self.log.path)

    def _try_deliver(self, connection: Connection | None) -> bool:
        """Send the rest of the log; return whether the database took it (otherwise the next run sends it)."""
        for _ in range(2):
            try:
                if connection is None or connection.closed:
                    connection = self._connect()
                self.delivery.send_new_entries(connection, self.log.unwritten)
                connection.close()
                return True
            except Exception:
                connection = None
        return False

    def _give_up(self, ended: RunEnded) -> None:
        """Terminate the run when its main thread does not respond to the request to stop."""
        guard = threading.Timer(LAST_REPORT_SECONDS, os._exit, (ended.exit_code,))
        guard.daemon = True
        guard.start()
        outcome = RunOutcome(ended.status, ended.exit_code, f"{ended.reason}; it did not respond and was killed")
        print_line(f"{self.job}: {outcome.error}")
        with suppress(BaseException):
            self._alert(outcome)
            self._write_end(outcome)
            self.log.finish_marker(is_delivered=False)
        os._exit(ended.exit_code)


def print_line(text: str) -> None:
    """Print a line to the operator; a reader that is gone must not disturb the run."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _keep_alert_settings() -> None:
    """Keep what the wrapper needs to report a failed start later, when the settings may be unreadable."""
    current_settings = settings.current()
    last_resort.keep_settings(settings.PROJECT, settings.settings_file(), current_settings.etl_data_dir)


def _build_console_handler(debug: bool) -> logging.Handler:
    """Return the handler that shows warnings, and with --debug everything, on the terminal."""
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.DEBUG if debug else logging.WARNING)
    console.setFormatter(_MaskedFormatter())
    console.addFilter(lambda record: getattr(record, "on_console", True))
    return console


class _MaskedFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the level and the message, with secrets masked."""
        return masking.mask(f"{record.levelname.lower()}: {record.getMessage()}")


def _cancel_statements() -> None:
    if "psycopg2" in sys.modules:
        from systemscripts import db_utils

        db_utils.cancel_statements()
