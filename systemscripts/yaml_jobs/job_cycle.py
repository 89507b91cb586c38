"""The cycle of a YAML job: wait for its start time, run, watch its sources, run again, stop on request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from systemscripts import alerts, settings
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.import_parts import add_zone
from systemscripts.directory_management import Directories, FileStat, read_file_stat
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.summary import Summary
from systemscripts.yaml_jobs.stop_request import Stop

logger = logging.getLogger(__name__)

# For sources that do not report changes themselves.
POLL_SECONDS = 60.0
TICK_SECONDS = 0.25
# Rows and warnings in the summary of a watch of weeks, the last ones; the log has all of them.
MAX_SHOWN = 100
# A folder that is written to all the time is scanned nevertheless.
MAX_WAIT_FOR_QUIET_SECONDS = 10.0

Pass = Callable[[], Summary]
FolderState = dict[Path, FileStat]


def run_and_watch(
    config: ImportConfig, run: Pass, stop: Stop, poll_seconds: float, say: Callable[[str], None], total: Summary
) -> None:
    """Run a job at its start time and then whenever a source has something new, until `stop`.

    `total`: collects what was loaded. A failed pass is alerted and the next one tries again; only a first pass that
    fails for its configuration ends the watch. Raises ConfigurationError if end_time has passed.
    """
    _wait_for_start(config, stop, say)
    number, is_well = 0, False
    while not stop():
        number += 1
        before = scan_folders(config)
        try:
            result = run()
        except EtlError as error:
            if number == 1 and isinstance(error, ConfigurationError):
                raise
            result = Summary()
            result.problem(str(error), error.exit_code, error)
        # success is reported once
        if result.exit_code or not is_well:
            _alert(config, result)
        is_well = not result.exit_code
        _add_pass(total, result, number)
        if number == 1 and result.exit_code == ConfigurationError.exit_code:
            return
        if number == 1 or result.files or result.problems:
            say(f"{settings.now():%H:%M:%S} {result.headline or '; '.join(result.problems)}")
        if number == 1 and not stop():
            say("watching; press g and Enter or Ctrl-C to stop")
        _wait_for_news(config, stop, 2.0 if _is_file_left_behind(result) else poll_seconds, before)
    total.headline = f"{total.headline or 'nothing was loaded'}; stopped by {stop.reason}"


def _wait_for_start(config: ImportConfig, stop: Stop, say: Callable[[str], None]) -> None:
    begin, end = config.job.start_time, config.job.end_time
    now = settings.now()
    if end is not None and add_zone(end) <= now:
        raise ConfigurationError(
            f"end_time {add_zone(end):%Y-%m-%d %H:%M} of {config.config_name} has passed", "Set a later end_time."
        )
    if begin is not None and add_zone(begin) > now:
        say(f"waiting for start_time {add_zone(begin):%Y-%m-%d %H:%M %Z}")
        while settings.now() < add_zone(begin) and not stop():
            time.sleep(TICK_SECONDS)


def _wait_for_news(config: ImportConfig, stop: Stop, seconds: float, before: FolderState | None) -> None:
    """Return when files have changed and are still again, when the other sources are due, or on a request to stop.

    `before`: the state of the folders when the last pass began.
    """
    import watchfiles

    folders = _list_folders(config)
    until = time.monotonic() + seconds
    if not folders:
        while time.monotonic() < until and not stop():
            time.sleep(TICK_SECONDS)
        return
    rest = settings.current().file_still_seconds
    first = last = 0.0
    for changes in watchfiles.watch(
        *folders, watch_filter=None, debounce=200, step=50, rust_timeout=int(TICK_SECONDS * 1000),
        yield_on_timeout=True, recursive=False, raise_interrupt=False, ignore_permission_denied=True,
    ):  # fmt: skip
        # files that came before the watch started
        if before is not None:
            missed, before = before != scan_folders(config), None
        else:
            missed = False
        now = time.monotonic()
        if changes or missed:
            first, last = first or now, now
        quiet = last and now - last >= rest
        if stop() or now >= until or quiet or (first and now - first >= MAX_WAIT_FOR_QUIET_SECONDS):
            return


def scan_folders(config: ImportConfig) -> FolderState:
    """Return the state of the watched folders: size and time of each file."""
    paths = [path for folder in _list_folders(config) for path in folder.iterdir()]
    return {path: file_stat for path in paths if (file_stat := read_file_stat(path))}


def _list_folders(config: ImportConfig) -> list[Path]:
    """Return the folders whose events announce new files: those of the local sources, and the job's own."""
    data = settings.current().etl_data_dir
    local = [source.options.get("path") for source in config.sources if source.type == "local"]
    named = [*filter(None, local), config.source_directory or "file_watcher"]
    return [path for name in named if (path := data / str(name)).is_dir()]


def _is_file_left_behind(result: Summary) -> bool:
    """Return whether a file was still being written: the next pass then comes soon."""
    return any(notice.code == "file_still_written" for notice in result.warnings)


def _alert(config: ImportConfig, result: Summary) -> None:
    """Alert a failed pass at once, and its recovery: the run itself may last for weeks."""
    directories = Directories(settings.current().etl_data_dir)
    error = "; ".join(result.problems)
    for text in result.problems:
        logger.error("%s", text)
    status = "failed" if result.exit_code else "succeeded"
    alerts.try_record_outcome(
        alerts.Outcome(
            "run_elt", f"{config.config_name}, watching", status, result.exit_code, error, config.config_name,
            directories.logs, "problems", connected=True,
            cause=alerts.find_common_cause(result.errors, len(result.problems), directories),
        ),
        directories,
    )  # fmt: skip


def _add_pass(total: Summary, result: Summary, number: int) -> None:
    total.counts.add(result.counts)
    total.files += result.files
    total.rows = (total.rows + result.rows)[-MAX_SHOWN:]
    total.details = result.details or total.details
    total.show_warnings(result.warnings, at_most=MAX_SHOWN)
    # the problems at the end count
    total.replace_problems(result)
    counts = total.counts
    held = f", {counts.held:,} held" if counts.held else ""
    files, passes = "file" if total.files == 1 else "files", "pass" if number == 1 else "passes"
    total.headline = (
        f"{total.files} {files} in {number} {passes}: {counts.read:,} rows read, {counts.loaded:,} loaded, "
        f"{counts.rejected:,} rejected, {counts.skipped:,} skipped{held}"
    )
