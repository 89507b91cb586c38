"""The types of the JSON answers, for the descriptions of the routes; an answer may have more than its type names."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Answer(BaseModel):
    """A JSON object of an answer."""

    model_config = ConfigDict(extra="allow")


class PageOf(Answer, Generic[Item]):
    """A page of a list; `next` is the value of `after` for the next page, null on the last one."""

    rows: list[Item]
    next: str | None


class Problem(Answer):
    """What is wrong and what to do next (RFC 9457, application/problem+json)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    hint: str


class Started(Answer):
    """A run that starts or stops."""

    run_uuid: UUID
    status: Literal["starting", "stopping"]


class Run(Answer):
    """An execution of a job script."""

    run_uuid: UUID
    root_uuid: UUID
    parent_uuid: UUID | None
    step_number: int | None
    job: str
    lock_key: str
    arguments: str
    status: str
    exit_code: int | None
    error: str | None
    host: str
    os_user: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float
    progress: str | None
    files: int | None
    rows_read: int | None
    rows_loaded: int | None
    rows_rejected: int | None
    rows_skipped: int | None
    rows_held: int | None
    warnings: int | None
    is_green: bool | None
    is_trial: bool


class StartingRun(Answer):
    """A run that has not begun, or ended before it could."""

    run_uuid: UUID
    status: str


class LogEntry(Answer):
    """An entry of a log."""

    run_uuid: UUID
    sequence: int
    logged_at: datetime
    process_type: str
    step: str | None
    os_user: str | None
    step_seconds: float | None
    level: str
    message: str
    detail: dict[str, Any] | None


class RunWarning(Answer):
    """A warning of a run."""

    warned_at: datetime
    job: str
    config_name: str | None
    code: str
    text: str
    run_uuid: UUID
    sequence: int
    file_id: int | None
    dataset_id: int | None


class RunState(Answer):
    """A run with its steps, warnings and log; `summary` is null until it ends."""

    run: Run | StartingRun
    steps: list[Run]
    warnings: list[RunWarning]
    log: list[LogEntry]
    summary: dict[str, Any] | None


class Dataset(Answer):
    """What one file put into a table."""

    dataset_id: int
    config_name: str
    label: str | None
    dataset_date: date | None
    last_seen: date | None
    status: str
    load_mode: str
    target_table: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_skipped: int
    rows_held: int
    status_reason: str | None
    superseded_by: int | None
    created_at: datetime
    status_at: datetime
    run_uuid: UUID
    file_name: str | None
    is_current: bool


class DatasetDetails(Dataset):
    """A dataset with its columns, its file and its warnings."""

    columns: list[str]
    warnings: list[RunWarning]


class RefusedFile(Answer):
    """A file that was refused and that no later load has resolved."""

    file_id: int
    config_name: str | None
    name: str
    reason: str | None
    size: int | None
    status_at: datetime


class DatasetsWithRejects(PageOf[Dataset]):
    """Datasets with rejected rows, and the newest refused files."""

    refused: list[RefusedFile]


class RejectedRow(Answer):
    """A row that was not loaded, and why."""

    rejected_row_id: int
    source_row: int | None
    column_name: str | None
    value: str | None
    reason: str
    raw_row: Any
    replayed_at: datetime | None


