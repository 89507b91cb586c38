"""A whole job in one YAML file: an import configuration, in the form known from the field as well.

Beside the keys of an import: target {table}, start_time, end_time, output_csv_path, and in a source of type sftp its
keys below `sftp`, with username and remote_path.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from systemscripts import settings
from systemscripts.configuration import import_rows, plain_secrets
from systemscripts.configuration.import_config import MAX_SOURCES, ImportConfig
from systemscripts.configuration.import_parts import Schedule, Target
from systemscripts.configuration.yaml_documents import Document, KeyPath, validate_document
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.summary import Notice, add_details

SCHEDULE_KEYS = tuple(Schedule.model_fields)
# the older spelling gave the database's login with the target
LOGIN_KEYS = ("type", "url", "host", "port", "user", "username", "password", "database", "dbname", "schema")
OWN_SCHEMAS = re.compile(r"dba|information_schema|pg_.*")  # their tables are not for the rows of jobs
_WILD = re.compile(r"[*?\[]")
_SFTP_NAMES = {"username": "user", "remote_path": "path"}


class JobTarget(Target):
    """Where the rows go; the login keys of the older spelling are known, and not used."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    table: str = ""
    type: str = ""
    url: str = ""
    host: str = ""
    port: int | str = ""
    user: str = ""
    username: str = ""
    password: str = ""
    database: str = ""
    dbname: str = ""
    schema_: str = Field("", alias="schema")


class JobConfig(ImportConfig):
    """An import configuration with the keys of a job beside it."""

    file_pattern: str = ""
    target: JobTarget = JobTarget()
    output_csv_path: str = ""
    start_time: Any = None
    end_time: Any = None

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """What the keys demand of each other; key and text of each fault."""
        target = values.get("target")
        table = target.get("table") if isinstance(target, dict) else None
        found = ImportConfig.find_contradictions({**values, "target_table": table} if table else values)
        found = [("target" if key == "target_table" else key, text) for key, text in found]
        if table and values.get("target_table"):
            found.append(("target_table", "is given twice: as target.table too"))
        if table and not re.fullmatch(r"(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]{0,54}", str(table)):
            found.append(
                ("target", f"table: expected schema.table in lower case (or a table of public), not {table!r}")
            )
        if table and "." in str(table) and OWN_SCHEMAS.fullmatch(str(table).partition(".")[0]):
            found.append(
                ("target", f"table: {table} lies in a schema of the suite or of PostgreSQL; take another schema")
            )
        if not isinstance(values.get("sources"), list) or not values["sources"]:
            found.append(("sources", "is missing: where do the rows come from?"))
        if fault := _output_fault(values):
            found.append(("output_csv_path", fault))
        return found

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, Any, dict[str, Any]]]:
        """The keys of each source by its kind, and the schedule."""
        schedule = {key: values[key] for key in SCHEDULE_KEYS if values.get(key) is not None}
        return [*ImportConfig.list_parts(values), ((), Schedule, schedule)]


def _output_fault(values: dict[str, Any]) -> str:
    """Why the combined CSV may not be written where it is to be, or nothing."""
    named = values.get("output_csv_path")
    if not named or not isinstance(named, str):
        return ""
    data = settings.current().etl_data_dir
    path = (data / named).resolve()
    if named.endswith("/") or path.is_dir():
        return f"expected the name of a file, and {named} is a folder"
    sources = values.get("sources")
    local = (
        [s for s in sources if isinstance(s, dict) and s.get("type") == "local"] if isinstance(sources, list) else []
    )
    # whatever its pattern: some patterns take for ever to match, and a file there would be moved with the next change
    read = [str(source.get("path") or "file_watcher") for source in local[:MAX_SOURCES]]
    for folder in [*read, "file_watcher", f"file_watcher/{values.get('config_name')}"]:
        if path.parent == (data / folder).resolve():
            return f"{named} lies in a folder that is read: the rows would come in again"
    return ""


def read_job(path: Path) -> tuple[ImportConfig, Document, list[Notice]]:
    """A job's file as an import configuration; the document; and what its older spelling should be changed to.

    Raises ConfigurationError that names every fault with its line.
    """
    config, document, warnings = build_job(import_rows.read_file(path), derive_name(path))
    for source in config.sources:
        warnings += plain_secrets.find_warnings(source.options, f"import {config.config_name}")
    return config, document, add_details(warnings, config_name=config.config_name)


def build_job(document: Document, name: str) -> tuple[ImportConfig, Document, list[Notice]]:
    """The same of a document that was read already."""
    document = _flat_sources(document)
    given = {"load_mode": "new_rows"} if "load_mode" not in document.values else {}
    job = validate_document(document, JobConfig, config_name=name, **given)
    values = job.model_dump(mode="json", by_alias=True, exclude_unset=True)
    target = values.pop("target", {})
    schedule = {key: values.pop(key) for key in SCHEDULE_KEYS if key in values}
    values |= {"target_table": target["table"]} if target.get("table") else {}
    values["target"] = {key: value for key, value in target.items() if key in Target.model_fields}
    values["file_pattern"] = values.get("file_pattern") or ".+"  # of its own folder, see below
    values["source_directory"] = values.get("source_directory") or get_folder(name)
    values["job"] = {**values.get("job", {}), **schedule}
    warnings = [
        Notice(
            "key_not_used",
            f"{document.path} line {document.lines.get(('target', key), 1)}: target.{key} is not used: the database is "
            "that of config/.env, where secrets belong",
        )
        for key in LOGIN_KEYS
        if target.get(key)
    ]
    return ImportConfig.model_validate(values), document, warnings


