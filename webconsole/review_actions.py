"""Decide about a held or refused file: accept it, refuse it and write to its sender, try it again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flask import abort
from pydantic import TypeAdapter, ValidationError

from systemscripts import alerts, configuration, settings
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from webconsole import connections, run_processes
from webconsole.queries import reviews, start_choices
from webconsole.queries.reviews import HeaderLine
from webconsole.security import access

logger = logging.getLogger(__name__)

# of a letter; a longer one is better written by hand
MAX_LETTER_LETTERS, MAX_SUBJECT_LETTERS, MAX_REASON_LETTERS = 10_000, 200, 500
_MAILBOX = TypeAdapter(settings.Mailbox)


@dataclass(frozen=True)
class Review:
    """A held or refused file with all that is needed to decide about it; `dataset_id` is None if it is refused."""

    file: dict[str, Any]
    config: ImportConfig
    findings: list[dict[str, Any]]
    headers: list[HeaderLine]
    letters: list[dict[str, Any]]
    address: str
    dataset_id: int | None

    @property
    def is_open(self) -> bool:
        """Return whether there is something to decide."""
        if self.dataset_id is not None:
            return bool(self.file["dataset_status"] == "held")
        return bool(self.file["status"] == "refused" and self.file["resolved_by"] is None)

    @property
    def has_renames(self) -> bool:
        """Return whether new names are proposed for columns."""
        return any(line.change == "renamed" for line in self.headers)

    @property
    def changes(self) -> list[HeaderLine]:
        """Return the columns that are not as before."""
        return [line for line in self.headers if line.change != "same"]

    @property
    def reasons(self) -> list[str]:
        """Return why the file is held or refused, as sentences."""
        worst = [row["message"] for row in self.findings if row["severity"] in ("refuse", "hold")]
        return worst or [text for text in (self.file.get("status_reason") or self.file["reason"],) if text]

    def write_letter(self) -> str:
        """Return a letter to the sender, to be changed by the one who sends it."""
        came = self.file["file_created_at"] or self.file.get("created_at")
        lines = [
            "Hello,",
            "",
            f"we could not load your file {self.file['file_name']}{f' of {came:%Y-%m-%d}' if came else ''}:",
            *[f"- {reason}" for reason in self.reasons],
        ]
        if self.changes:
            before = ", ".join(line.before for line in self.headers if line.before)
            lines += ["", f"Your last file had these columns: {before}"]
            lines += [f"This one has: {', '.join(line.now for line in self.headers if line.now)}"]
        return "\n".join([*lines, "", "Please send it again, or tell us what has changed.", "", "Kind regards"])


def load_held(dataset_id: int) -> Review:
    """Return the review of a held dataset; answer 404 if it does not exist."""
    with connections.read_as_etl() as cursor:
        file = reviews.find_held_file(cursor, dataset_id) or abort(404, f"Dataset {dataset_id} does not exist.")
    return _build_review(file, dataset_id)


def load_refused(file_id: int) -> Review:
    """Return the review of a refused file; answer 404 if it does not exist."""
    with connections.read_as_etl() as cursor:
        file = reviews.find_file(cursor, file_id) or abort(404, f"File {file_id} does not exist.")
    return _build_review(file, None)


def _build_review(file: dict[str, Any], dataset_id: int | None) -> Review:
    config = configuration.load_import(connections.connect_as_etl(), file["config_name"])
    with connections.read_as_etl() as cursor:
        findings = reviews.list_findings(cursor, dataset_id, file["file_id"])
        headers = reviews.compare_headers(cursor, config, file, findings)
        letters = reviews.list_letters(cursor, file["file_id"]) if file["file_id"] else []
        address = reviews.find_address(cursor, config.config_name)
    return Review(file, config, findings, headers, letters, address, dataset_id)


def accept(review: Review, as_renamed: bool, reason: str, change_types: bool = False) -> str:
    """Start the run that loads a held file and return its number. Raise UsageError if it is not held any more."""
    check_open(review)
    if as_renamed and not review.has_renames:
        raise UsageError("no new name is proposed for a column of this file", "Accept it, or change its columns.")
    arguments = ["datasets", "accept", str(review.dataset_id), f"--by={access.require_user().name}"]
    arguments += ["--as-renamed"] if as_renamed else []
    arguments += ["--change-types"] if change_types else []
    arguments += [f"--reason={reason[:MAX_REASON_LETTERS]}"] if reason.strip() else []
    return run_processes.start_command(arguments, access.require_user().name)


def retry(review: Review, change_types: bool = False) -> str:
    """Start the run that tries the refused files of an import again and return its number."""
    check_open(review)
    name, user_name = review.config.config_name, access.require_user().name
    with connections.read_as_etl() as cursor:
        job = start_choices.find_job(cursor, name)
    if job == "run_elt":
        return run_processes.start_job("run_elt", name, "retry_refused", user_name)
    arguments = ["generic_import", name, "--retry-refused", *(["--change-types"] if change_types else [])]
    return run_processes.start_command(arguments, user_name)


def refuse(review: Review) -> str:
    """Start the run that closes a held file without loading it and return its number."""
    check_open(review)
    return run_processes.start_command(["datasets", "undo", str(review.dataset_id)], access.require_user().name)


def send_letter(review: Review, address: str, subject: str, body: str) -> None:
    """Queue a letter to the sender of a file and keep a copy. Raise UsageError if the address is not valid."""
    if review.file["file_id"] is None:
        raise UsageError("the file of this dataset is not known any more", "Write to the sender yourself.")
    try:
        recipient = _MAILBOX.validate_python(address.strip())
    except ValidationError as error:
        raise UsageError(
            f"{address.strip()[:100]!r} is not a mail address", "Enter one, such as x@example.com."
        ) from error
    if not settings.current().smtp_host:
        raise UsageError("no mail server is set up", "Set SMTP_HOST, or copy the letter into your own mail program.")
    subject = " ".join(subject.split())[:MAX_SUBJECT_LETTERS] or f"Your file {review.file['file_name']}"
    body = body.replace("\r\n", "\n")[:MAX_LETTER_LETTERS]
    user_name, name = access.require_user().name, review.config.config_name
    connection = connections.connect_as_etl()
    with transaction(connection) as cursor:
        cursor.execute(
            """insert into dba.tsenderletter (config_name, file_id, address, subject, body, sent_by)
               values (%s, %s, %s, %s, %s, %s) returning letter_id""",
            (name, review.file["file_id"], recipient, subject, body, user_name),
        )
        letter: Any = cursor.fetchone()
    directories = Directories(settings.current().etl_data_dir)
    alerts.queue_message(f"letter {letter[0]}", [recipient], subject, body, directories)
    logger.info("console: %s wrote to %s about %s", user_name, recipient, review.file["file_name"])


def check_open(review: Review) -> None:
    """Raise UsageError if a file is neither held nor refused any more."""
    if not review.is_open:
        status = review.file["dataset_status"] if review.dataset_id is not None else review.file["status"]
        raise UsageError(f"{review.file['file_name']} is {status}: there is nothing to decide", "See its run.")
