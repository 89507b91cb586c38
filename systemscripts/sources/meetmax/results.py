"""What a scan has found so far: one JSON line per id, written as it comes, so that a killed scan can go on."""

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
    """How a scan ended, and what its results file now says about the ids it was asked for."""

    ended: str  # FINISHED, STOPPED (signal, should_stop), OUT_OF_TIME (max_seconds), GAVE_UP (the site does not answer)
    asked: int  # ids the scan was asked for
    known_before: int  # of these, how many an earlier scan had already answered
    checked: int  # results written by this scan
    existing: int
    invalid: int
    missing: int  # pages that answered 404 or 410
    downloadable: int  # of the existing ones
    failures: dict[str, int] = field(default_factory=dict)  # status of a failed check -> how often
    began_at: int = 0  # bytes of the results file before this scan

    @property
    def answered(self) -> int:
        """Ids with a result, failed ones among them."""
        return self.existing + self.invalid + self.missing + sum(self.failures.values())

    @property
    def complete(self) -> bool:
        """Whether every id has a result."""
        return self.answered == self.asked

    @property
    def everything_failed(self) -> bool:
        """Whether there are results and all are failures: the site is down, forbids us, or the base URL is wrong."""
        return self.answered > 0 and self.existing + self.invalid == 0


class ResultsFile:
    """The results of a scan on disk, and their counts. Use as a context manager.

    A check that failed is asked again by the next scan; every other id is not. Raises OSError when the file cannot be
    written.
    """

    def __init__(self, path: Path, events: Iterable[int]) -> None:
        self.path = path
        self.asked = set(events)
        self.kinds: dict[int, str] = {}  # id -> one of ANSWERS, or the status of its failure
        self.began_at = 0  # bytes that earlier scans wrote
        self.known_before = 0
        self.written: set[int] = set()

    def __enter__(self) -> Self:
        for result in read_results(self.path):
            if result["EventID"] in self.asked:
                self.kinds[result["EventID"]] = _kind(page_result(result))
        self.known_before = len(self.asked) - len(self.pending())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("ab", buffering=0)
        self._drop_torn_line()
        self.began_at = self.path.stat().st_size
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def pending(self) -> list[int]:
        """Return the ids that still have no answer, sorted."""
        return sorted(_unanswered(self.asked, self.kinds))

    def append(self, result: PageResult) -> None:
        """Write one result in a single write, so that a kill leaves whole lines or one torn line at the end."""
        line = json.dumps(result.as_dict(), ensure_ascii=False).encode() + b"\n"
        end = self.file.seek(0, os.SEEK_END)
        if self.file.write(line) != len(line):  # the last free bytes of a disk; the next line must not be joined to it
            os.truncate(self.path, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.kinds[result.EventID] = _kind(result)
        self.written.add(result.EventID)

    def outcome(self, ended: str) -> ScanOutcome:
        """Count what is known now."""
        counts = Counter(self.kinds.values())
        existing, downloadable, invalid, missing = (counts.pop(kind, 0) for kind in ANSWERS)
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
        """Cut what a killed scan left behind its last line end; the id is asked again."""
        with self.path.open("rb") as file:
            content = file.read()
        if content and not content.endswith(b"\n"):
            os.truncate(self.path, content.rfind(b"\n") + 1)


def explain_failures(failures: Mapping[str, int]) -> tuple[str, str]:
    """Say in words what a site does that gives no page at all, and what to do; by the status that came most often."""
    status = max(failures, key=lambda name: failures[name], default="404")
    if status == "ForbiddenByRobotsTxt":
        return "MeetMax's robots.txt disallows these pages", "Ask the site's owner, or set MEETMAX_USER_AGENT."
    if what := page_kinds.EXPLANATIONS.get(status):
        return what, page_kinds.HINT
    return "MeetMax does not answer", "Check MEETMAX_BASE_URL and the site in a browser; the next run asks again."


def read_results(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the results in the order they came; a missing file has none, a torn line is passed over."""
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
    """Drop the results beyond the first `size` bytes: those of a scan that must leave no trace. Raises OSError."""
    os.truncate(results_path, size)


def events_without_answer(events: Iterable[int], results_path: Path) -> list[int]:
    """Return the ids a scan with this results file would still ask, sorted (what a progress bar counts)."""
    asked = set(events)
    kinds = {result["EventID"]: _kind(page_result(result)) for result in read_results(results_path)}
    return sorted(_unanswered(asked, {event: kind for event, kind in kinds.items() if event in asked}))


def write_results_csv(results_path: Path, csv_path: Path, untrusted: Mapping[int, PageResult] | None = None) -> int:
    """Write the results as CSV, sorted by id, and return how many there are.

    The last result of an id counts; `untrusted` results stand in the place of those in the file. The file is written
    beside `results_path` and moved, so both must be on one file system. Raises OSError.
    """
    newest = newest_results(results_path) | dict(untrusted or {})
    rows = (newest[event].as_dict() for event in sorted(newest))
    write_csv_atomically(csv_path, COLUMNS, rows, results_path.parent)
    return len(newest)


def write_csv_atomically(
    csv_path: Path, columns: Iterable[str], rows: Iterable[dict[str, Any]], temporary_folder: Path
) -> None:
    """Write a CSV (UTF-8, LF) under a temporary name, then move it to its own. Truth values become true and false."""
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


def _unanswered(asked: set[int], kinds: dict[int, str]) -> set[int]:
    """Return the ids to ask. Where nothing was ever there but 404, the address was wrong, and all are asked again."""
    if "missing" in kinds.values() and not {"existing", "downloadable", "invalid"} & set(kinds.values()):
        return asked
    return {event for event in asked if kinds.get(event) not in ANSWERS}


def _kind(result: PageResult) -> str:
    if result.failed:
        return result.StatusCode
    if result.StatusCode in ("404", "410"):
        return "missing"
    if result.InvalidEventID:
        return "invalid"
    return "downloadable" if result.IsDownloadable else "existing"
