"""Read a whole job from one YAML file: an import configuration, also in an older spelling.

Besides the keys of an import: target {table}, start_time, end_time, output_csv_path, and in a source of type sftp its
keys below `sftp`, with username and remote_path.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from systemscripts import settings
from systemscripts.configuration import import_rows, plain_secrets, yaml_folders
from systemscripts.configuration.import_config import MAX_SOURCES, ImportConfig
from systemscripts.configuration.import_parts import DEFAULT_PORT, Login, Schedule, Target
from systemscripts.configuration.yaml_documents import Document, KeyPath, validate_document
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.summary import Notice, add_details

SCHEDULE_KEYS = tuple(Schedule.model_fields)
# the older spelling has the login of the database in the target
LOGIN_KEYS = ("type", "url", "host", "port", "user", "username", "password", "database", "dbname", "schema")
# jobs may not write to the tables of these schemas
OWN_SCHEMAS = re.compile(r"dba|client_etl|information_schema|pg_.*")
_VARIABLE = re.compile(r"\$\{\w+\}")
_POSTGRESQL = re.compile(r"postgres(?:ql)?", re.IGNORECASE)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WILD = re.compile(r"[*?\[]")
_SFTP_NAMES = {"username": "user", "remote_path": "path"}


class JobTarget(Target):
    """The target of the rows, also with the login of its database in the older spelling."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    table: str = ""
    type: str = ""
    url: str = ""
    host: str = ""
    port: int | str = ""
    user: str = ""
    username: str = ""
    password: str = ""
    dbname: str = ""
    schema_: str = Field("", alias="schema")

    @field_validator("database")
    @classmethod
    def _check_database(cls, value: str | Login) -> str | Login:
        # with a login it is the name of a database, see find_contradictions
        return value


class JobConfig(ImportConfig):
    """An import configuration with the keys of a job."""

    file_pattern: str = ""
    target: JobTarget = JobTarget()
    output_csv_path: str = ""
    start_time: Any = None
    end_time: Any = None

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the keys that contradict each other: (key, text of the fault)."""
        target = values.get("target")
        table = target.get("table") if isinstance(target, dict) else None
        plain = {**values, "target": _replace_login(target)} if isinstance(target, dict) else values
        faults = ImportConfig.find_contradictions({**plain, "target_table": table} if table else plain)
        faults = [("target" if key == "target_table" else key, text) for key, text in faults]
        if table and values.get("target_table"):
            faults.append(("target_table", "is given twice, also as target.table"))
        if table and not re.fullmatch(r"(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]{0,54}", str(table)):
            faults.append(("target", f"table: expected schema.table in lower case, or TABLE for public, not {table!r}"))
        if table and "." in str(table) and OWN_SCHEMAS.fullmatch(str(table).partition(".")[0]):
            faults.append(("target", f"table: {table} is in a schema of PostgreSQL or of this program"))
        faults += _find_login_faults(target) if isinstance(target, dict) else []
        if not isinstance(values.get("sources"), list) or not values["sources"]:
            faults.append(("sources", "is missing: name at least one source"))
        if fault := _find_output_fault(values):
            faults.append(("output_csv_path", fault))
        return faults

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, Any, dict[str, Any]]]:
        """Return the keys of each source with the model of its type, and the schedule."""
        schedule = {key: values[key] for key in SCHEDULE_KEYS if values.get(key) is not None}
        return [*ImportConfig.list_parts(values), ((), Schedule, schedule)]


def _replace_login(target: dict[str, Any]) -> dict[str, Any]:
    """Return a target with its database as an import has it: a variable, or the login of the older spelling."""
    others = {key: value for key, value in target.items() if key not in LOGIN_KEYS}
    database = find_database(target)
    return {**others, "database": database} if database else others


def find_database(target: dict[str, Any]) -> str | Login:
    """Return the variable or the login of the database that a target names, "" for the one of this installation."""
    named = str(target.get("database") or "")
    if _VARIABLE.fullmatch(named) and not target.get("host"):
        return named
    if _VARIABLE.fullmatch(url := str(target.get("url") or "")):
        return url
    login = {
        "host": str(target.get("host") or ""),
        "port": str(target.get("port") or DEFAULT_PORT),
        "dbname": str(target.get("dbname") or named),
        "user": str(target.get("user") or target.get("username") or ""),
        "password": str(target.get("password") or ""),
    }
    if not login["host"] or not login["dbname"] or _is_own(login):
        return ""
    return {key: value for key, value in login.items() if value}


def _is_own(login: Login) -> bool:
    """Return whether a login is one of the database of this installation."""
    current = settings.current()
    if current.uses_embedded_database:
        return False
    own = urlsplit(current.database_url.get_secret_value())
    hosts = ["localhost" if host in _LOOPBACK else host for host in (own.hostname, login["host"])]
    port_and_name = (str(own.port or DEFAULT_PORT), own.path.strip("/"))
    return hosts[0] == hosts[1] and port_and_name == (login["port"], login["dbname"])


def _find_login_faults(target: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the database of a target."""
    faults = []
    if (named_type := str(target.get("type") or "")) and not _POSTGRESQL.fullmatch(named_type):
        faults.append(("target", f"type: expected postgresql, not {named_type!r}: a target is a table of PostgreSQL"))
    named, url = str(target.get("database") or ""), str(target.get("url") or "")
    if named and not target.get("host") and not _VARIABLE.fullmatch(named) and not url:
        faults.append(
            (
                "target",
                f"database: expected ${{NAME}} of config/.env, or a login with host and user, not {named!r}",
            )
        )
    if url and not _VARIABLE.fullmatch(url):
        faults.append(("target", "url: write the address as SOURCE_NAME into config/.env, and here database: ${NAME}"))
    return faults


