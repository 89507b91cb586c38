"""Store the results of a scan: one JSON line for each id, at once, so that an interrupted scan can be resumed."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from systemscripts.sources.meetmax import page_kinds
from systemscripts.sources.meetmax.pages import COLUMNS, PageResult

ANSWERS = ("existing", "downloadable", "invalid", "missing")
FINISHED, STOPPED, OUT_OF_TIME, GAVE_UP = "finished", "stopped", "out of time", "gave up"


@dataclass(frozen=True)
class ScanOutcome:
    """How a scan ended, and how many of its ids have each result."""

    # FINISHED, STOPPED (signal, should_stop), OUT_OF_TIME (max_seconds), GAVE_UP (the site does not answer)
    ended: str
    # ids of the scan
    asked: int
    # how many of them an earlier scan had answered
    known_before: int
    # results that this scan wrote
    checked: int
    existing: int
    invalid: int
    # 404 or 410
    missing: int
    # how many of the existing ones have a list
    downloadable: int
    # status of a failed check -> how often
    failures: dict[str, int] = field(default_factory=dict)
    # bytes of the results file before this scan
    began_at: int = 0

    @property
    def answered(self) -> int:
        """The number of ids with a result, including failed checks."""
        return self.existing + self.invalid + self.missing + sum(self.failures.values())

    @property
    def complete(self) -> bool:
        """Whether every id has a result."""
        return self.answered == self.asked

    @property
    def everything_failed(self) -> bool:
        """Whether no id has a page: the site is down, refuses requests, or the base URL is wrong."""
        return self.answered > 0 and self.existing + self.invalid == 0


class ResultsFile:
    """The results of a scan on disk, and their counts. Use it as a context manager.

    The next scan repeats failed checks and no others. Raises OSError when the file cannot be written.
    """

    def __init__(self, path: Path, events: Iterable[int]) -> None:
        self.path = path
        self.asked = set(events)
        # id -> one of ANSWERS, or the status of its failure
        self.kinds: dict[int, str] = {}
        # bytes that earlier scans wrote
        self.began_at = 0
        self.known_before = 0
        self.written: set[int] = set()

    def __enter__(self) -> Self:
        for result in read_results(self.path):
            if result["EventID"] in self.asked:
                self.kinds[result["EventID"]] = _classify_result(page_result(result))
        self.known_before = len(self.asked) - len(self.pending())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("ab", buffering=0)
        self._drop_torn_line()
        self.began_at = self.path.stat().st_size
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def pending(self) -> list[int]:
        """Return the sorted ids that do not have an answer yet."""
        return sorted(_find_unanswered(self.asked, self.kinds))

    def append(self, result: PageResult) -> None:
        """Write one result in a single write, so that only the last line can be incomplete after a kill."""
        line = json.dumps(result.as_dict(), ensure_ascii=False).encode() + b"\n"
        end = self.file.seek(0, os.SEEK_END)
        # On a full disk, the next line must not be joined to this one.
        if self.file.write(line) != len(line):
            os.truncate(self.path, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.kinds[result.EventID] = _classify_result(result)
        self.written.add(result.EventID)

    def outcome(self, ended: str) -> ScanOutcome:
        """Return the counts so far. `ended`: how the scan ended."""
        counts = Counter(self.kinds.values())
        existing, downloadable, invalid, missing = (counts.pop(answer, 0) for answer in ANSWERS)
        return ScanOutcome(
            ended=ended,
            asked=len(self.asked),
            known_before=self.known_before,
            checked=len(self.written),
            existing=existing + downloadable,
            invalid=invalid,
            missing=missing,
            downloadable=downloadable,
            failures=dict(counts.most_common()),
            began_at=self.began_at,
        )

    def _drop_torn_line(self) -> None:
        """Remove an incomplete last line, which a killed scan left. Its id is requested again."""
        with self.path.open("rb") as file:
            content = file.read()
        if content and not content.endswith(b"\n"):
            os.truncate(self.path, content.rfind(b"\n") + 1)


def explain_failures(failures: Mapping[str, int]) -> tuple[str, str]:
    """Return why no id has a page, and what to do, by the most frequent status."""
    status = max(failures, key=lambda name: failures[name], default="404")
    if status == "ForbiddenByRobotsTxt":
        return "MeetMax's robots.txt disallows these pages", "Ask the site's owner, or set MEETMAX_USER_AGENT."
    if explanation := page_kinds.EXPLANATIONS.get(status):
        return explanation, page_kinds.HINT
    return (
        "MeetMax does not answer",
        "Check MEETMAX_BASE_URL and the site in a browser; the next run retries.",
    )


def read_results(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the results in the order of the file. Incomplete lines are skipped; a missing file has no results."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                result = json.loads(line)
            except ValueError:
                continue
            if isinstance(result, dict) and set(COLUMNS) <= set(result):
                yield result


def page_result(result: Mapping[str, Any]) -> PageResult:
    """Return a line of the results file as a result."""
    return PageResult(**{column: result[column] for column in COLUMNS}, Fingerprint=result.get("Fingerprint", ""))


def newest_results(results_path: Path) -> dict[int, PageResult]:
    """Return the last result of each id."""
    return {result["EventID"]: page_result(result) for result in read_results(results_path)}


def forget_since(results_path: Path, size: int) -> None:
    """Remove the results of the newest scan, which begin after `size` bytes. Raises OSError."""
    os.truncate(results_path, size)


def events_without_answer(events: Iterable[int], results_path: Path) -> list[int]:
    """Return the sorted ids that a scan with this results file would still request, for a progress bar."""
    asked = set(events)
    kinds = {result["EventID"]: _classify_result(page_result(result)) for result in read_results(results_path)}
    return sorted(_find_unanswered(asked, {event: answer for event, answer in kinds.items() if event in asked}))


def write_results_csv(results_path: Path, csv_path: Path, untrusted: Mapping[int, PageResult] | None = None) -> int:
    """Write the results as CSV, sorted by id, and return how many there are.

    The last result of an id counts. `untrusted`: results that replace those in the file. The CSV is written in the
    folder of `results_path` and moved, so both must be on the same file system. Raises OSError.
    """
    newest = newest_results(results_path) | dict(untrusted or {})
    rows = (newest[event].as_dict() for event in sorted(newest))
    write_csv_atomically(csv_path, COLUMNS, rows, results_path.parent)
    return len(newest)


def write_csv_atomically(
    csv_path: Path, columns: Iterable[str], rows: Iterable[dict[str, Any]], temporary_folder: Path
) -> None:
    """Write a CSV (UTF-8, LF) under a temporary name, then rename it. Booleans are written as true and false."""
    temporary = temporary_folder / f".{csv_path.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(columns), lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: _cell(row[name]) for name in writer.fieldnames} for row in rows)
            file.flush()
            os.fsync(file.fileno())
        csv_path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(csv_path)
    finally:
        temporary.unlink(missing_ok=True)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _find_unanswered(asked: set[int], kinds: dict[int, str]) -> set[int]:
    """Return the ids to request. If all answers were 404, the address was wrong, and all ids are requested again."""
    if "missing" in kinds.values() and not {"existing", "downloadable", "invalid"} & set(kinds.values()):
        return asked
    return {event for event in asked if kinds.get(event) not in ANSWERS}


def _classify_result(result: PageResult) -> str:
    if result.failed:
        return result.StatusCode
    if result.StatusCode in ("404", "410"):
        return "missing"
    if result.InvalidEventID:
        return "invalid"
    return "downloadable" if result.IsDownloadable else "existing"
