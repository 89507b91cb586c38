"""Load the rows of dba.timportconfig, and apply config/imports/NAME.yaml to them.

A run uses the row. A YAML file that changed is applied at the next start, and refused if the row was edited as well.
An unchanged file never changes the row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from systemscripts import person
from systemscripts.commands import format_command
from systemscripts.configuration import plain_secrets, yaml_folders
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import Document, read_document, validate_document
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import ConfigurationError, UsageError, describe_faults, did_you_mean

# How much the clock of the database may differ from that of this host.
CLOCK_SECONDS = 10
_JSON_COLUMNS = (
    "schema", "row_checks", "reading", "guards", "columns", "sources", "target", "job", "expect", "expected", "control",
    "label_title",
)  # fmt: skip


def load_import(connection: Connection, name: str) -> ImportConfig:
    """Return one import; raises UsageError with the nearest name, ConfigurationError if its row is invalid."""
    rows = _load_rows(connection, name)
    if name not in rows:
        raise UsageError(
            f"there is no import {name!r}{did_you_mean(name, _load_rows(connection))}",
            f"Add config/imports/{name}.yaml, or see: {format_command('generic_import', '--list')}",
        )
    return _build_config(rows[name])


def load_imports(connection: Connection) -> list[ImportConfig]:
    """Return every import, sorted by name; raises ConfigurationError if a row is invalid."""
    return [_build_config(row) for row in _load_rows(connection).values()]


def load_valid_imports(connection: Connection) -> tuple[list[ImportConfig], dict[str, str]]:
    """Return every valid import, sorted by name, and for the others name -> what is wrong with the row."""
    imports, faults = [], {}
    for name, row in _load_rows(connection).items():
        try:
            imports.append(_build_config(row))
        except ConfigurationError as error:
            faults[name] = str(error)
    return imports, faults


def _load_rows(connection: Connection, name: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the rows by name, or the one row of `name` where there is one."""
    columns = [field.alias or name for name, field in ImportConfig.model_fields.items()]
    with transaction(connection) as cursor:
        cursor.execute(
            f"""select {", ".join(columns)} from dba.timportconfig
                where %(name)s is null or config_name = %(name)s order by config_name""",
            {"name": name},
        )
        return {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}


def _build_config(row: dict[str, Any]) -> ImportConfig:
    values = {key: value for key, value in row.items() if value is not None and value != []}
    try:
        return ImportConfig.model_validate(values)
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(
            f"dba.timportconfig row {row['config_name']}: {faults}", "Edit the row, or apply its YAML again."
        ) from error


def is_uploaded(connection: Connection, config_name: str) -> bool:
    """Return whether a configuration was uploaded."""
    with transaction(connection) as cursor:
        cursor.execute("select managed_by = 'upload' from dba.timportconfig where config_name = %s", (config_name,))
        return cursor.fetchone() == (True,)


def apply_files(connection: Connection, folder: Path | None = None) -> list[str]:
    """Apply the YAML files that changed, and return the names of their imports.

    Raises ConfigurationError with every fault of every changed file; the valid files are still applied.
    """
    applied, faults = apply_valid_files(connection, folder)
    if faults:
        raise ConfigurationError("; ".join(faults.values()))
    return applied


def apply_valid_files(
    connection: Connection, folder: Path | None = None, needed: str | None = None
) -> tuple[list[str], dict[str, str]]:
    """Apply the changed YAML files that are valid; return their names, and for the others name -> what is wrong.

    `needed`: the import that is to be used; of the others no file is read that is older than its row.
    """
    with transaction(connection) as cursor:
        cursor.execute("select config_name, yaml_hash, extract(epoch from updated_at)::float8 from dba.timportconfig")
        known = {name: (content_sha256, updated_at) for name, content_sha256, updated_at in cursor.fetchall()}
    applied, faults = [], {}
    for path in yaml_folders.list_files("imports", folder):
        content_sha256, updated_at = known.get(path.stem, (None, 0.0))
        try:
            # not the time of its content, which a copy may bring along
            if needed not in (None, path.stem) and path.stat().st_ctime + CLOCK_SECONDS < updated_at:
                continue
            if content_sha256 != compute_sha256(path):
                document = read_file(path)
                if path.stem in known:
                    _refuse_edited_row(connection, document)
                apply_document(connection, document)
                applied.append(path.stem)
        except ConfigurationError as error:
            faults[path.stem] = str(error)
    return applied, faults