def _find_output_fault(values: dict[str, Any]) -> str:
    """Return why the combined CSV may not be written to its path, "" if it may."""
    named = values.get("output_csv_path")
    if not named or not isinstance(named, str):
        return ""
    data = settings.current().etl_data_dir
    path = (data / named).resolve()
    if named.endswith("/") or path.is_dir():
        return f"expected the name of a file; {named} is a folder"
    sources = values.get("sources")
    local = (
        [s for s in sources if isinstance(s, dict) and s.get("type") == "local"] if isinstance(sources, list) else []
    )
    # patterns are not compared: some take for ever, and the next change of one could match the file
    folders = [str(source.get("path") or "file_watcher") for source in local[:MAX_SOURCES]]
    for folder in [*folders, "file_watcher", f"file_watcher/{values.get('config_name')}"]:
        if path.parent == (data / folder).resolve():
            return f"{named} is in a folder that a source reads: the rows would be loaded again"
    return ""


def read_job(path: Path) -> tuple[ImportConfig, Document, list[Notice]]:
    """Return the import configuration of a job file, its document, and warnings about old keys and plain secrets.

    Raises ConfigurationError with every fault and its line.
    """
    config, document, warnings = build_job(import_rows.read_file(path), derive_name(path))
    warnings += plain_secrets.find_warnings({"target": config.target.database}, f"import {config.config_name}")
    for source in config.sources:
        warnings += plain_secrets.find_warnings(source.options, f"import {config.config_name}")
    return config, document, add_details(warnings, config_name=config.config_name)


def build_job(document: Document, name: str) -> tuple[ImportConfig, Document, list[Notice]]:
    """Return what `read_job` does, for a document that was read before."""
    document = _flatten_sources(document)
    given = {"load_mode": "new_rows"} if "load_mode" not in document.values else {}
    job = validate_document(document, JobConfig, config_name=name, **given)
    values = job.model_dump(mode="json", by_alias=True, exclude_unset=True)
    target = values.pop("target", {})
    database = find_database(target)
    schedule = {key: values.pop(key) for key in SCHEDULE_KEYS if key in values}
    if target.get("table"):
        schema = target.get("schema") if database and "." not in target["table"] else ""
        values["target_table"] = f"{schema}.{target['table']}" if schema else target["table"]
    values["target"] = {key: value for key, value in target.items() if key in Target.model_fields and key != "database"}
    values["target"] |= {"database": database} if database else {}
    values["file_pattern"] = values.get("file_pattern") or ".+"
    values["source_directory"] = values.get("source_directory") or get_folder(name)
    values["job"] = {**values.get("job", {}), **schedule}
    warnings = [
        Notice(
            "key_not_used",
            f"{document.path} line {document.lines.get(('target', key), 1)}: target.{key} is not used: the database is "
            "set in config/.env, where secrets belong",
        )
        for key in LOGIN_KEYS
        if target.get(key) and not database
    ]
    return ImportConfig.model_validate(values), document, warnings


def apply_job(connection: Connection, path: Path) -> tuple[ImportConfig, list[Notice]]:
    """Apply the file of a job to its row, as a new version if it changed; return the configuration and warnings.

    Raises ConfigurationError with every fault, or if another import has the name.
    """
    config, document, warnings = read_job(path)
    name = config.config_name
    own = yaml_folders.find_file("imports", name)
    if own.exists() and own.resolve() != path.resolve():
        raise ConfigurationError(f"{path} has the name of the import {own}", "Rename one of them.")
    with transaction(connection) as cursor:
        cursor.execute("select yaml_hash, managed_by from dba.timportconfig where config_name = %s", (name,))
        row = cursor.fetchone()
    if row is not None and row[1] == "upload":
        raise ConfigurationError(f"{path} has the name of a configuration that was uploaded", "Rename the file.")
    stored = import_rows.load_import(connection, name) if row is not None and row[0] == document.sha256 else None
    if stored is not None and _list_references(stored) == _list_references(config):
        return stored, warnings
    import_rows.write_row(connection, config, document.sha256, "yaml", document.text)
    return import_rows.load_import(connection, name), warnings


