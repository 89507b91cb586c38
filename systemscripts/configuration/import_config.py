"""An import configuration: one row of dba.timportconfig as a typed object."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import source_options
from systemscripts.configuration.arrival import Arrival
from systemscripts.configuration.column_schema import Column, RowCheck
from systemscripts.configuration.control_total_options import Control
from systemscripts.configuration.expectation_options import Expectations
from systemscripts.configuration.import_parts import (
    ELSEWHERE,
    NAME,
    ColumnPolicy,
    Guards,
    LabelTitle,
    Reading,
    Schedule,
    Source,
    Target,
    name_elsewhere,
)
from systemscripts.configuration.strict_model import Strict
from systemscripts.configuration.yaml_documents import ConsistentModel, KeyPath
from systemscripts.dates import date_formats
from systemscripts.settings import Mailbox

# each source is asked at every run
MAX_SOURCES = 100
# PostgreSQL, INDEX_MAX_KEYS
MAX_KEY_COLUMNS = 32
# the longest name that leaves room for the suffix of the view
MAX_TABLE_LETTERS = 63 - len("_current")
FileType = Literal["auto", "csv", "tsv", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "html", "xml", "json", "parquet"]


class ImportConfig(Strict, ConsistentModel):
    """One row of dba.timportconfig; the columns' comments say what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    config_name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    datasource: str | None = None
    datasettype: str | None = None
    source_directory: str = ""
    archive_directory: str = ""
    file_pattern: str
    file_type: FileType = "auto"
    metadata_label_source: Literal["filename", "file_content", "static", "none"] = "none"
    metadata_label_location: str | None = None
    dateconfig: Literal["filename", "file_content", "static", "none"] = "none"
    datelocation: str | None = None
    dateformat: str | None = None
    delimiter: str = "_"
    # parquet:FOLDER for a Parquet target, postgresql:NAME/schema.table for one in another database
    target_table: str = Field("", validate_default=False)
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
    # config/transforms/NAME.py, function NAME
    transform: str = Field("", pattern=r"^(?:[a-z_][a-z0-9_]*)?$")
    notify: list[Mailbox] = []
    extras_json: str = Field("", pattern=rf"^(?:{NAME})?$")
    reading: Reading = Reading()
    guards: Guards = Guards()
    columns: ColumnPolicy = ColumnPolicy()
    expect: Expectations = Expectations()
    expected: Arrival = Arrival()
    control: Control = Control()
    label_title: LabelTitle = LabelTitle()
    max_rejects: int = Field(10, ge=0)
    max_reject_rate: float = Field(0.05, ge=0, le=1)
    archive_policy: Literal["single", "daily_zip", "none"] = "single"
    sources: list[Source] = Field([Source(type="local")], max_length=MAX_SOURCES)
    job: Schedule = Schedule()

    @field_validator("metadata_label_location", "datelocation", mode="before")
    @classmethod
    def _convert_number_to_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("file_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            compile_pattern(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"expected a regular expression ({error})") from error
        return value

    @field_validator("dateformat")
    @classmethod
    def _is_date_format(cls, value: str | None) -> str | None:
        if value and (fault := date_formats.find_fault(value)):
            raise ValueError(fault)
        return value

    @model_validator(mode="before")
    @classmethod
    def _name_target(cls, values: Any) -> Any:
        """Name a Parquet target by its folder, and one in another database by that: YAML and row need only these."""
        if not isinstance(values, dict):
            return values
        target = values.get("target")
        folder = target.get("parquet") if isinstance(target, dict) else getattr(target, "parquet", "")
        if folder and isinstance(folder, str):
            return {**values, "target_table": f"parquet:{folder}"}
        database = target.get("database") if isinstance(target, dict) else getattr(target, "database", "")
        if database and isinstance(database, str | dict) and (table := values.get("target_table")):
            return {**values, "target_table": name_elsewhere(database, str(table))}
        return values

    @field_validator("target_table")
    @classmethod
    def _is_table(cls, value: str) -> str:
        if value.startswith("parquet:"):
            return value
        if value.startswith(ELSEWHERE):
            where, _, table = value.rpartition("/")
            return f"{where}/{cls._is_table(table)}"
        value = value if "." in value else f"public.{value}"
        if not re.fullmatch(rf"{NAME}\.{NAME}", value):
            raise ValueError("expected schema.table in lower case; without a schema the table is in public")
        if len(value.partition(".")[2]) > MAX_TABLE_LETTERS:
            raise ValueError(
                f"expected a table name of at most {MAX_TABLE_LETTERS} letters, because of its view {{table}}_current"
            )
        return value

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, type[BaseModel], dict[str, Any]]]:
        """Return the keys of each source with the model of its type, which refuses an unknown type."""
        parts: list[tuple[KeyPath, type[BaseModel], dict[str, Any]]] = []
        sources = values.get("sources")
        for number, source in enumerate(sources[:MAX_SOURCES] if isinstance(sources, list) else []):
            source_type = source.get("type") if isinstance(source, dict) else None
            if isinstance(source_type, str):
                options = {key: value for key, value in source.items() if key not in Source.model_fields}
                if source_type not in source_options.list_types():
                    parts.append((("sources", number), source_options.make_type_model(), {"type": source_type}))
                elif model := source_options.load_options(source_type):
                    parts.append((("sources", number), model, options))
        return parts

    @model_validator(mode="after")
    def _check_consistency(self) -> ImportConfig:
        if faults := self.find_contradictions(self.model_dump(by_alias=True)):
            raise ValueError("; ".join(f"{key} {text}" for key, text in faults))
        return self

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the keys that contradict each other: (key, text of the fault)."""
        faults = [
            *_find_location_faults(values, "metadata_label_source", "metadata_label_location"),
            *_find_location_faults(values, "dateconfig", "datelocation"),
            *_find_target_faults(values),
            *_find_source_faults(values),
        ]
        keys, upsert = values.get("key_columns"), values.get("load_mode") == "upsert"
        if upsert and not keys:
            faults.append(("key_columns", "is missing: upsert needs the columns that identify a row"))
        if upsert and isinstance(keys, list) and len(keys) > MAX_KEY_COLUMNS:
            faults.append(("key_columns", f"has {len(keys)} columns; PostgreSQL allows {MAX_KEY_COLUMNS} in an index"))
        if (upsert or values.get("after_change")) and isinstance(keys, list) and any("|" in str(key) for key in keys):
            faults.append(("key_columns", "has alternatives (a|b); upsert and after_change need plain columns"))
        if values.get("load_mode") == "new_rows" and values.get("extras_json"):
            faults.append(("extras_json", "does not go with new_rows: an unnamed column would make every row new"))
        if values.get("dateconfig") in ("filename", "file_content") and not values.get("dateformat"):
            faults.append(("dateformat", "is missing, such as yyyyMMddTHHmmss"))
        return faults

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """Return the schema and the table of the target."""
        schema, _, table = self.target_table.rpartition("/")[2].partition(".")
        return schema, table

    @property
    def is_elsewhere(self) -> bool:
        """Return whether the target is in another database."""
        return bool(self.target.database)

    @property
    def has_file_dates(self) -> bool:
        """Return whether each file has its own date, which tells the newest file."""
        return self.dateconfig in ("filename", "file_content")

    @property
    def is_incremental(self) -> bool:
        """Return whether a source brings only what is new since the last time, which may be nothing."""
        return any(source.options.get("incremental") for source in self.sources)


# what needs the tables of this installation next to the target
_NOT_ELSEWHERE = {
    "target.parquet": "goes with no database: name a table, or leave database out",
    "target.months_of": "goes with no database: it is for Parquet files",
    "after_change": "cannot run in the database of the target: its SQL is for tables of this installation",
    "label_title": "is for lists of the console, which shows only tables of this installation",
}


def _has_part(values: dict[str, Any], key: str) -> bool:
    """Return whether a key of a configuration, or of a part of it, is filled."""
    part, _, name = key.partition(".")
    value = values.get(part)
    if name:
        value = value.get(name) if isinstance(value, dict) else None
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _find_target_faults(values: dict[str, Any]) -> list[tuple[str, str]]:
    target, table, mode = values.get("target"), values.get("target_table"), values.get("load_mode", "snapshot")
    folder = target.get("parquet") if isinstance(target, dict) else None
    if not table and not folder:
        return [("target_table", "is missing: schema.table, or target: {parquet: folder}")]
    if isinstance(target, dict) and target.get("database"):
        faults = [(key.partition("."), text) for key, text in _NOT_ELSEWHERE.items() if _has_part(values, key)]
        return [(part, f"{name} {text}".lstrip()) for (part, _, name), text in faults]
    if str(table).startswith(ELSEWHERE):
        return [("target", "is missing: target_table names another database, so add target: {database: ${NAME}}")]
    if str(table).startswith("parquet:") and not folder:
        return [("target", "is missing: target_table names a Parquet folder, so add target: {parquet: folder}")]
    if folder and mode not in ("snapshot", "append"):
        return [("target", f"parquet is for the load modes snapshot and append, not {mode}")]
    if folder and values.get("after_change"):
        return [("after_change", "needs a table: a job of its own computes what depends on Parquet files")]
    return []


def _find_source_faults(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Refuse two API sources of one name, which is part of the names of their files."""
    sources = values.get("sources")
    known = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    names = [str(source.get("name") or "") for source in known if source.get("type") == "api"]
    if len(names) == len(set(names)):
        return []
    return [("sources", "has two sources of type api with the same name: give each its own name")]


def _find_location_faults(values: dict[str, Any], source_key: str, key: str) -> list[tuple[str, str]]:
    source, location = values.get(source_key) or "none", values.get(key)
    if source != "none" and location in (None, ""):
        return [
            (key, "is missing: part of the file name (from 0) or group of file_pattern, column, or the value itself")
        ]
    if source != "filename" or re.fullmatch("[0-9]+", str(location)) or str(location) in _list_groups(values):
        return []
    text = f"must be the number of a part of the file name, from 0, or a group of file_pattern, not {location!r}"
    return [(key, text)]


def _list_groups(values: dict[str, Any]) -> list[str]:
    """Return the names of the groups of file_pattern, such as date in (?P<date>...)."""
    try:
        return list(compile_pattern(str(values.get("file_pattern"))).groupindex)
    except (re.error, RecursionError, OverflowError):
        # told by its own check
        return []