class Change(Answer):
    """One difference between two datasets."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    label: str | None
    date: str | None
    change: str
    key: str | None
    column: str | None
    before: str | None = Field(alias="from")
    after: str | None = Field(alias="to")


class Changes(PageOf[Change]):
    """The differences between two datasets, with their numbers."""

    dataset_id: int
    compared_with: int | None = Field(alias="with")
    added: int
    removed: int
    changed: int


class Counts(Answer):
    """Rows: read = loaded + rejected + skipped + held."""

    read: int
    loaded: int
    rejected: int
    skipped: int
    held: int


class Done(Answer):
    """What an action did."""

    headline: str


class Outcome(Done):
    """What an action did, with its table, warnings and counts."""

    rows: list[dict[str, Any]]
    warnings: list[str]
    counts: Counts


class Stored(Done):
    """A configuration that was stored; `version` is null if nothing differs or it was only checked."""

    version: int | None


class Import(Answer):
    """An import."""

    config_name: str
    is_active: bool
    target_table: str
    load_mode: str
    file_pattern: str
    managed_by: str
    version: int
    updated_at: datetime
    last_loaded_at: datetime | None


class ConfigurationVersion(Answer):
    """A version of a configuration, with its first letters."""

    id: int
    config_name: str
    version: int
    changed_at: datetime
    changed_by: str
    source: str
    begins_with: str


class VersionText(ConfigurationVersion):
    """A version of a configuration as YAML."""

    yaml: str


class VersionDiff(Answer):
    """The lines of two versions, each with its mark: blank, - or +."""

    older: int = Field(alias="from")
    newer: int = Field(alias="to")
    lines: list[str]


class Table(Answer):
    """A table or view."""

    table: str
    is_table: bool
    comment: str


class TableColumn(Answer):
    """A column; the values of a masked one are not shown."""

    name: str
    type: str
    masked: bool


class TableRows(PageOf[dict[str, str | None]]):
    """Rows of a table, each cell as text; `total` is null where it is not known without counting."""

    table: str
    columns: list[TableColumn]
    total: int | None


class Session(Answer):
    """A token for the header Authorization: Bearer."""

    token: str
    token_type: Literal["Bearer"]
    expires_at: datetime
    user_name: str
    role: Literal["admin", "user"]


class Health(Answer):
    """The console and its database answer."""

    status: Literal["ok"]


class Coverage(Answer):
    """Test coverage in total and for each file."""

    made_at: datetime
    source: str
    covered_lines: int
    num_statements: int
    percent_covered: float
    files: dict[str, dict[str, Any]]


class Account(Answer):
    """A user of the console."""

    user_name: str
    role: Literal["admin", "user"]
    is_active: bool
    groups: list[str]
    email: str
    created_at: datetime
    last_login_at: datetime | None


class NewPassword(Answer):
    """A generated password, which is shown only now."""

    user_name: str
    password: str


class UserGroup(Answer):
    """A group of users and the names and patterns of what it sees."""

    name: str
    description: str
    tables: list[str]
    lists: list[str]
    reports: list[str]
    personal: list[str]
    members: list[str]


class AddedFile(Answer):
    """A file that is being added: what was found in it, what is proposed, and what loading it would do."""

    id: UUID
    name: str
    size: int
    received: int
    is_working: bool
    reading: dict[str, Any]
    found: dict[str, Any] | None
    edits: dict[str, Any] | None
    tried: dict[str, Any] | None
    run_uuid: UUID | None


class ReportSummary(Answer):
    """A report; `is_subscribed` is null if the user has not said whether to get it."""

    report_name: str
    description: str
    is_subscribed: bool | None
    subject: str | None
    sent_at: datetime | None


class ReportTable(Answer):
    """The rows of one query of a report."""

    name: str
    columns: list[str]
    rows: list[dict[str, Any]]
    total: int


class ReportContent(Answer):
    """What a report has to report since a mail."""

    report: str
    since: int | None
    problems: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    tables: list[ReportTable]


class CopiedFile(Answer):
    """A copy of a held or refused file, whose columns can be changed as those of an added one."""

    id: UUID
    name: str


class HeaderLine(Answer):
    """One column in the last good file and in this one."""

    column: str
    before: str
    now: str
    change: Literal["same", "spelled differently", "renamed", "missing", "new"]
    score: float | None


class FileReview(Answer):
    """What is against a held or refused file, and how its header differs."""

    file: dict[str, Any]
    import_name: str = Field(alias="import")
    is_open: bool
    findings: list[dict[str, Any]]
    headers: list[HeaderLine]
    letters: list[dict[str, Any]]
    proposed_letter: str
