"""Change a configuration in place, as a new version: an upload by the rules for uploads, others within limits.

An import or YAML job of the operator may name what uploads may not (SQL files, functions, any host). Editing it in the
browser must not add such things: what an upload may not name has to stay as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systemscripts.configuration import config_versions, import_rows, plain_secrets, uploads, yaml_job
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import Document, FaultsError, parse_document, validate_document
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import ConfigurationError, MissingError

MASKED = "***"
# they decide where rows and files go: an upload may choose them only for a target of its own
FIXED = {
    "target_table": "the table", "target": "the target", "source_directory": "the folder",
    "archive_directory": "the archive", "job": "the file that the job writes",
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What is known about a configuration before it is edited."""

    config: ImportConfig
    is_upload: bool
    is_job: bool


def find_known(connection: Connection, name: str) -> Known:
    """Return a configuration of today; raises MissingError if it does not exist, ConfigurationError if it is faulty."""
    with transaction(connection) as cursor:
        cursor.execute("select managed_by from dba.timportconfig where config_name = %s", (name,))
        row = cursor.fetchone()
        is_job = name in yaml_job.list_jobs(cursor)
    if row is None:
        raise MissingError(f"there is no configuration {name!r}", "See the list of configurations.")
    return Known(import_rows.load_import(connection, name), row[0] == "upload", is_job)


def find_edit_faults(connection: Connection, name: str, content: bytes) -> list[str]:
    """Return every fault of an edited YAML with its line; empty if it may be stored."""
    known = find_known(connection, name)
    if known.is_upload:
        return uploads.find_faults(name, content, is_import=not known.is_job)
    try:
        config, document = _build_config(name, content, known.is_job)
    except ConfigurationError as error:
        return error.faults if isinstance(error, FaultsError) else [error.message]
    return _find_added_faults(known.config, config, document)


def store_edit(connection: Connection, name: str, content: bytes, changed_by: str) -> int | None:
    """Store an edited YAML as the next version and return its number, None if it equals the newest version.

    Raises ConfigurationError with every fault.
    """
    if faults := find_edit_faults(connection, name, content):
        raise ConfigurationError("; ".join(faults))
    known = find_known(connection, name)
    if known.is_upload:
        version = uploads.store_upload(connection, name, content, is_import=not known.is_job, is_edit=True)
    else:
        config, document = _build_config(name, content, known.is_job)
        return store_change(connection, known.config, config, changed_by, document.text)
    if version is not None:
        with transaction(connection) as cursor:
            config_versions.note_author(cursor, name, version, changed_by)
    return version


def store_change(
    connection: Connection, before: ImportConfig, after: ImportConfig, changed_by: str, written: str = ""
) -> int | None:
    """Store a changed configuration as its next version and return its number, None if nothing differs.

    Its YAML file stays as it is, and the hash of it too, so that only a change of the file applies it.
    `written`: the changed YAML, "" where only values were changed.
    """
    name = after.config_name
    with transaction(connection) as cursor:
        if before == after and (not written or import_rows.read_written(cursor, name) in ("", written)):
            return None
        import_rows.write_row_in(cursor, after, None, None, written)
        cursor.execute("select version from dba.timportconfig where config_name = %s", (name,))
        row: Any = cursor.fetchone()
        config_versions.note_author(cursor, name, row[0], changed_by)
    return int(row[0])


def _build_config(name: str, content: bytes, is_job: bool) -> tuple[ImportConfig, Document]:
    document = parse_document(Path(f"{name}.yaml"), content)
    if is_job:
        config, document, _ = yaml_job.build_job(document, name)
        return config, document
    return validate_document(document, ImportConfig, config_name=name), document


def _find_added_faults(known: ImportConfig, config: ImportConfig, document: Document) -> list[str]:
    """Return what uploads may not name and this version names otherwise than the version before."""
    before, after = (item.model_dump(mode="json", by_alias=True) for item in (known, config))
    changed = {key for key in after if before.get(key) != after[key]}
    faults: list[uploads.Fault] = [
        ((key,), f"{what} is not changed here: change it in its file")
        for key, what in FIXED.items()
        if key in changed and _is_bound(key, before[key], after[key])
    ]
    faults += [
        (key_path, text)
        for key_path, text in uploads.find_forbidden(document.values, config)
        if not key_path or key_path[0] in changed
    ]
    faults += [(key_path, text) for key_path, text in plain_secrets.find_secrets(document.values)]
    lines = uploads.add_lines(document, faults)
    lines += [
        f"{document.path} line {number}: {MASKED} stands for a secret: change this configuration in its file"
        for number, line in enumerate(document.text.splitlines(), start=1)
        if MASKED in line
    ]
    return list(dict.fromkeys(lines))


def _is_bound(key: str, before: Any, after: Any) -> bool:
    """Whether a change of a key is not allowed; the times of a job may change, its file may not."""
    if key != "job":
        return True
    return (before or {}).get("output_csv_path") != (after or {}).get("output_csv_path")
