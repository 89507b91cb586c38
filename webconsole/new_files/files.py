"""What a person does with an added file, by a page or by JSON: read it differently, change the proposal, load it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from systemscripts import configuration, file_ledger, settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import config_versions, edit_import, uploads, yaml_folders
from systemscripts.db_utils import transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.ingest import reload_archived
from webconsole import connections, review_actions, run_processes
from webconsole.new_files import background, draft_import, drafts, sample_check
from webconsole.new_files.drafts import Draft
from webconsole.review_actions import Review

logger = logging.getLogger(__name__)

READING_KEYS = ("sheet", "header_row", "no_header", "encoding", "delimiter")


def start_reading(draft: Draft, reading: Mapping[str, Any] | None = None) -> None:
    """Read a complete file, again if `reading` says how. Raise UsageError while it is incomplete or being loaded."""
    _refuse_unready(draft)
    if reading is not None:
        draft.reading = dict(reading)
        # the columns may be others now
        draft.edits.pop("columns", None)
        draft.edits.pop("skips", None)
    background.start_work(draft, "found")


def change_edits(draft: Draft, edits: Mapping[str, Any]) -> dict[str, Any]:
    """Store the edits of a person and return them with what is proposed. Raise UsageError if nothing is proposed."""
    _refuse_unready(draft)
    facts = require_found(draft)
    draft.edits = draft_import.merge_edits(facts, {**draft.edits, **edits})
    draft.save()
    return draft.edits


def start_trying(draft: Draft) -> None:
    """Try the load of a file, if its import has no faults."""
    if (draft.config_name and not draft.review) or not find_faults(draft):
        background.start_work(draft, "tried")


def choose_import(draft: Draft, config_name: str) -> None:
    """Say that a file is for a known import, or with "" for a new one; raise UsageError if there is no such import."""
    _refuse_unready(draft)
    if config_name:
        configuration.load_import(connections.connect_as_etl(), config_name)
    draft.config_name = config_name
    background.start_work(draft, "found" if draft.read_result("found") is None else "tried")


def require_found(draft: Draft) -> dict[str, Any]:
    """Return what was found in a file; raise UsageError if that is not known."""
    facts = draft.read_result("found")
    if facts is None or facts["error"]:
        raise UsageError(facts["error"] if facts else f"{draft.file_name} is still being read", "Wait a moment.")
    return facts


def find_faults(draft: Draft) -> list[str]:
    """Return what must be corrected before the import can be stored."""
    facts = require_found(draft)
    edits = draft_import.merge_edits(facts, draft.edits)
    faults = [
        f"{edit['name'] or column['header']}: {check.fault}"
        for column, edit, check in zip(
            facts["columns"], edits["columns"], sample_check.check_columns(facts, edits), strict=True
        )
        if check.fault
    ]
    if not any(edit["keep"] for edit in edits["columns"]):
        faults.append("Keep at least one column.")
    if draft.review:
        return faults or _find_review_faults(draft, facts, edits)
    faults = faults or draft_import.find_faults(edits["name"], draft_import.render_yaml(facts, edits, draft.reading))
    if not draft.version and not faults and is_known(edits["name"]):
        faults.append(f"There is an import {edits['name']} already. Choose another name, or load the file into it.")
    return faults


def _find_review_faults(draft: Draft, facts: dict[str, Any], edits: dict[str, Any]) -> list[str]:
    config = configuration.load_import(connections.connect_as_etl(), draft.config_name)
    try:
        draft_import.build_changed_config(config, facts, edits)
    except ConfigurationError as error:
        return [str(error)]
    return []


def begin_review(review: Review, user_name: str) -> Draft:
    """Return the draft by which the columns of a held or refused file are changed, and read it.

    Raise UsageError if there is nothing to decide or the file is gone.
    """
    review_actions.check_open(review)
    directories, file = Directories(settings.current().etl_data_dir), review.file
    what = {"dataset_id": review.dataset_id} if review.dataset_id is not None else {"file_id": file["file_id"]}
    with contextlib.ExitStack() as stack:
        if review.dataset_id is not None:
            with connections.read_as_etl() as cursor:
                ticket = file_ledger.load_ticket_of_dataset(cursor, review.dataset_id)
            path = stack.enter_context(reload_archived.open_file_of_dataset(ticket, review.dataset_id, directories))
        else:
            path = file_ledger.to_real_path(file["keep_path"] or "", directories)
            if not path.is_file():
                raise UsageError(f"{file['file_name']} is not there any more", "Ask the sender for it again.")
        draft = drafts.copy_for_review(
            user_name, path, file["file_name"], review.config.config_name, what | {"label": file["label"]}
        )
    start_reading(draft)
    return draft


def _save_review(draft: Draft, user_name: str) -> str:
    if faults := find_faults(draft):
        raise ConfigurationError("; ".join(faults))
    is_held = draft.review.get("dataset_id") is not None
    review = (
        review_actions.load_held(draft.review["dataset_id"])
        if is_held
        else review_actions.load_refused(draft.review["file_id"])
    )
    review_actions.check_open(review)
    connection, facts = connections.connect_as_etl(), require_found(draft)
    config = configuration.load_import(connection, draft.config_name)
    changed = draft_import.build_changed_config(config, facts, draft_import.merge_edits(facts, draft.edits))
    if version := edit_import.store_change(connection, config, changed, user_name):
        draft.version = version
        logger.info("console: %s changed the columns of %s, version %s", user_name, config.config_name, draft.version)
    run_uuid = (
        review_actions.accept(review, as_renamed=False, reason="its columns were changed", change_types=True)
        if is_held
        else review_actions.retry(review, change_types=True)
    )
    draft.run_uuid = run_uuid
    draft.save()
    # a copy: the file itself is in the archive
    draft.path.unlink(missing_ok=True)
    return run_uuid


def is_known(config_name: str) -> bool:
    """Return whether there is an import of a name, as a row or as a file."""
    with connections.read_as_etl() as cursor:
        cursor.execute("select 1 from dba.timportconfig where config_name = %s", (config_name,))
        return cursor.fetchone() is not None or yaml_folders.find_file("imports", config_name).exists()


def find_fitting_imports(file_name: str) -> list[str]:
    """Return the names of the active imports whose files have such a name."""
    imports, _ = configuration.load_valid_imports(connections.connect_as_etl())
    return [
        config.config_name
        for config in imports
        if config.is_active and compile_pattern(config.file_pattern).fullmatch(file_name)
    ]


def load_file(draft: Draft, user_name: str) -> str:
    """Store the import of a file, or its changed columns, as a new version, start the load and return its run.

    Raise ConfigurationError with every fault, UsageError if the file is being loaded already.
    """
    _refuse_unready(draft)
    if draft.review:
        return _save_review(draft, user_name)
    name = draft.config_name or _store_import(draft, user_name)
    draft.run_uuid = run_processes.load_file(name, draft.path, user_name)
    draft.save()
    return draft.run_uuid


def _store_import(draft: Draft, user_name: str) -> str:
    if faults := find_faults(draft):
        raise ConfigurationError("; ".join(faults))
    facts = require_found(draft)
    edits = draft_import.merge_edits(facts, draft.edits)
    text = draft_import.render_yaml(facts, edits, draft.reading)
    connection, name = connections.connect_as_etl(), str(edits["name"])
    version = uploads.store_upload(connection, name, text.encode(), is_import=True)
    if version is not None:
        with transaction(connection) as cursor:
            config_versions.note_author(cursor, name, version, user_name)
        draft.version = version
        logger.info("console: %s made the import %s of %s, version %s", user_name, name, draft.file_name, version)
    draft.edits = edits
    draft.save()
    return name


def load_again(draft: Draft) -> None:
    """Forget a run that did not load the file, so that it can be corrected and loaded once more."""
    draft.run_uuid = ""
    background.start_work(draft, "tried")


def _refuse_unready(draft: Draft) -> None:
    if not draft.is_complete:
        raise UsageError(f"{draft.received} of {draft.size} bytes of {draft.file_name} have arrived", "Send the rest.")
    if draft.run_uuid:
        raise UsageError(f"{draft.file_name} is loaded already", "See its run.")


def get_config_name(draft: Draft) -> str:
    """Return the import of a file: the known one, or the one that was made of it."""
    return draft.config_name or str(draft.edits.get("name", ""))


def write_letter(facts: Mapping[str, Any], edits: Mapping[str, Any]) -> str:
    """Return what to tell the client: the names of the next files, and what must stay as it is."""
    names = ", ".join(facts["pattern"]["examples"]) or facts["file_name"]
    columns = [
        f"  {column['header'] or column['column']}"
        + (f" ({edit['format'] or edit['type']})" if edit["type"] != "text" else "")
        + (", always filled" if edit["required"] else "")
        for column, edit in zip(facts["columns"], edits["columns"], strict=True)
        if edit["keep"]
    ]
    return "\n".join(
        [
            f"Please name the next files like this: {names}.",
            f"They should have the same format as {facts['file_name']}, with these columns:",
            *columns,
            "If a column gets another name or is left out, please tell us before.",
        ]
    )


def remove(draft: Draft) -> None:
    """Remove a file that was added, with all that is known of it."""
    drafts.load_draft(draft.draft_id).remove()