def read_file(path: Path) -> Document:
    """Return a YAML file with references in place of its plain-text secrets; raises ConfigurationError."""
    return plain_secrets.replace_by_references(read_document(path))


def apply_document(connection: Connection, document: Document) -> None:
    """Overwrite the row with a YAML document; raises ConfigurationError with every fault."""
    config = validate_document(document, ImportConfig, config_name=document.path.stem)
    with transaction(connection) as cursor:
        # the run that finds a changed file is seldom that of its author
        cursor.execute("select set_config('etl.person', %s, true)", (person.find_author(document.path),))
        write_row_in(cursor, config, document.sha256, "yaml", document.text)


def write_row(
    connection: Connection, config: ImportConfig, content_sha256: str, managed_by: Literal["yaml", "upload"],
    written: str = "",
) -> None:  # fmt: skip
    """Overwrite the row of a configuration; a trigger keeps each version in dba.tconfighistory.

    `written`: the YAML as it was written, "" where it contains secrets or is not known.
    """
    with transaction(connection) as cursor:
        write_row_in(cursor, config, content_sha256, managed_by, written)


def write_row_in(
    cursor: Cursor, config: ImportConfig, content_sha256: str | None, managed_by: str | None,
    written: str = "",
) -> None:  # fmt: skip
    """Do what `write_row` does in a transaction of the caller; None leaves hash and manager of a row as they are."""
    # otherwise two runs that start together would both write the first version
    lock = f"configuration {config.config_name}"
    cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
    values = config.model_dump(mode="json", by_alias=True)
    for column in _JSON_COLUMNS:
        if column in values:
            values[column] = json.dumps(values[column])
    if managed_by is not None:
        values |= {"managed_by": managed_by, "yaml_hash": content_sha256}
    for table, column in (("tdatasource", "datasource"), ("tdatasettype", "datasettype")):
        if values[column]:
            cursor.execute(f"insert into dba.{table} ({column}) values (%s) on conflict do nothing", (values[column],))
    # not ON CONFLICT: the trigger would run twice and write two versions
    assignments = ", ".join(f"{column} = %({column})s" for column in values)
    cursor.execute(f"update dba.timportconfig set {assignments} where config_name = %(config_name)s", values)
    if cursor.rowcount == 0:
        placeholders = ", ".join(f"%({column})s" for column in values)
        cursor.execute(f"insert into dba.timportconfig ({', '.join(values)}) values ({placeholders})", values)
    if written:
        cursor.execute(
            """update dba.tconfighistory h set written = %s from dba.timportconfig c
               where c.config_name = %s and h.config_name = c.config_name and h.version = c.version""",
            (written, config.config_name),
        )


def read_written(cursor: Cursor, config_name: str) -> str:
    """Return the YAML of the newest version as it was written, "" where it is not known."""
    cursor.execute(
        """select h.written from dba.tconfighistory h join dba.timportconfig c using (config_name, version)
           where config_name = %s""",
        (config_name,),
    )
    row = cursor.fetchone()
    return (row[0] or "") if row else ""


def _refuse_edited_row(connection: Connection, document: Document) -> None:
    """Raise ConfigurationError if the row was edited by hand after its YAML was applied."""
    name = document.path.stem
    with transaction(connection) as cursor:
        cursor.execute(
            "select source from dba.tconfighistory where config_name = %s and source <> 'accepted'"
            " order by version desc limit 1",
            (name,),
        )
        last = cursor.fetchone()
    if last != ("row",):
        return
    in_file = validate_document(document, ImportConfig, config_name=name).model_dump(mode="json", by_alias=True)
    in_row = load_import(connection, name).model_dump(mode="json", by_alias=True)
    differing = [f"{key} ({in_file[key]!r} / {in_row[key]!r})" for key in in_file if in_file[key] != in_row[key]]
    raise ConfigurationError(
        f"{document.path} changed, and its row in dba.timportconfig was edited too. They differ (file / row) in "
        f"{', '.join(differing) or 'nothing'}",
        f"Run: {format_command('apply_config', name, '--take', 'file')}, or --take row",
    )