def apply_job(connection: Connection, path: Path) -> tuple[ImportConfig, list[Notice]]:
    """Bring the row of a job up to date with its file, as a new version where that changed; returns it and warnings.

    Raises ConfigurationError that names every fault, and where another import has the name.
    """
    config, document, warnings = read_job(path)
    name = config.config_name
    own = import_rows.FOLDER / f"{name}.yaml"
    if own.exists() and own.resolve() != path.resolve():
        raise ConfigurationError(f"{path} has the name of the import {own}", "Rename one of them.")
    with transaction(connection) as cursor:
        cursor.execute("select yaml_hash, managed_by from dba.timportconfig where config_name = %s", (name,))
        row = cursor.fetchone()
    if row is not None and row[1] == "upload":
        raise ConfigurationError(f"{path} has the name of a configuration that was uploaded", "Rename the file.")
    known = import_rows.load_import(connection, name) if row is not None and row[0] == document.sha256 else None
    if known is not None and _secrets_of(known) == _secrets_of(config):
        return known, warnings
    import_rows.write_row(connection, config, document.sha256, "yaml")
    return import_rows.load_import(connection, name), warnings


def _secrets_of(config: ImportConfig) -> list[str]:
    """Where its secrets stand: in another place when its file was moved."""
    return plain_secrets.find_references([source.options for source in config.sources])


def list_jobs(cursor: Cursor) -> set[str]:
    """Return the names of the configurations that run_elt.py runs: uploaded, scheduled, or of a YAML job's own file.

    What config/imports/ holds, and what was written into dba.timportconfig by hand, is an import of generic_import.py.
    """
    cursor.execute(
        """select config_name, is_sure from (
               select config_name, managed_by = 'yaml' and source_directory = %s || config_name as is_likely,
                   managed_by = 'upload' or coalesce(job ->> 'output_csv_path', '') <> ''
                       or coalesce(job ->> 'start_time', job ->> 'end_time') is not null as is_sure
               from dba.timportconfig) c
           where is_sure or is_likely""",
        (get_folder(""),),
    )
    # the folder alone does not tell: an import may have one of its own name, too
    return {
        name for name, is_sure in cursor.fetchall() if is_sure or not (import_rows.FOLDER / f"{name}.yaml").exists()
    }


def derive_name(path: Path) -> str:
    """The name of a job, from its file's; raises ConfigurationError where none can be made of it."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise ConfigurationError(f"{path}: its name must begin with a letter and have at most 41", "Rename it.")
    return name


def is_job_file(path: Path) -> bool:
    """Whether a job is named by its file, not by the name it was uploaded with."""
    return path.suffix in (".yaml", ".yml") or path.is_file()


def normalize_name(config: str) -> str:
    """The job's name, by whatever path its file is named; what cannot be one is left as it is."""
    with contextlib.suppress(ConfigurationError):
        return derive_name(Path(config)) if is_job_file(Path(config)) else config
    return config


def get_folder(name: str) -> str:
    """Where the files of a job wait, so that no other import takes them."""
    return f"file_watcher/{name}"


def _flat_sources(document: Document) -> Document:
    """`sftp: {...}` inside a source, its names and those of variables as our own spelling; the lines go along."""
    sources = document.values.get("sources")
    if not isinstance(sources, list):
        return document
    lines = dict(document.lines)
    flat = [_flat(_prefixed(source), ("sources", number), lines) for number, source in enumerate(sources)]
    return replace(document, values={**document.values, "sources": flat}, lines=lines)


def _prefixed(value: Any) -> Any:
    """${API_TOKEN} is SOURCE_API_TOKEN of the settings: no other can be named."""
    if isinstance(value, str):
        return re.sub(rf"\$\{{(?!{settings.USER_PREFIX})(?=\w)", f"${{{settings.USER_PREFIX}", value)
    if isinstance(value, dict):
        return {key: _prefixed(each) for key, each in value.items()}
    return [_prefixed(each) for each in value] if isinstance(value, list) else value


def _flat(source: Any, place: tuple[str | int, ...], lines: dict[KeyPath, int]) -> Any:
    if not isinstance(source, dict):
        return source
    if source.get("type") == "local" and isinstance(source.get("path"), str):
        return {"keep": True, **source, **_one_file(source["path"])}
    nested = source.get("sftp")
    if not isinstance(nested, dict):
        return source
    made = {key: value for key, value in source.items() if key != "sftp"}
    for key, value in nested.items():
        new = _SFTP_NAMES.get(str(key), str(key))
        lines[(*place, new)] = lines.get((*place, "sftp", key), 1)
        made[new] = value
    return {**made, **_one_file(str(nested.get("remote_path", "")))}


def _one_file(path: str) -> dict[str, str]:
    """Folder and pattern, where a path is that of one file, or of those that fit its * and ?."""
    folder, _, name = path.rpartition("/")
    return (
        {
            "path": folder or ("/" if path.startswith("/") else "."),
            "pattern": fnmatch.translate(name) if _WILD.search(name) else re.escape(name),
        }
        if "." in name[1:] or _WILD.search(name)
        else {}
    )
