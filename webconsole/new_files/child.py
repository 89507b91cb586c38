"""The process that reads a strange file and tries its load, so that nothing of it can stop or slow down the console.

`python -m webconsole.new_files.child DRAFT found|tried`: it writes found.json, then tried.json, or only the latter.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
from dataclasses import asdict
from typing import Any

from systemscripts import configuration, db_utils, log_utils, settings
from systemscripts.configuration import yaml_folders
from systemscripts.configuration.learned_aliases import add_learned_aliases
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, describe_unexpected
from systemscripts.findings import known_shape
from systemscripts.imports import change_types
from systemscripts.ingest import dry_run_load, prepare
from systemscripts.ingest.ingest_context import Context
from webconsole.new_files import describe_file, draft_import, drafts
from webconsole.new_files.drafts import Draft

# of processor time: a file of the largest size takes a few minutes
CPU_SECONDS = 1800
# of a name that gets a number
MAX_STEM_LETTERS = 36


def main(draft_id: str, step: str) -> None:
    """Read the file of a draft, and try the load."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    draft = drafts.load_draft(draft_id)
    if step == "found" and (not draft.config_name or draft.review):
        facts = _attempt(lambda: _describe(draft))
        draft.write_result("found", facts)
        if facts["error"]:
            return
    draft.write_result("tried", _attempt(lambda: _find_changes(draft) if draft.review else _try_load(draft)))


def _attempt(work: Any) -> dict[str, Any]:
    """Return the result of `work`, or the error in words."""
    try:
        return dict(work()) | {"error": "", "hint": ""}
    except EtlError as error:
        return {"error": error.message, "hint": error.hint}
    except Exception as error:
        # a fault of ours, met by a strange file: the log of the console shows where
        log_text = describe_unexpected(error)
        return {"error": f"the file cannot be read: {log_text}", "hint": "Ask the sender for a CSV file."}


def _describe(draft: Draft) -> dict[str, Any]:
    """Return what is in the file, for a new import or by the import that it is for."""
    if not draft.config_name:
        facts = describe_file.describe_file(draft.path, describe_file.build_options(draft.reading))
        return facts | {"name": _choose_free_name(facts["name"])}
    with db_utils.connect("etl", purpose="console, review") as connection:
        config = configuration.load_import(connection, draft.config_name)
        with db_utils.transaction(connection) as cursor:
            config = add_learned_aliases(cursor, config)
            last = known_shape.find_last_file(cursor, config, draft.review.get("label"))
        context = Context(connection, config, Directories(settings.current().etl_data_dir), log_utils.get_run_uuid())
    options = describe_file.build_options(draft.reading, prepare.build_reading_options(context))
    return describe_file.describe_for_import(draft.path, options, config, last)


def _choose_free_name(name: str) -> str:
    """Return a name that neither an import nor a table has: itself, or with the next free number."""
    with db_utils.connect("etl", purpose="console, new file") as connection, connection.cursor() as cursor:
        cursor.execute(
            """select config_name from dba.timportconfig union
               select regexp_replace(relname, '_current$', '') from pg_class
               where relnamespace = to_regnamespace('public')"""
        )
        taken = {row[0] for row in cursor.fetchall()} | {path.stem for path in yaml_folders.list_files("imports")}
    names = (name if number == 1 else f"{name[:MAX_STEM_LETTERS]}_{number}" for number in itertools.count(1))
    return next(one for one in names if one not in taken)


def _find_changes(draft: Draft) -> dict[str, Any]:
    """Return what saving the changed columns of a known import would change in its table."""
    facts = draft.read_result("found") or {}
    with db_utils.connect("etl", purpose="console, review") as connection:
        config = configuration.load_import(connection, draft.config_name)
        changed = draft_import.build_changed_config(config, facts, draft_import.merge_edits(facts, draft.edits))
        with db_utils.transaction(connection) as cursor:
            changes = [change.words for change in change_types.find_changes(cursor, changed)]
    new = [name for name in changed.declared if name not in config.declared]
    return {"status": "changes", "changes": changes, "new": new, "target_table": config.target_table}


def _try_load(draft: Draft) -> dict[str, Any]:
    """Return what the load of the file would do, by the code of the load; nothing is written."""
    with db_utils.connect("etl", purpose="console, new file") as connection:
        if draft.config_name:
            config, is_stored = configuration.load_import(connection, draft.config_name), True
        else:
            facts = draft.read_result("found") or {}
            edits = draft_import.merge_edits(facts, draft.edits)
            text = draft_import.render_yaml(facts, edits, draft.reading)
            config, is_stored = draft_import.build_config(edits["name"], text), False
        directories = Directories(settings.current().etl_data_dir)
        context = Context(connection, config, directories, log_utils.get_run_uuid())
        shown = dry_run_load.preview_file(context, draft.path, is_stored)
    outcome = shown.outcome
    return {
        "status": outcome.status,
        "label": outcome.label,
        "date": outcome.date,
        "counts": asdict(outcome.counts),
        "reason": outcome.reason,
        "warnings": [notice.text for notice in outcome.warnings],
        "findings": [finding.text for finding in outcome.findings],
        "rejects": shown.rejects,
        "rejects_by_column": shown.rejects_by_column,
        "columns": shown.columns,
        "statements": shown.statements,
        "target_table": config.target_table,
    }


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except EtlError as error:
        # the draft was removed meanwhile
        print(json.dumps({"error": str(error)}), file=sys.stderr)
        raise SystemExit(error.exit_code) from None