def _list_references(config: ImportConfig) -> list[str]:
    """Return the references to its secrets, which change when the file is moved."""
    return plain_secrets.find_references([config.target.database, *(source.options for source in config.sources)])


def list_jobs(cursor: Cursor) -> set[str]:
    """Return the names of the configurations that run_elt.py runs: uploaded, scheduled, or from the file of a YAML job.

    An uploaded import, which the console made of a file, has no sources but the folder in which its files wait.

    Those of config/imports/, and rows written by hand, are imports of generic_import.py.
    """
    cursor.execute(
        """select config_name, is_sure from (
               select config_name, managed_by = 'yaml' and source_directory = %s || config_name as is_likely,
                   managed_by = 'upload' and sources <> '[{"type": "local", "optional": false}]'
                       or coalesce(job ->> 'output_csv_path', '') <> ''
                       or coalesce(job ->> 'start_time', job ->> 'end_time') is not null as is_sure
               from dba.timportconfig) c
           where is_sure or is_likely""",
        (get_folder(""),),
    )
    # the folder alone is not enough: an import may have a folder of its name, too
    return {
        name for name, is_sure in cursor.fetchall() if is_sure or not yaml_folders.find_file("imports", name).exists()
    }


def derive_name(path: Path) -> str:
    """Return the name of a job from that of its file; raises ConfigurationError if that is not possible."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise ConfigurationError(f"{path}: a name begins with a letter and has at most 41 characters", "Rename it.")
    return name


def is_job_file(path: Path) -> bool:
    """Return whether the argument names the file of a job, not the name of an upload."""
    return path.suffix in (".yaml", ".yml") or path.is_file()


def normalize_name(config: str) -> str:
    """Return the name of a job given by name or by file; what is neither is returned unchanged."""
    with contextlib.suppress(ConfigurationError):
        return derive_name(Path(config)) if is_job_file(Path(config)) else config
    return config


def get_folder(name: str) -> str:
    """Return the folder in which the files of a job wait, separate from those of other imports."""
    return f"file_watcher/{name}"


def _flatten_sources(document: Document) -> Document:
    """Replace the older spelling of sources, `sftp: {...}` and ${NAME}, by the current one; lines are kept."""
    if isinstance(target := document.values.get("target"), dict):
        document = replace(document, values={**document.values, "target": _add_prefix(target)})
    sources = document.values.get("sources")
    if not isinstance(sources, list):
        return document
    lines = dict(document.lines)
    flat = [_flatten_source(_add_prefix(source), ("sources", number), lines) for number, source in enumerate(sources)]
    return replace(document, values={**document.values, "sources": flat}, lines=lines)


def _add_prefix(value: Any) -> Any:
    """Return a value with ${API_TOKEN} as ${SOURCE_API_TOKEN}: configurations have no access to other settings."""
    if isinstance(value, str):
        return re.sub(rf"\$\{{(?!{settings.USER_PREFIX})(?=\w)", f"${{{settings.USER_PREFIX}", value)
    if isinstance(value, dict):
        return {key: _add_prefix(item) for key, item in value.items()}
    return [_add_prefix(item) for item in value] if isinstance(value, list) else value


def _flatten_source(source: Any, key_path: tuple[str | int, ...], lines: dict[KeyPath, int]) -> Any:
    if not isinstance(source, dict):
        return source
    if source.get("type") == "local" and isinstance(source.get("path"), str):
        return {"keep": True, **source, **_split_path(source["path"])}
    nested = source.get("sftp")
    if not isinstance(nested, dict):
        return source
    flat = {key: value for key, value in source.items() if key != "sftp"}
    for key, value in nested.items():
        new = _SFTP_NAMES.get(str(key), str(key))
        lines[(*key_path, new)] = lines.get((*key_path, "sftp", key), 1)
        flat[new] = value
    return {**flat, **_split_path(str(nested.get("remote_path", "")))}


def _split_path(path: str) -> dict[str, str]:
    """Return the keys path and pattern if a path names a file or has the wildcards * and ?, else nothing."""
    folder, _, name = path.rpartition("/")
    if "." not in name[1:] and not _WILD.search(name):
        return {}
    pattern = fnmatch.translate(name) if _WILD.search(name) else re.escape(name)
    return {"path": folder or ("/" if path.startswith("/") else "."), "pattern": pattern}
