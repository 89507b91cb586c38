"""The summary of a job: counts, a table, warnings, problems, next steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

logger = logging.getLogger(__name__)
Item = TypeVar("Item")

# every kind of warning; docs/warnings.md explains each one
Code = Literal[
    # what a file looks like
    "cells_left_out", "cells_with_errors", "encoding_guessed", "file_cut", "formulas_without_values", "header_guessed",
    "header_joined", "header_ragged", "one_column", "rows_left_out", "rows_realigned", "second_reader", "stray_quotes",
    "tables_left_out", "titles_left_out",
    # what was loaded of it
    "columns_not_loaded", "date_after_tomorrow", "duplicate_of_held", "duplicate_of_undone", "files_replaced",
    "keys_repeated", "load_mode_changed", "rows_of_later_file", "rows_rejected",
    # what a file has against it
    "finding",
    # files that arrive, or do not
    "archived_file_missing", "file_again", "file_ambiguous", "file_expected", "file_gone", "file_nearly_matched",
    "file_not_taken", "file_renamed", "file_size_unclear", "file_still_written", "file_unmatched", "files_unknown",
    "files_differ", "file_not_in_backup", "origin_not_proven",
    "sidecar_missing",
    # sources
    "connection_retried", "error_beside_records", "keys_missing", "pages_failed", "records_repeated",
    "refresh_token_replaced", "scan_incomplete", "source_forgotten", "source_left_out", "source_not_asked",
    # configuration and schedules
    "import_paused", "key_not_used", "mailbox_shared", "pipeline_not_set_up", "pipelines_paused", "schedule_ambiguous",
    "secret_in_file", "slow_pattern", "target_changed", "target_healed",
    # mail and reports
    "alert_not_sent", "answer_not_sent", "attachment_left_out", "ping_failed", "query_without_table",
    "recipient_refused",
    # marts
    "bucket_not_cleared", "months_computed_again", "pointer_damaged",
    # runs, the installation, the console
    "access_denied", "database_silent", "installation_at_fault", "log_lost", "other", "sign_in_failed", "try_failed",
]  # fmt: skip

# of one source: enough warnings of a kind to see what is wrong
MAX_PER_CODE = 20
# which exit code wins when several things went wrong: first what only a person can fix
_WORST_FIRST = (78, 1, 65, 75, 2)


@dataclass(frozen=True)
class Notice:
    """One warning: its kind, its text, and the import, file and dataset it is about."""

    code: Code
    text: str
    config_name: str | None = None
    file_id: int | None = None
    dataset_id: int | None = None

    def __str__(self) -> str:
        return self.text


def add_details(notices: Iterable[Notice], **known: Any) -> list[Notice]:
    """Return the warnings with missing `config_name`, `file_id` or `dataset_id` filled in."""
    return [
        replace(notice, **{name: value for name, value in known.items() if getattr(notice, name) is None})
        for notice in notices
    ]


def add_prefix(notices: Iterable[Notice], what: str) -> list[Notice]:
    """Return the warnings, each beginning with what it is about, such as the name of a file."""
    return [replace(notice, text=f"{what}: {notice.text}") for notice in notices]


def limit_per_code(notices: Iterable[Notice]) -> list[Notice]:
    """Return only the first warnings of each code, and one more that tells how many others there are.

    A bucket may contain thousands of objects that no import accepts, and each run finds them all.
    """
    by_code: dict[Code, list[Notice]] = {}
    for notice in notices:
        by_code.setdefault(notice.code, []).append(notice)
    limited = []
    for code, alike in by_code.items():
        limited += alike[:MAX_PER_CODE]
        if (more := len(alike) - MAX_PER_CODE) > 0:
            limited.append(Notice(code, f"and {more} more of this kind, the last: {alike[-1].text}"))
    return limited


def record_warning(notice: Notice, on_console: bool = False) -> None:
    """Write a warning into the log of the run; from there it becomes a row of dba.twarning.

    `on_console`: also show it on the terminal now, if the summary does not show it at the end.
    """
    logger.warning("%s", notice.text, extra={"notice": notice, "on_console": on_console})


@dataclass
class Counts:
    """Rows of files; read = loaded + rejected + skipped + held."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    skipped: int = 0
    held: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of one more file."""
        self.read += other.read
        self.loaded += other.loaded
        self.rejected += other.rejected
        self.skipped += other.skipped
        self.held += other.held


@dataclass
class Summary:
    """The result of one job, shown as text or JSON, and the source of its exit code."""

    headline: str = ""
    counts: Counts = field(default_factory=Counts)
    files: int = 0
    # a table: one dictionary for each row, all with the same keys
    rows: list[dict[str, Any]] = field(default_factory=list)
    # lines below the table
    details: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    # what the problems of several items are composed of, by what the items have in common
    groups: dict[str, list[Any]] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)
    # what the problems come from, where known: errors, or causes as the summary of a step has them
    errors: list[Any] = field(default_factory=list)
    # datasets that are held, so that the alert can name the commands that decide
    held_datasets: list[int] = field(default_factory=list)
    # the logs of the steps that failed, if it is of a pipeline
    step_logs: list[str] = field(default_factory=list)
    # how many of the problems are final: no further attempt makes sense
    gave_up: int = 0
    # there was nothing to do, so the run does not show whether the job works
    only_looked: bool = False
    # the job has printed its result itself, in the format that was asked for
    shown: bool = False
    # each once, in their order
    _warnings: dict[Notice, None] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """Return the warnings; `warn` adds one."""
        return tuple(self._warnings)

    def warn(
        self,
        code: Code,
        text: str,
        config_name: str | None = None,
        file_id: int | None = None,
        dataset_id: int | None = None,
    ) -> None:
        """Add a warning, and write it into the run's log at once, so that a kill does not lose it."""
        self.warn_all([Notice(code, text, config_name, file_id, dataset_id)])

    def warn_all(self, notices: Iterable[Notice]) -> None:
        """Add several warnings, such as those of a table or a source."""
        for notice in notices:
            if notice not in self._warnings:
                record_warning(notice)
                self._warnings[notice] = None

    def show_warnings(self, notices: Iterable[Notice], at_most: int | None = None) -> None:
        """Show warnings that another summary, or the run of a step, has logged already.

        `at_most`: how many this summary keeps, the newest; the log has all of them.
        """
        self._warnings |= dict.fromkeys(notices)
        for notice in list(self._warnings)[: -at_most if at_most else 0]:
            del self._warnings[notice]

    def problem(self, text: str, code: int = 1, error: object = None) -> None:
        """Record that something failed; the job continues, and ends with the worst exit code recorded.

        `error`: what it comes from, if other jobs may fail from it too: the database, a disk.
        """
        self.problems.append(text)
        self.codes.add(code)
        if error is not None:
            self.errors.append(error)

    def replace_problems(self, other: Summary) -> None:
        """Take the problems of another summary, such as that of the last attempt, instead of the own ones."""
        self.problems, self.codes, self.errors = other.problems, other.codes, other.errors

    def problem_of_group(self, group: str, item: Item, compose: Callable[[list[Item]], str], code: int = 1) -> None:
        """Record that something failed as other items of `group` did before: all of them are one problem."""
        items = self.groups.setdefault(group, [])
        before = compose(items) if items else None
        items.append(item)
        if before in self.problems:
            self.problems[self.problems.index(before)] = compose(items)
            self.codes.add(code)
        else:
            self.problem(compose(items), code)

    @property
    def exit_code(self) -> int:
        """Return 0, or the worst exit code of the problems."""
        return next((code for code in _WORST_FIRST if code in self.codes), 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary for --json."""
        hidden = ("codes", "groups", "gave_up", "shown", "only_looked", "errors", "step_logs", "_warnings")
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in hidden}
        return values | {
            "counts": asdict(self.counts),
            "warnings": [notice.text for notice in self.warnings],
            "warning_rows": [asdict(notice) for notice in self.warnings],
            "exit_code": self.exit_code,
        }

    def list_troubles(self) -> list[str]:
        """Return the warnings and problems as lines of text."""
        return [f"warning: {notice.text}" for notice in self.warnings] + [f"problem: {text}" for text in self.problems]

    def as_text(self) -> str:
        """Return the summary as text: headline, table, warnings, problems, next steps."""
        parts = [self.headline] if self.headline else []
        parts += _table_as_lines(self.rows)
        parts += self.details
        parts += self.list_troubles()
        parts += (["next:"] + [f"  {step}" for step in self.next_steps]) if self.next_steps else []
        return "\n".join(parts)


def _table_as_lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    columns = list(rows[0])
    cells = [["" if row.get(name) is None else str(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]

    def line(values: list[str]) -> str:
        return "  ".join(
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        ).rstrip()

    return [line(columns), line(["-" * width for width in widths]), *map(line, cells)]
