"""The frame every script runs in: one run, from its first instant to its last."""

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
from typing import IO, TYPE_CHECKING

from systemscripts import last_resort, masking, progress, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.job import command_line, locks, run_outcome, wrapper
from systemscripts.job.command_line import Call
from systemscripts.job.needs import Needs
from systemscripts.job.run_outcome import Ending
from systemscripts.job.signals_and_timeout import Limits, RunEnded
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts import db_utils, log_utils
    from systemscripts.db_utils import Connection

logger = logging.getLogger(__name__)

WAIT_HOURS = 12.0  # nothing waits for ever
LAST_WORDS_SECONDS = 60.0  # how long a run that is ended over its head may take to tell of it
UMASK = 0o007  # files are for the user and the group


class Frame:
    """One run of one job."""

    def __init__(
        self, job: str, needs: Needs, call: Call, opening: db_utils.BackgroundConnection | None = None
    ) -> None:
        """`opening`: the connection that was begun to be opened while this module was imported."""
        from systemscripts import log_utils

        os.umask(UMASK)
        self.job, self.needs, self.call = job, needs, call
        # it becomes part of file names
        self.key = masking.mask(needs.lock_name((needs.lock or "").format(**call.values)))
        self.directories = Directories(settings.current().etl_data_dir).create()
        _keep_alert_settings()
        run_uuid = log_utils.choose_run_uuid()
        # whoever started a step tells of it, in one mail for the whole chain
        self.tells = needs.alert and not os.environ.get("ETL_PARENT_UUID")
        # a slow mail server delays nothing that people look at
        self.sends = needs.alert or needs.sends_alerts
        self.run = log_utils.describe_run(job, self.key, call.arguments, run_uuid, self.directories, self.tells)
        # who is started by this run belongs to it
        os.environ.pop("ETL_RUN_UUID", None)
        os.environ.pop("ETL_STEP_NUMBER", None)
        os.environ.update(ETL_PARENT_UUID=self.run.run_uuid, ETL_ROOT_UUID=self.run.root_uuid)
        self.log = log_utils.RunLog(self.run, self.directories)
        self.delivery = log_utils.Delivery(self.log.path)
        hours = needs.time_limit_hours or settings.current().job_time_limit_hours
        # what is left of the time of the pipeline that this is a step of
        hours = min(hours, float(os.environ.pop("ETL_TIME_LIMIT_HOURS", hours)))
        self._looks = any(call.values.get(name) for name in needs.looks)
        # nothing is done, so nothing is known of whether the job works
        self._only_looks = self._looks or bool(call.values.get("dry_run"))
        self.limits = Limits(hours, _cancel_statements, self._give_up)
        self.summary = Summary()
        self.closed_runs = 0
        self._console = _console(call.debug)
        self._opening = opening
        self._keeper: log_utils.Heartbeat | None = None
        self._lock: IO[str] | None = None

    def execute(self, function: Callable[..., Summary | None]) -> int:
        """Run the job's function and see the run to its end; returns the exit code."""
        from systemscripts import log_utils

        log_utils.attach_log(self.log, self.call.debug)
        logging.getLogger().addHandler(self._console)
        try:
            ending = self._guarded(function)
            self.limits.close()
        except RunEnded as ended:  # it came when the function was over already; it comes only once
            self.limits.close()
            ending = run_outcome.of_stop(ended)
        if ending.error is not None and not self._seen():
            say(f"{self.job}: {masking.mask(ending.error)}")
        self._finish(ending)
        return ending.exit_code

    def _seen(self) -> bool:
        """Whether the summary has shown the problems where the error would be shown again: on one terminal."""
        shown = self.summary.shown and bool(self.summary.problems) and not self.call.as_json
        return shown and sys.stdout.isatty() and sys.stderr.isatty()

    def _guarded(self, function: Callable[..., Summary | None]) -> Ending:
        """Call the function; how it ended, whatever that was."""
        from systemscripts import log_utils

        try:
            self.limits.install()
            self.log.write("INFO", log_utils.LOGGER, log_utils.BEGAN, asdict(self.run))
            self._begin()
            self.summary = function(**self.call.values) or self.summary
            ending = run_outcome.of_summary(self.summary)
            # raised while the driver reads our rows, it came out as an error of the database, and a file had failed
            if ending.exit_code and self.limits.stop_requested():
                ending = run_outcome.of_stop(self.limits.ended())
            self._show(ending)
            return ending
        except RunEnded as ended:
            ending = run_outcome.of_stop(ended)
        except BaseException as error:
            # a statement that was cancelled because of the signal is no error of the job
            stopped = self.limits.stop_requested()
            ending = run_outcome.of_stop(self.limits.ended()) if stopped else self._failed(error)
        if (self.call.as_json or self.summary.headline) and not self.summary.shown:
            with suppress(Exception):
                self._show(ending)
        return ending

    def _begin(self) -> None:
        """What comes before the job's own work: what killed runs have left, lock, database, keeper."""
        from systemscripts import log_utils
        from systemscripts.job import recovery

        self.closed_runs = recovery.close(self.directories, sends=self.sends)
        if self.needs.lock is not None and not self._looks:
            wait = WAIT_HOURS * 3600 if self.call.wait else 0
            self._lock = locks.acquire(self.directories, self.job, self.key, wait)
        if self.needs.database:
            connection = self._open()
            self.closed_runs += recovery.deliver(connection, self.directories, sends=self.sends)
            self.delivery.advance(connection)
            self._keeper = log_utils.Heartbeat(self.run.run_uuid, self.delivery, connection, self._open, progress.shown)
            self._keeper.start()

    def _open(self) -> Connection:
        from systemscripts import db_utils
        from systemscripts.db_utils import embedded, migrations

        opening, self._opening = self._opening, None
        connection = opening.result() if opening is not None else db_utils.connect(purpose=self.job)
        if settings.current().embedded:
            masking.register(embedded.list_passwords())
        migrations.apply_pending(connection)
        return connection

    def _show(self, ending: Ending) -> None:
        """Print the summary: for people when the function returned, as JSON however it ended."""
        if self.summary.shown:
            return
        self.summary.shown = True
        if not self.call.as_json:
            command_line.show(masking.mask(self.summary.as_text()))
            return
        values = masking.mask_values(self.summary.as_dict()) | {"exit_code": ending.exit_code}
        if ending.error and not self.summary.problems:
            values["problems"] = [masking.mask(ending.error)]
        command_line.show(json.dumps(values, default=str, ensure_ascii=False))

    def _failed(self, error: BaseException) -> Ending:
        error = run_outcome.explained(error)
        ending = run_outcome.of_error(error, self.log.path)
        with suppress(EtlError):  # a full disk
            if ending.status == "skipped":
                logger.info("%s", ending.error)
            else:  # execute() says it in its one line
                logger.error("%s", ending.error, exc_info=error, extra={"on_console": False})
        if self.call.debug:
            say(masking.mask("".join(traceback.format_exception(error))).rstrip())
        return ending

    def _finish(self, ending: Ending) -> None:
        """Tell everybody who must know. Nothing of this changes how the run ended; what fails, a later run does."""
        connection = self._keeper.stop() if self._keeper is not None else None
        self._alert(ending)
        self._write_end(ending)
        logging.getLogger().removeHandler(self.log)
        logging.getLogger().removeHandler(self._console)
        with suppress(OSError):
            self.log.settle(delivered=self.needs.database and self._deliver(connection))
        self.log.close()
        if self._lock is not None:
            self._lock.close()

    def _alert(self, ending: Ending) -> None:
        from systemscripts import alerts

        if not self.tells or ending.status == "skipped" or self._only_looks or self.summary.only_looked:
            if self.sends:
                alerts.send_waiting(self.directories)
            return
        error, arguments = masking.mask(ending.error or ""), self.run.arguments
        code, kind = ending.exit_code, ending.kind
        connected = self._keeper is not None
        outcome = alerts.Outcome(
            self.job, self.key, ending.status, code, error, arguments, self.log.path, kind, connected
        )
        if not alerts.notice(outcome, self.directories) and ending.exit_code:
            wrapper.say_untold(f"{self.job} {self.key}".strip(), error)

    def _write_end(self, ending: Ending) -> None:
        from systemscripts import log_utils

        counts = {"files": self.summary.files, **asdict(self.summary.counts)}
        detail = log_utils.build_end_record(ending.status, ending.exit_code, ending.error, **counts)
        level = "INFO" if ending.status in ("succeeded", "skipped") else "ERROR"
        with suppress(EtlError):  # a full disk: it still goes to the database
            self.log.write(level, log_utils.LOGGER, log_utils.ENDED, detail)
        # what somebody only looked at they have seen: one file is enough
        looked = not self.needs.alert or self._only_looks or self.summary.only_looked
        if ending.status == "succeeded" and looked:
            return
        with suppress(OSError):
            log_utils.write_text_and_csv(self.log.path)

    def _deliver(self, connection: Connection | None) -> bool:
        """Send the rest of the log; false when the database is away (the next run does it then)."""
        for _ in range(2):
            try:
                if connection is None or connection.closed:
                    connection = self._open()
                self.delivery.advance(connection, self.log.unwritten)
                connection.close()
                return True
            except Exception:
                connection = None
        return False

    def _give_up(self, ended: RunEnded) -> None:
        """End the run over the head of a main thread that does not react to the end of its time."""
        guard = threading.Timer(LAST_WORDS_SECONDS, os._exit, (ended.exit_code,))
        guard.daemon = True
        guard.start()
        ending = Ending(ended.status, ended.exit_code, f"{ended.reason}; it did not react and was ended")
        say(f"{self.job}: {ending.error}")
        with suppress(BaseException):
            self._alert(ending)
            self._write_end(ending)
            self.log.settle(delivered=False)
        os._exit(ended.exit_code)


def say(text: str) -> None:
    """One line to the operator; whoever does not listen any more does not disturb the run."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _keep_alert_settings() -> None:
    """Keep what the wrapper needs to tell of a start that fails later, when the settings can no longer be read."""
    known = settings.current()
    last_resort.keep_settings(settings.PROJECT, settings.settings_file(), known.etl_data_dir)


def _console(debug: bool) -> logging.Handler:
    """Shows warnings, and with --debug everything, on the terminal."""
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.DEBUG if debug else logging.WARNING)
    console.setFormatter(_Masked())
    console.addFilter(lambda record: getattr(record, "on_console", True))
    return console


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masking.mask(f"{record.levelname.lower()}: {record.getMessage()}")


def _cancel_statements() -> None:
    if "psycopg2" in sys.modules:
        from systemscripts import db_utils

        db_utils.cancel_statements()
