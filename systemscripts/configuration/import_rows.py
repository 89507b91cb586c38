"""The rows of dba.timportconfig, and config/imports/NAME.yaml that feeds them.

The row is the truth at run time. A YAML file that changed since it was applied is applied at the next start; when the
row was edited as well, it is refused. An unchanged file never touches the row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from systemscripts import settings
from systemscripts.configuration import plain_secrets
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import Document, read_document, validate_document
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import ConfigurationError, UsageError, describe_faults, did_you_mean

FOLDER = settings.PROJECT / "config" / "imports"
_JSON_COLUMNS = (
    "schema", "row_checks", "reading", "guards", "columns", "sources", "target", "job", "expect", "expected",
)  # fmt: skip


def load_import(connection: Connection, name: str) -> ImportConfig:
    """One import by name; raises UsageError with the nearest name, or ConfigurationError when its row is wrong."""
    rows = _rows(connection, name)
    if name not in rows:
        raise UsageError(
            f"there is no import {name!r}{did_you_mean(name, _rows(connection))}",
            f"Add config/imports/{name}.yaml, or see: generic_import.py --list",
        )
    return _from_row(rows[name])


def load_imports(connection: Connection) -> list[ImportConfig]:
    """Every import, by name; raises ConfigurationError when a row is wrong."""
    return [_from_row(row) for row in _rows(connection).values()]


def load_valid_imports(connection: Connection) -> tuple[list[ImportConfig], dict[str, str]]:
    """Every sound import, by name; and by name what is wrong with the rows of the others."""
    found, faults = [], {}
    for name, row in _rows(connection).items():
        try:
            found.append(_from_row(row))
        except ConfigurationError as error:
            faults[name] = str(error)
    return found, faults


def _rows(connection: Connection, name: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the rows by name, or the one row of `name` where there is one."""
    columns = [field.alias or name for name, field in ImportConfig.model_fields.items()]
    with transaction(connection) as cursor:
        cursor.execute(
            f"""select {", ".join(columns)} from dba.timportconfig
                where %(name)s is null or config_name = %(name)s order by config_name""",
            {"name": name},
        )
        return {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}


def _from_row(row: dict[str, Any]) -> ImportConfig:
    values = {key: value for key, value in row.items() if value is not None and value != []}
    try:
        return ImportConfig.model_validate(values)
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(
            f"dba.timportconfig row {row['config_name']}: {faults}", "Edit the row, or apply its YAML again."
        ) from error


def is_uploaded(connection: Connection, config_name: str) -> bool:
    """Whether a configuration came by upload."""
    with transaction(connection) as cursor:
        cursor.execute("select managed_by = 'upload' from dba.timportconfig where config_name = %s", (config_name,))
        return cursor.fetchone() == (True,)


def apply_files(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Bring rows up to date with the YAML files that changed; returns their names.

    Raises ConfigurationError that names every fault of every changed file; those files are not applied, the others are.
    """
    done, faults = apply_valid_files(connection, folder)
    if faults:
        raise ConfigurationError("; ".join(faults.values()))
    return done


def apply_valid_files(connection: Connection, folder: Path = FOLDER) -> tuple[list[str], dict[str, str]]:
    """As `apply_files`; returns the names, and by import the faults of the files that cannot be applied."""
    with transaction(connection) as cursor:
        cursor.execute("select config_name, yaml_hash from dba.timportconfig")
        known = dict(cursor.fetchall())
    done, faults = [], {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            if known.get(path.stem) != compute_sha256(path):
                document = read_file(path)
                _refuse_edited_row(connection, document)
                apply_document(connection, document)
                done.append(path.stem)
        except ConfigurationError as error:
            faults[path.stem] = str(error)
    return done, faults


def read_file(path: Path) -> Document:
    """A YAML file as a row may hold it: secrets in plain text stay in the file; raises ConfigurationError."""
    return plain_secrets.replace_by_references(read_document(path))


def apply_document(connection: Connection, document: Document) -> None:
    """Write a YAML document over its row, whatever the row holds; raises ConfigurationError that names every fault."""
    write_row(
        connection, validate_document(document, ImportConfig, config_name=document.path.stem), document.sha256, "yaml"
    )


def write_row(
    connection: Connection, config: ImportConfig, content_sha256: str, managed_by: Literal["yaml", "upload"]
) -> None:
    """Write a configuration over its row; the row's trigger keeps each version in dba.tconfighistory."""
    with transaction(connection) as cursor:
        # two starts at once would both find no row, and both write the first version
        lock = f"configuration {config.config_name}"
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
        values = config.model_dump(mode="json", by_alias=True)
        for column in _JSON_COLUMNS:
            if column in values:
                values[column] = json.dumps(values[column])
        values |= {"managed_by": managed_by, "yaml_hash": content_sha256}
        for table, column in (("tdatasource", "datasource"), ("tdatasettype", "datasettype")):
            if values[column]:
                cursor.execute(
                    f"insert into dba.{table} ({column}) values (%s) on conflict do nothing", (values[column],)
                )
        # no ON CONFLICT: its row trigger would run twice and write two versions
        settings_of_row = ", ".join(f"{column} = %({column})s" for column in values)
        cursor.execute(f"update dba.timportconfig set {settings_of_row} where config_name = %(config_name)s", values)
        if cursor.rowcount == 0:
            places = ", ".join(f"%({column})s" for column in values)
            cursor.execute(f"insert into dba.timportconfig ({', '.join(values)}) values ({places})", values)


def _refuse_edited_row(connection: Connection, document: Document) -> None:
    """A row edited by hand after its YAML was applied is not overwritten: its last version then came from `row`."""
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
        f"{document.path} changed, and its row in dba.timportconfig was edited too; they differ (file / row) in "
        f"{', '.join(differing) or 'nothing'}",
        f"Run: apply_config.py {name} --take file, or --take row.",
    )
