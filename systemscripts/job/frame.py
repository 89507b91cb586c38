"""The frame every script runs in: one run, from its first instant to its last."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from systemscripts import masking, progress, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.job import locks
from systemscripts.job.command_line import Call, show
from systemscripts.job.limits import Limits, RunEnded
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from systemscripts import log_utils

logger = logging.getLogger(__name__)

WAIT_HOURS = 12.0  # nothing waits for ever


class Frame:
    """One run of one job. `needs_database`: without one the job cannot work; jobs that can leave their log to the next run."""

    def __init__(self, job: str, key: str | None, call: Call, needs_database: bool, time_limit_hours: float | None) -> None:
        from systemscripts import log_utils

        self.job, self.key, self.call, self.needs_database = job, key, call, needs_database
        self.directories = Directories(settings.current().etl_data_dir).create()
        run_uuid = os.environ.get("ETL_RUN_UUID") or str(uuid.uuid4())
        self.run = log_utils.new_run(job, key or "", call.arguments, run_uuid, self.directories)
        # who is started by this run belongs to it
        os.environ.pop("ETL_RUN_UUID", None)
        os.environ.pop("ETL_STEP_NUMBER", None)
        os.environ.update(ETL_PARENT_UUID=run_uuid, ETL_ROOT_UUID=self.run.root_uuid)
        self.log = log_utils.RunLog(self.run, self.directories)
        self.delivery = log_utils.Delivery(self.run, self.log.path)
        self.limits = Limits(time_limit_hours or settings.current().job_time_limit_hours, _cancel_statements, self._give_up)
        self._keeper: log_utils.Keeper | None = None
        self._connection: Connection | None = None
        self._lock: IO[str] | None = None
        self.summary = Summary()

    def execute(self, function: Callable[..., Summary | None], values: dict[str, Any]) -> int:
        """Run the job's function and see the run to its end; returns the exit code."""
        from systemscripts import log_utils

        log_utils.install(self.log, self.call.debug)
        self._show_warnings()
        self.log.write("INFO", log_utils.LOGGER, log_utils.BEGAN, asdict(self.run))
        status, exit_code, error = self._guarded(function, values)
        self.limits.close()
        if error is not None:
            print(f"{self.job}: {masking.mask(error)}", file=sys.stderr, flush=True)
        self._finish(status, exit_code, error)
        return exit_code

    def _show_warnings(self) -> None:
        console = logging.StreamHandler(sys.stderr)
        console.setLevel(logging.DEBUG if self.call.debug else logging.WARNING)
        console.setFormatter(_Masked())
        console.addFilter(lambda record: getattr(record, "on_console", True))
        logging.getLogger().addHandler(console)

    def _guarded(self, function: Callable[..., Summary | None], values: dict[str, Any]) -> tuple[str, int, str | None]:
        """Call the function; how it ended, whatever that was."""
        try:
            self.limits.install()
            self._begin()
            self.summary = function(**values) or self.summary
            show(masking.mask(self.summary.as_text()), _masked_values(self.summary), self.call.as_json)
            problems = "; ".join(self.summary.problems) or None
            return ("failed" if self.summary.exit_code else "succeeded"), self.summary.exit_code, problems
        except RunEnded as ended:
            return _ended(ended)
        except BaseException as error:
            if self.limits.stop_requested():  # the statement was cancelled because of the signal
                return _ended(self.limits.ended())
            return self._failed(error)

    def _begin(self) -> None:
        """What comes before the job's own work: lock, database, what killed runs have left, keeper."""
        from systemscripts import log_utils

        if self.key is not None:
            wait = WAIT_HOURS * 3600 if self.call.wait else 0
            self._lock = locks.acquire(self.directories, self.job, self.key, wait)
        if self.needs_database:
            self._connection = self._open()
            self._close_leftovers()
            self.delivery.advance(self._connection)
        connect = self._open if self.needs_database else None
        self._keeper = log_utils.Keeper(self.delivery, connect, self.limits.tick, progress.shown)
        self._keeper.start()

    def _open(self) -> Connection:
        from systemscripts import db_utils
        from systemscripts.db_utils import embedded, migrations

        connection = db_utils.connect(purpose=self.job)
        if settings.current().embedded:
            masking.register(embedded.secret_values())
        migrations.ensure(connection)
        return connection

    def _close_leftovers(self) -> None:
        from systemscripts.job import leftovers

        assert self._connection is not None
        leftovers.close(self._connection, self.directories)

    def _failed(self, error: BaseException) -> tuple[str, int, str]:
        error = _explained(error)
        if isinstance(error, locks.BusyError):
            logger.info("%s", error)
            return "skipped", error.exit_code, str(error)
        known = isinstance(error, EtlError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}"
        logger.error("%s", text, exc_info=error, extra={"on_console": False})  # execute() says it in its one line
        if self.call.debug:
            text = "".join(traceback.format_exception(error))
            print(masking.mask(text), file=sys.stderr, end="")
        if isinstance(error, EtlError):
            return "failed", error.exit_code, str(error)
        text = " ".join(str(error).split())
        return "failed", 1, (
            f"unexpected {type(error).__name__}: {text}. The traceback is in {self.log.path.with_suffix('.txt')}, "
            "or run it again with --debug."
        )

    def _finish(self, status: str, exit_code: int, error: str | None) -> None:
        from systemscripts import alerts, log_utils

        if self._keeper is not None:
            self._keeper.stop()
        if status != "skipped":
            outcome = alerts.Outcome(self.job, self.key or "", status, exit_code, masking.mask(error or ""),
                                     self.run.arguments, self.log.path)  # fmt: skip
            alerts.notice(outcome, self.directories)
        counts = {"files": self.summary.files, **asdict(self.summary.counts)}
        detail = log_utils.end_record(status, exit_code, error, **counts)
        level = "INFO" if status in ("succeeded", "skipped") else "ERROR"
        self.log.write(level, log_utils.LOGGER, log_utils.ENDED, detail)
        logging.getLogger().removeHandler(self.log)
        with suppress(OSError):  # a full disk: the truth is written, the copies can wait
            log_utils.write_readable(self.log.path)
        if self._deliver():
            self.log.marker.unlink(missing_ok=True)
        self.log.close()
        if self._lock is not None:
            self._lock.close()

    def _deliver(self) -> bool:
        """Send the rest of the log; false when the database is away (the next run does it then)."""
        if not self.needs_database:
            return False
        for attempt in (1, 2):
            try:
                if self._connection is None or self._connection.closed or attempt == 2:
                    self._connection = self._open()
                self.delivery.advance(self._connection)
                self._connection.close()
                return True
            except Exception:  # the log must not fail the job; the marker keeps what is not delivered
                if self._connection is None:
                    return False
        return False

    def _give_up(self, ended: RunEnded) -> None:
        """Called by the keeper when the main thread does not react to the end of its time."""
        from systemscripts import log_utils

        print(f"{self.job}: {ended.reason}, did not react, ended now", file=sys.stderr, flush=True)
        detail = log_utils.end_record(ended.status, ended.exit_code, f"{ended.reason}; it did not react and was ended")
        with suppress(BaseException):
            self.log.write("ERROR", log_utils.LOGGER, log_utils.ENDED, detail)
            log_utils.write_readable(self.log.path)
        os._exit(ended.exit_code)


