"""The types of the JSON answers about the desk, the schedules and the undo of a run."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from webconsole.api.answers import Answer, Dataset, RefusedFile, Run


class GoingDataset(Answer):
    """A dataset that an undo would take away, and what would be current instead."""

    dataset_id: int
    config_name: str
    label: str | None
    day: date | None
    target: str
    rows: int
    load_mode: str
    is_held: bool
    back_id: int | None
    back_day: date | None
    back_rows: int | None
    changed: int
    obstacle: str
    later: list[int]


class UndoPreview(Answer):
    """What an undo of a run would take away."""

    run_uuid: UUID
    datasets: list[GoingDataset]


class Pause(Answer):
    """A pause of a pipeline, or of everything (`*`); `until` is empty if it has no end."""

    name: str
    since: datetime
    by: str
    until: str


class Schedule(Answer):
    """The times of a pipeline: as cron has them, in words, in the zone of the host, and the coming ones."""

    name: str
    description: str
    schedule: str
    words: str
    zone: str
    changed_by: str | None
    coming: list[datetime]
    pause: Pause | None
    unset_settings: list[str]


class WaitingJob(Answer):
    """A YAML job that waits for its start_time."""

    name: str
    run_uuid: UUID
    starts_at: datetime
    ends_at: datetime | None
    by: str
    is_started: bool


class ShownRun(Answer):
    """A run as a square: its colour, and a text about it."""

    tone: str
    title: str
    run_uuid: UUID


class DeskLine(Answer):
    """A pipeline or feed with its last runs."""

    name: str
    times: str
    last_success_at: datetime | None
    next_at: datetime | None
    pause: Pause | None
    fault: str
    files: dict[str, int]
    runs: list[ShownRun]


class LateFile(Answer):
    """A file that did not come at its time; `key` names it for a dismissal."""

    config_name: str
    label: str
    due_at: datetime
    key: str
    newest_file_at: datetime | None


class UnmatchedFile(Answer):
    """A waiting file that no import accepts, or several do."""

    name: str
    imports: list[str]
    advice: str


class Decisions(Answer):
    """What needs a decision, by kind."""

    failures: list[Run]
    held: list[Dataset]
    refused: list[RefusedFile]
    late: list[LateFile]
    unmatched: list[UnmatchedFile]


class RecentWarning(Answer):
    """A warning of the last days, and how often there was one like it."""

    code: str
    text: str
    run_uuid: UUID
    number: int
    newest_at: datetime


class Desk(Answer):
    """The operator's desk."""

    decisions: Decisions
    pipelines: list[DeskLine]
    feeds: list[DeskLine]
    warnings: list[RecentWarning]
    running: list[Run]
