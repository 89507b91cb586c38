"""The life of a YAML job: wait for its time, run, watch its sources, run again, stop when told to."""

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

POLL_SECONDS = 60.0  # sources that tell nothing of themselves
TICK_SECONDS = 0.25
MOST_SHOWN = 100  # rows and warnings at the end of a watch of weeks, the last ones; the log has all
LONGEST_QUIET_SECONDS = 10.0  # a folder in which somebody writes all the time is looked at nevertheless

Pass = Callable[[], Summary]
Looks = dict[Path, FileStat]


def run_and_watch(
    config: ImportConfig, run: Pass, stop: Stop, poll_seconds: float, say: Callable[[str], None], total: Summary
) -> None:
    """Run a job at its time and then whenever a source has something, until `stop`; `total` gets all that was loaded.

    A pass that fails does not end it: people are told, the next pass tries again. The first one is different when
    nothing but a person can mend it. Raises ConfigurationError where end_time is over.
    """
    _wait_for_start(config, stop, say)
    number, well = 0, False
    while not stop():
        number += 1
        before = looks(config)
        try:
            found = run()
        except EtlError as error:
            if number == 1 and isinstance(error, ConfigurationError):
                raise
            found = Summary()
            found.problem(str(error), error.exit_code)
        if found.exit_code or not well:  # that all is well is told once
            _tell(config, found)
        well = not found.exit_code
        _add(total, found, number)
        if number == 1 and found.exit_code == ConfigurationError.exit_code:
            return
        if number == 1 or found.files or found.problems:
            say(f"{settings.now():%H:%M:%S} {found.headline or '; '.join(found.problems)}")
        if number == 1 and not stop():
            say("watching; g and Enter, Ctrl-C or SIGTERM stop it")
        _wait_for_news(config, stop, 2.0 if _left_behind(found) else poll_seconds, before)
    total.headline = f"{total.headline or 'nothing was loaded'}; stopped by {stop.reason}"


def _wait_for_start(config: ImportConfig, stop: Stop, say: Callable[[str], None]) -> None:
    begin, end = config.job.start_time, config.job.end_time
    now = settings.now()
    if end is not None and add_zone(end) <= now:
        raise ConfigurationError(
            f"end_time {add_zone(end):%Y-%m-%d %H:%M} of {config.config_name} is over", "Give it a later one."
        )
    if begin is not None and add_zone(begin) > now:
        say(f"waiting for start_time {add_zone(begin):%Y-%m-%d %H:%M %Z}")
        while settings.now() < add_zone(begin) and not stop():
            time.sleep(TICK_SECONDS)


def _wait_for_news(config: ImportConfig, stop: Stop, seconds: float, before: Looks | None) -> None:
    """Return when files changed and rest again, when it is time to ask the other sources, or when told to stop.

    `before`: what the folders held when the last pass began.
    """
    import watchfiles

    folders = _folders(config)
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
        if before is not None:  # what came before anybody watched
            missed, before = before != looks(config), None
        else:
            missed = False
        now = time.monotonic()
        if changes or missed:
            first, last = first or now, now
        quiet = last and now - last >= rest
        if stop() or now >= until or quiet or (first and now - first >= LONGEST_QUIET_SECONDS):
            return


def looks(config: ImportConfig) -> Looks:
    """What the watched folders hold: size and time of each file."""
    return {path: look for folder in _folders(config) for path in folder.iterdir() if (look := read_file_stat(path))}


def _folders(config: ImportConfig) -> list[Path]:
    """The folders whose events tell of new files: those of the local sources, and the job's own."""
    data = settings.current().etl_data_dir
    local = [source.options.get("path") for source in config.sources if source.type == "local"]
    named = [*filter(None, local), config.source_directory or "file_watcher"]
    return [path for name in named if (path := data / str(name)).is_dir()]


def _left_behind(found: Summary) -> bool:
    """Whether something was still being written: it is looked at again soon."""
    return any(notice.code == "file_still_written" for notice in found.warnings)


def _tell(config: ImportConfig, found: Summary) -> None:
    """A pass that fails is told at once, and when it goes well again: the run itself may last for weeks."""
    directories = Directories(settings.current().etl_data_dir)
    error = "; ".join(found.problems)
    for text in found.problems:
        logger.error("%s", text)
    status = "failed" if found.exit_code else "succeeded"
    alerts.notice(
        alerts.Outcome(
            "run_elt", f"{config.config_name}, watching", status, found.exit_code, error, config.config_name,
            directories.logs, "problems", connected=True,
        ),
        directories,
    )  # fmt: skip


def _add(total: Summary, found: Summary, number: int) -> None:
    total.counts.add(found.counts)
    total.files += found.files
    total.rows = (total.rows + found.rows)[-MOST_SHOWN:]
    total.details = found.details or total.details
    total.show_warnings(found.warnings, at_most=MOST_SHOWN)
    total.problems, total.codes = found.problems, found.codes  # what is wrong at the end
    counts = total.counts
    files, passes = "file" if total.files == 1 else "files", "pass" if number == 1 else "passes"
    total.headline = (
        f"{total.files} {files} in {number} {passes}: {counts.read:,} rows read, {counts.loaded:,} loaded, "
        f"{counts.rejected:,} rejected, {counts.skipped:,} skipped"
    )
