"""The lines of the desk: each pipeline and feed with its last runs as squares, its last success and its next run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from systemscripts import alerts, schedules, settings
from systemscripts.configuration import pipeline_config
from systemscripts.configuration.arrival import to_cron
from systemscripts.configuration.import_parts import add_zone
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from webconsole import connections, display
from webconsole.decisions import Decisions, gather_decisions
from webconsole.queries import desk, runs, warnings

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

logger = logging.getLogger(__name__)

# coming times of one pipeline
SHOWN_TIMES = 5


@dataclass(frozen=True)
class Square:
    """One run as a square: its colour, what a pointer shows, and its number."""

    tone: str
    title: str
    run_uuid: str


@dataclass(frozen=True)
class Line:
    """One pipeline or feed."""

    name: str
    squares: list[Square]
    # when it is started, in words; "" where nothing is declared
    times: str = ""
    good_at: datetime | None = None
    next_at: datetime | None = None
    pause: schedules.Pause | None = None
    # what keeps it from running
    fault: str = ""
    # numbers of files by state: waiting, refused, held
    files: dict[str, int] = field(default_factory=dict)

    @property
    def blanks(self) -> int:
        """Return how many squares are missing to a whole row."""
        return max(desk.SHOWN_RUNS - len(self.squares), 0)


@dataclass(frozen=True)
class Desk:
    """Everything that stands on the desk."""

    decisions: Decisions
    # what is wrong with the host or the mail, and messages that wait: no run of it can be opened
    troubles: list[str]
    pipelines: list[Line]
    # those that had a file
    feeds: list[Line]
    # how many feeds had none
    others: int
    warnings: list[dict[str, Any]]
    running: list[dict[str, Any]]


def list_troubles() -> list[str]:
    """Return each problem that is not of a run, such as a full disk or unsent mail, and each message that waits."""
    directories = Directories(settings.current().etl_data_dir)
    failing = [state for _, state in alerts.list_states(directories) if state.is_failing and state.title]
    return [f"{state.title}: {state.error}" for state in failing] + [
        f"not sent yet: {text}" for text in alerts.list_unsent(directories)
    ]


def load_desk() -> Desk:
    """Return the desk as it is now."""
    pipelines, faults = load_pipelines()
    with connections.read_as_etl() as cursor:
        feeds = desk.list_feeds(cursor)
        active = [row for row in feeds if row["newest_file_at"] or row["waiting"] or row["held"]]
        return Desk(
            gather_decisions(cursor, [*(item.name for item in pipelines), *faults]),
            list_troubles(),
            list_pipeline_lines(cursor, pipelines, faults),
            list_feed_lines(cursor, active, pipelines),
            len(feeds) - len(active),
            warnings.list_recent_warnings(cursor),
            runs.list_running(cursor),
        )


def load_pipelines() -> tuple[list[Pipeline], dict[str, str]]:
    """Return the valid pipelines, and for the others name -> what is wrong with the file."""
    valid, faults = [], {}
    for name in pipeline_config.list_names():
        try:
            pipeline = schedules.load_scheduled(name)
            valid.append(pipeline)
        except EtlError as error:
            faults[name] = str(error)
    return valid, faults


def list_pipeline_lines(cursor: Cursor, pipelines: Sequence[Pipeline], faults: dict[str, str]) -> list[Line]:
    """Return a line for each pipeline that is set up here or has ever run, those with a schedule first."""
    directories = Directories(settings.current().etl_data_dir)
    found_runs = desk.list_pipeline_runs(cursor, [*(pipeline.name for pipeline in pipelines), *faults])
    lines = [
        _make_pipeline_line(pipeline, found_runs[pipeline.name], schedules.find_pause(directories, pipeline.name))
        for pipeline in pipelines
        if not pipeline.unset_settings or found_runs[pipeline.name]
    ]
    lines += [Line(name, make_squares(found_runs[name]), fault=fault) for name, fault in faults.items()]
    return sorted(lines, key=lambda line: (line.next_at is None and not line.pause, line.name))


def _make_pipeline_line(pipeline: Pipeline, rows: list[dict[str, Any]], pause: schedules.Pause | None) -> Line:
    is_due = bool(pipeline.schedule) and not pipeline.unset_settings
    return Line(
        pipeline.name,
        make_squares(rows),
        display.describe_times(pipeline.schedule),
        _find_last_success(rows),
        find_next_start(pipeline, pause) if is_due else None,
        pause,
        f"not set up: {', '.join(pipeline.unset_settings)} not set" if pipeline.unset_settings else "",
    )


def find_next_start(pipeline: Pipeline, pause: schedules.Pause | None) -> datetime | None:
    """Return when a pipeline starts next, after the end of its pause; None where the pause has no end."""
    after = settings.now()
    if pause:
        if pause.until_moment is None:
            return None
        after = max(after, pause.until_moment)
    return schedules.find_next_run(pipeline.schedule, after)


def list_times(pipeline: Pipeline, pause: schedules.Pause | None) -> list[datetime]:
    """Return the coming times of a pipeline; none without a schedule, or while a pause has no end."""
    times: list[datetime] = []
    moment = find_next_start(pipeline, pause) if pipeline.schedule else None
    while moment is not None and len(times) < SHOWN_TIMES:
        times.append(moment)
        moment = schedules.find_next_run(pipeline.schedule, moment)
    return times


def list_feed_lines(cursor: Cursor, feeds: list[dict[str, Any]], pipelines: Sequence[Pipeline]) -> list[Line]:
    """Return a line for each feed, in the order given."""
    found_runs = desk.list_feed_runs(cursor, [row["config_name"] for row in feeds])
    return [_make_feed_line(row, found_runs[row["config_name"]], pipelines) for row in feeds]


def _make_feed_line(row: dict[str, Any], rows: list[dict[str, Any]], pipelines: Sequence[Pipeline]) -> Line:
    name = row["config_name"]
    times, next_at = describe_arrival(row, pipelines)
    return Line(
        name,
        make_squares(rows),
        times,
        row["good_at"],
        next_at,
        fault="" if row["is_active"] else "paused: its files wait",
        files={state: row[state] for state in ("waiting", "refused", "held")},
    )


def describe_arrival(row: dict[str, Any], pipelines: Sequence[Pipeline]) -> tuple[str, datetime | None]:
    """Return how a feed is declared to come or is started, in words, and when that is next.

    `row`: config_name, expected and job of the import.
    """
    now = settings.now()
    start = (row["job"] or {}).get("start_time")
    if start and (moment := add_zone(datetime.fromisoformat(str(start)))) > now:
        return "once", moment
    starting = [pipeline for pipeline in pipelines if pipeline.schedule and _loads_feed(pipeline, row["config_name"])]
    coming = [(schedules.find_next_run(pipeline.schedule, now), pipeline) for pipeline in starting]
    every = (row["expected"] or {}).get("every", "")
    if every:
        cron = to_cron(every)
        return f"expected {display.describe_times(cron)}", schedules.find_next_run(cron, now)
    if coming:
        moment, pipeline = min(coming, key=lambda item: item[0])
        return f"by {pipeline.name}, {display.describe_times(pipeline.schedule)}", moment
    return "", None


def _loads_feed(pipeline: Pipeline, name: str) -> bool:
    if pipeline.unset_settings:
        return False
    return any(
        step.job in ("generic_import", "run_elt") and (name in step.arguments or "--all" in step.arguments)
        for step in pipeline.steps
    )


def _find_last_success(rows: list[dict[str, Any]]) -> datetime | None:
    return max((row["started_at"] for row in rows if row["status"] == "succeeded"), default=None)


def make_squares(rows: list[dict[str, Any]]) -> list[Square]:
    """Return the runs of a line as squares, in the order given."""
    return [Square(find_square_tone(row), _describe_run(row), row["run_uuid"]) for row in rows]


def find_square_tone(row: dict[str, Any]) -> str:
    """Return the colour of a run: bad, warn, busy, good, or idle where there was nothing to load."""
    if row["status"] != "succeeded":
        return display.find_tone(row["status"])
    if not row["is_green"] or row["rows_held"]:
        return "warn"
    return "good" if row["rows_loaded"] or row["files"] or row["job"] == "run_pipeline" else "idle"


def _describe_run(row: dict[str, Any]) -> str:
    started_at = row["started_at"].astimezone(display.find_reader_zone())
    parts = [f"{started_at:%a %d %b %H:%M}, {row['status']}"]
    if row["files"]:
        parts.append(display.format_plural(row["files"], "file"))
    for key, word in (("rows_loaded", "loaded"), ("rows_rejected", "rejected"), ("rows_held", "held")):
        if row[key]:
            parts.append(f"{display.format_count(row[key])} {word}")
    if row["warnings"]:
        parts.append(display.format_plural(row["warnings"], "warning"))
    return ", ".join(parts)
