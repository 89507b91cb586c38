"""One import: dba.timportconfig as a typed object, and config/imports/NAME.yaml that feeds the row.

The row is the truth at run time. A YAML file that changed since it was applied is applied at the next start; when the
row was edited as well, it is refused. An unchanged file never touches the row.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from systemscripts import settings
from systemscripts.configuration import source_options
from systemscripts.configuration.documents import Consistent, Document, Place, read_document, validate
from systemscripts.configuration.import_parts import NAME, Guards, Reading, Schedule, Source, Target
from systemscripts.configuration.schema import Column, RowCheck, Strict
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import sha256_of
from systemscripts.errors import ConfigurationError, UsageError, did_you_mean

FOLDER = settings.PROJECT / "config" / "imports"
_JSON_COLUMNS = ("schema", "row_checks", "reading", "guards", "sources", "target", "job")


FileType = Literal["auto", "csv", "tsv", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "html", "xml", "json"]


class ImportConfig(Strict, Consistent):
    """One row of dba.timportconfig; the columns' comments say what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    config_name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    datasource: str | None = None
    datasettype: str | None = None
    source_directory: str = ""
    archive_directory: str = ""
    file_pattern: str
    file_type: Literal["auto", "csv", "tsv", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "html", "xml", "json"] = (
        "auto"
    )
    metadata_label_source: Literal["filename", "file_content", "static", "none"] = "none"
    metadata_label_location: str | None = None
    dateconfig: Literal["filename", "file_content", "static", "none"] = "none"
    datelocation: str | None = None
    dateformat: str | None = None
    delimiter: str = "_"
    target_table: str = Field("", validate_default=False)  # of a Parquet target: parquet:folder
    target: Target = Target()
    importstrategyid: Literal[1, 2, 3] = 1
    is_active: bool = True
    load_mode: Literal["snapshot", "append", "upsert", "new_rows"] = "snapshot"
    key_columns: list[str] = []
    empty_keeps: bool = False
    declared: dict[str, Column] = Field({}, alias="schema")
    strict_mode: bool = False
    exact_header: list[str] = []
    row_checks: list[RowCheck] = []
    after_change: str = ""
    transform: str = Field("", pattern=r"^(?:[a-z_][a-z0-9_]*)?$")  # config/transforms/NAME.py, function NAME
    notify: list[str] = []
    extras_json: str = Field("", pattern=rf"^(?:{NAME})?$")
    reading: Reading = Reading()
    guards: Guards = Guards()
    max_rejects: int = Field(10, ge=0)
    max_reject_rate: float = Field(0.05, ge=0, le=1)
    archive_policy: Literal["single", "daily_zip", "none"] = "single"
    sources: list[Source] = [Source(type="local")]
    job: Schedule = Schedule()

    @field_validator("metadata_label_location", "datelocation", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("notify")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address):
                raise ValueError(f"expected mail addresses, and {address!r} is none")
        return value

    @field_validator("file_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from error
        return value

    @model_validator(mode="before")
    @classmethod
    def _named_target(cls, values: Any) -> Any:
        """A Parquet target is named by its folder; both in YAML and in the row the folder alone is enough."""
        if not isinstance(values, dict):
            return values
        target = values.get("target")
        folder = target.get("parquet") if isinstance(target, dict) else getattr(target, "parquet", "")
        if folder and isinstance(folder, str):
            return {**values, "target_table": f"parquet:{folder}"}
        return values

    @field_validator("target_table")
    @classmethod
    def _is_table(cls, value: str) -> str:
        if value.startswith("parquet:"):
            return value
        if not re.fullmatch(rf"{NAME}\.{NAME}", value):
            raise ValueError("expected schema.table in lower case")
        if len(value.partition(".")[2]) > 63 - len("_current"):
            raise ValueError("expected a table name of at most 55 letters, for its view {table}_current")
        return value

    @classmethod
    def parts(cls, values: dict[str, Any]) -> list[tuple[Place, type[BaseModel], dict[str, Any]]]:
        """The keys of each source, by its kind; and what is no kind."""
        found: list[tuple[Place, type[BaseModel], dict[str, Any]]] = []
        sources = values.get("sources")
        for number, source in enumerate(sources if isinstance(sources, list) else []):
            kind = source.get("type") if isinstance(source, dict) else None
            if isinstance(kind, str):
                options = {key: value for key, value in source.items() if key not in Source.model_fields}
                if kind not in source_options.installed():
                    found.append((("sources", number), source_options.one_of_the_kinds(), {"type": kind}))
                elif model := source_options.model(kind):
                    found.append((("sources", number), model, options))
        return found

    @model_validator(mode="after")
    def _consistent(self) -> ImportConfig:
        if found := self.contradictions(self.model_dump(by_alias=True)):
            raise ValueError("; ".join(f"{key} {text}" for key, text in found))
        return self

    @classmethod
    def contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """What the keys demand of each other; key and text of each fault."""
        found = [
            *_location_faults(values, "metadata_label_source", "metadata_label_location"),
            *_location_faults(values, "dateconfig", "datelocation"),
            *_target_faults(values),
        ]
        keys, upsert = values.get("key_columns"), values.get("load_mode") == "upsert"
        if upsert and not keys:
            found.append(("key_columns", "is missing: upsert must know which columns name a row"))
        if (upsert or values.get("after_change")) and isinstance(keys, list) and any("|" in str(key) for key in keys):
            found.append(
                (
                    "key_columns",
                    "has alternatives (a|b), which only serve to compare; upsert and after_change need columns",
                )
            )
        if values.get("load_mode") == "new_rows" and values.get("extras_json"):
            found.append(("extras_json", "cannot go with new_rows: a column nobody named would make every row new"))
        if values.get("dateconfig") in ("filename", "file_content") and not values.get("dateformat"):
            found.append(("dateformat", "is missing, such as yyyyMMddTHHmmss"))
        return found

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """The target's schema and table."""
        schema, _, table = self.target_table.partition(".")
        return schema, table


def _target_faults(values: dict[str, Any]) -> list[tuple[str, str]]:
    target, table, mode = values.get("target"), values.get("target_table"), values.get("load_mode", "snapshot")
    folder = target.get("parquet") if isinstance(target, dict) else None
    if not table and not folder:
        return [("target_table", "is missing: schema.table, or target: {parquet: folder}")]
    if str(table).startswith("parquet:") and not folder:
        return [("target", "is missing: {parquet: folder}, by which target_table is named")]
    if folder and mode not in ("snapshot", "append"):
        return [("target", f"is for the load modes snapshot and append, not {mode}")]
    if folder and values.get("after_change"):
        return [("after_change", "needs a table: what hangs on Parquet files is computed by a job of its own")]
    return []


def _location_faults(values: dict[str, Any], source_key: str, key: str) -> list[tuple[str, str]]:
    source, location = values.get(source_key) or "none", values.get(key)
    if source != "none" and location in (None, ""):
        return [(key, "is missing: part of the file name (from 0), column, or the value itself")]
    if source == "filename" and not str(location).isdigit():
        return [(key, f"must be the number of a part of the file name, from 0, not {location!r}")]
    return []


def load(connection: Connection, name: str) -> ImportConfig:
    """One import by name; raises UsageError with the nearest name, or ConfigurationError when its row is wrong."""
    rows = _rows(connection)
    if name not in rows:
        raise UsageError(
            f"there is no import {name!r}{did_you_mean(name, rows)}",
            f"Add config/imports/{name}.yaml, or see: generic_import.py --list",
        )
    return _from_row(rows[name])


def load_all(connection: Connection) -> list[ImportConfig]:
    """Every import, by name; raises ConfigurationError when a row is wrong."""
    return [_from_row(row) for row in _rows(connection).values()]


def load_each(connection: Connection) -> tuple[list[ImportConfig], dict[str, str]]:
    """Every sound import, by name; and by name what is wrong with the rows of the others."""
    found, faults = [], {}
    for name, row in _rows(connection).items():
        try:
            found.append(_from_row(row))
        except ConfigurationError as error:
            faults[name] = str(error)
    return found, faults


def _rows(connection: Connection) -> dict[str, dict[str, Any]]:
    columns = [field.alias or name for name, field in ImportConfig.model_fields.items()]
    with transaction(connection) as cursor:
        cursor.execute(f"select {', '.join(columns)} from dba.timportconfig order by config_name")
        return {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}


def _from_row(row: dict[str, Any]) -> ImportConfig:
    values = {key: value for key, value in row.items() if value is not None and value != []}
    try:
        return ImportConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
        raise ConfigurationError(
            f"dba.timportconfig row {row['config_name']}: {faults}", "Edit the row, or apply its YAML again."
        ) from error


def apply_files(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Bring rows up to date with the YAML files that changed; returns their names.

    Raises ConfigurationError that names every fault of every changed file; those files are not applied, the others are.
    """
    done, faults = apply_each(connection, folder)
    if faults:
        raise ConfigurationError("; ".join(faults.values()))
    return done


def apply_each(connection: Connection, folder: Path = FOLDER) -> tuple[list[str], dict[str, str]]:
    """As `apply_files`; returns the names, and by import the faults of the files that cannot be applied."""
    with transaction(connection) as cursor:
        cursor.execute("select config_name, yaml_hash from dba.timportconfig")
        known = dict(cursor.fetchall())
    done, faults = [], {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            if known.get(path.stem) != sha256_of(path):
                document = read_document(path)
                _refuse_edited_row(connection, document)
                apply_document(connection, document)
                done.append(path.stem)
        except ConfigurationError as error:
            faults[path.stem] = str(error)
    return done, faults


def apply_document(connection: Connection, document: Document) -> None:
    """Write a YAML document over its row, whatever the row holds; raises ConfigurationError that names every fault."""
    write_row(connection, validate(document, ImportConfig, config_name=document.path.stem), document.sha256, "yaml")


def write_row(
    connection: Connection, config: ImportConfig, content_sha256: str, managed_by: Literal["yaml", "upload"]
) -> None:
    """Write a configuration over its row; the row's trigger keeps each version in dba.tconfighistory."""
    with transaction(connection) as cursor:
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
            "select source from dba.tconfighistory where config_name = %s order by version desc limit 1", (name,)
        )
        last = cursor.fetchone()
    if last != ("row",):
        return
    in_file = validate(document, ImportConfig, config_name=name).model_dump(mode="json", by_alias=True)
    in_row = load(connection, name).model_dump(mode="json", by_alias=True)
    differing = [f"{key} ({in_file[key]!r} / {in_row[key]!r})" for key in in_file if in_file[key] != in_row[key]]
    raise ConfigurationError(
        f"{document.path} changed, and its row in dba.timportconfig was edited too; they differ (file / row) in "
        f"{', '.join(differing) or 'nothing'}",
        f"Run: apply_config.py {name} --take file, or --take row.",
    )