def _ended(ended: RunEnded) -> tuple[str, int, str]:
    return ended.status, ended.exit_code, f"{ended.reason}. Run the same command again to go on."


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masking.mask(f"{record.levelname.lower()}: {record.getMessage()}")


def _masked_values(summary: Summary) -> dict[str, Any]:
    import json

    values: dict[str, Any] = json.loads(masking.mask(json.dumps(summary.as_dict(), default=str, ensure_ascii=False)))
    return values


def _cancel_statements() -> None:
    from systemscripts import db_utils

    db_utils.cancel_all()


def _explained(error: BaseException) -> BaseException:
    """An error of the driver or the operating system as one of the suite's own, where it means something there."""
    if "psycopg2" in sys.modules:
        import psycopg2

        from systemscripts import db_utils

        if isinstance(error, psycopg2.Error):
            explained = db_utils.explain(error)
            explained.__cause__ = error
            return explained
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        explained = EtlError(f"no space left for {error.filename or 'a file'}", "Free space, then run it again.")
        explained.__cause__ = error
        return explained
    if isinstance(error, PermissionError) and error.filename:
        explained = EtlError(f"{error.filename}: permission denied", f"Run: sudo chown {os.getuid()} {error.filename}")
        explained.__cause__ = error
        return explained
    return error

