"""What needs a decision of the operator: gathered for the desk, and dismissed with a reason."""

from __future__ import annotations

import logging
import re
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import abort

from systemscripts import file_ledger, settings
from systemscripts.configuration import unmatched_files
from systemscripts.configuration.unmatched_files import UnmatchedFile
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, UsageError
from webconsole import connections, run_processes
from webconsole.queries import datasets, desk, runs, start_choices
from webconsole.security import access

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

logger = logging.getLogger(__name__)

# of a reason: a sentence or two
MAX_REASON_LETTERS = 500
KINDS = ("run", "file", "late")
# of a file: fits into an integer
_NUMBER = re.compile(r"[0-9]{1,9}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Decisions:
    """What needs a decision, by kind."""

    failures: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    unmatched: list[UnmatchedFile] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how many there are."""
        lists: tuple[Sized, ...] = (self.failures, self.held, self.refused, self.late, self.unmatched)
        return sum(len(items) for items in lists)


def gather_decisions(cursor: Cursor, pipelines: list[str]) -> Decisions:
    """Return what needs a decision, each with what the page needs for its buttons."""
    failures = desk.list_failures(cursor, pipelines)
    for row in failures:
        row["can_retry"] = row["status"] in runs.REPEATABLE and run_processes.read_command(row) is not None
        row["import"] = row["lock_key"] if start_choices.find_job(cursor, row["lock_key"]) else ""
    refused = datasets.list_refused_files(cursor)
    jobs = {name: job for job, name in start_choices.list_retries(cursor, refused)}
    for row in refused:
        row["job"] = jobs.get(row["config_name"], "")
    return Decisions(failures, datasets.list_held(cursor), refused, desk.list_late(cursor), list_unmatched())


def list_unmatched() -> list[UnmatchedFile]:
    """Return the waiting files that no import accepts; none where the folder cannot be read."""
    try:
        directories = Directories(settings.current().etl_data_dir)
        return unmatched_files.find_unmatched_files(WaitingNames(connections.connect_as_etl(), directories))[:20]
    except (EtlError, OSError) as error:
        logger.warning("console: the waiting files cannot be listed: %s", error, extra={"code": "folder_unreadable"})
        return []


def dismiss(kind: str, key: str, reason: str) -> str:
    """Take something off the desk with a reason, and return a sentence about it; raise UsageError without a reason."""
    # PostgreSQL stores no NUL
    reason, key = reason.replace("\x00", "").strip(), key.replace("\x00", "")
    user_name = access.require_user().name
    if not reason or len(reason) > MAX_REASON_LETTERS:
        raise UsageError(
            f"a reason is needed, of at most {MAX_REASON_LETTERS} letters", "Say why nothing has to be done."
        )
    if kind not in KINDS or not key or len(key) > MAX_REASON_LETTERS:
        abort(404, "There is nothing to dismiss.")
    with connections.write_as_etl() as cursor:
        if kind == "file" and not file_ledger.dismiss_refused(cursor, int(key) if _NUMBER.fullmatch(key) else 0):
            raise UsageError("the file is not refused any longer", "Reload the page.")
        if kind == "run" and (not _UUID.fullmatch(key) or runs.find_run(cursor, key) is None):
            abort(404, "This run does not exist.")
        store_dismissal(cursor, kind, key, user_name, reason)
    logger.info("console: %s dismissed %s %s: %s", user_name, kind, key, reason)
    return "Dismissed. It no longer stands among what needs a decision."


def store_dismissal(cursor: Cursor, kind: str, key: str, user_name: str, reason: str) -> None:
    """Store that something needs no decision any longer."""
    cursor.execute(
        """insert into dba.tdismissal (kind, key, dismissed_by, reason) values (%s, %s, %s, %s)
           on conflict (kind, key) do update set dismissed_by = excluded.dismissed_by, reason = excluded.reason,
               dismissed_at = now()""",
        (kind, key, user_name, reason),
    )
