"""The rules of configurations that were uploaded: checked before they are stored, and again when they are used.

An uploaded YAML may name only hosts that the operator listed, local paths under ETL_DATA_DIR, variables that are bound
to the host they go to, targets outside dba and the system schemas that no other road has made or named; no code, no
SQL, no secret in plain text, no mail address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from systemscripts import settings
from systemscripts.address_rules import AddressRules
from systemscripts.configuration import import_rows, plain_secrets, upload_targets, variables, yaml_job
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import Document, FaultsError, KeyPath, parse_document
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.ssh.login import split_host

SOURCE_TYPES = ("api", "local", "sftp")
FORBIDDEN_KEYS = ("transform", "after_change", "notify")
CLOSED_SCHEMAS = re.compile(r"dba|information_schema|pg_.*")
# Folders below the data folder that hold what is not for uploads: secrets, logs, other clients' files, the programs.
CLOSED_FOLDERS = {"archive", "config", "file_watcher", "logs", "var"} | {
    "bench", "demo", "docs", "jobscripts", "sql", "systemscripts", "tests", "webconsole",
}  # fmt: skip
Fault = tuple[KeyPath, str]


def find_faults(name: str, content: bytes) -> list[str]:
    """Everything that is wrong with an uploaded YAML, each with its line; empty where it may be stored."""
    try:
        document = parse_document(Path(f"{name}.yaml"), content)
        config, document, _ = yaml_job.build_job(document, name)
    except ConfigurationError as error:
        return error.faults if isinstance(error, FaultsError) else [error.message]
    return _with_lines(document, _forbidden(document.values, config))


def _with_lines(document: Document, found: Iterable[Fault]) -> list[str]:
    lines = sorted((_line(document, place), text) for place, text in found)
    return [f"{document.path} line {line}: {text}" for line, text in dict.fromkeys(lines)]


def store_upload(connection: Connection, name: str, content: bytes) -> int | None:
    """Store an upload as the row's next version; None where the content is that of the newest version already.

    Raises ConfigurationError that names every fault, or where a file of the operator has the name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise ConfigurationError(f"{name!r} is not a name for a configuration", "Use lower case, digits and _.")
    if wrong := find_faults(name, content):
        raise ConfigurationError("; ".join(wrong))
    config, document, _ = yaml_job.build_job(parse_document(Path(f"{name}.yaml"), content), name)
    with transaction(connection) as cursor:
        cursor.execute("select managed_by, yaml_hash from dba.timportconfig where config_name = %s", (name,))
        row = cursor.fetchone()
        is_taken = upload_targets.was_written_by_operator(cursor, name) or (row is not None and row[0] != "upload")
        wrong = _with_lines(document, upload_targets.find_faults(cursor, config))
    if is_taken or (import_rows.FOLDER / f"{name}.yaml").exists():
        raise ConfigurationError(f"{name} is an import of the operator", "Choose another name.")
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    # a version that was shown and is uploaded again says the same in other words
    if row is not None and (row[1] == document.sha256 or _says_the_same(connection, config)):
        return None
    import_rows.write_row(connection, config, hashlib.sha256(content).hexdigest(), "upload")
    with transaction(connection) as cursor:
        cursor.execute("select version from dba.timportconfig where config_name = %s", (name,))
        stored: Any = cursor.fetchone()
    return int(stored[0])


def _says_the_same(connection: Connection, config: ImportConfig) -> bool:
    """Return whether an import is so already, as after a version was shown and uploaded again."""
    try:
        return import_rows.load_import(connection, config.config_name) == config
    except ConfigurationError:
        # a row that today's rules do not take is what an upload may put right
        return False


def get_address_rules(connection: Connection, config_name: str) -> AddressRules:
    """Which hosts and addresses the sources of an import may be connected to."""
    if not import_rows.is_uploaded(connection, config_name):
        return AddressRules()
    return AddressRules(tuple(settings.current().upload_allowed_hosts))


def recheck_import(cursor: Cursor, config: ImportConfig) -> None:
    """Hold an uploaded configuration that is about to write against the rules of today.

    Raises ConfigurationError that names every fault.
    """
    values = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    found = [text for _, text in (*_forbidden(values, config), *upload_targets.find_faults(cursor, config))]
    if found:
        raise ConfigurationError(f"{config.config_name} was uploaded, and today's rules forbid it: {'; '.join(found)}")


def _forbidden(values: Mapping[str, Any], config: ImportConfig) -> Iterator[Fault]:
    for key in FORBIDDEN_KEYS:
        if values.get(key):
            yield (key,), f"{key} is not for uploads"
    if CLOSED_SCHEMAS.fullmatch(config.target_table.partition(".")[0]):
        yield ("target",), f"{config.target_table} is no target for uploads, its schema is closed"
    for name, column in config.declared.items():
        if column.checks.lookup and CLOSED_SCHEMAS.fullmatch(column.checks.lookup.partition(".")[0]):
            yield ("schema", name), f"schema.{name}: lookup in a closed schema is not for uploads"
    for key in ("source_directory", "archive_directory"):
        if getattr(config, key) != yaml_job.get_folder(config.config_name):
            yield from _path_fault((key,), key, getattr(config, key))
    yield from _path_fault(("output_csv_path",), "output_csv_path", config.job.output_csv_path)
    yield from _path_fault(("target",), "parquet", config.target.parquet)
    for name, expected in config.expect.columns.items():
        if expected.references and CLOSED_SCHEMAS.fullmatch(expected.references.partition(".")[0]):
            yield ("expect", "columns", name), f"expect.columns.{name}: references a closed schema, not for uploads"
    # the keys of a schema are columns' names, and a column may well be called key or token
    named_by_column = ("schema", "expect")
    outside = {key: value for key, value in values.items() if key not in ("sources", *named_by_column)}
    for name in variables.find_names({**outside, **{key: values.get(key) for key in named_by_column}}):
        yield (), f"${{{name}}} may stand in sources only"
    yield from plain_secrets.find_secrets(outside)
    for number, source in enumerate(config.sources):
        yield from _source_faults(("sources", number), source.type, source.options)


def _source_faults(place: KeyPath, kind: str, options: dict[str, Any]) -> Iterator[Fault]:
    if kind not in SOURCE_TYPES:
        yield (*place, "type"), f"sources of type {kind} are not for uploads"
        return
    yield from plain_secrets.find_secrets(options, place)
    if kind == "local":
        yield from _path_fault((*place, "path"), "path", str(options.get("path", "")))
    for key in ("ca_file", "key_file", "known_hosts"):
        yield from _path_fault((*place, key), key, str(options.get(key, "")))
    host, port = _host(kind, options)
    if host is not None:
        try:
            AddressRules(tuple(settings.current().upload_allowed_hosts)).check_name(host, port)
        except ConfigurationError as error:
            yield (*place, "url" if kind == "api" else "host"), str(error)
    bound = {entry.casefold() for entry in settings.current().upload_variable_hosts}
    for name in dict.fromkeys(variables.find_names(options)):
        if f"{name}@{host}".casefold() not in bound and f"{name}@{host}:{port}".casefold() not in bound:
            yield place, f"${{{name}}} is not bound to {host or 'this source'} (the operator: UPLOAD_VARIABLE_HOSTS)"


def _host(kind: str, options: dict[str, Any]) -> tuple[str | None, int | None]:
    """Who a source talks to; a host that is itself a variable is none that can be listed."""
    if kind == "local":
        return None, None
    try:
        if kind == "sftp":
            host, port = split_host(str(options.get("host", "")))
            return host, options.get("port", port)
        parts = urlsplit(str(options.get("url", "")))
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", None


def find_path_fault(text: str) -> str:
    """Why a path may not be named by an upload, or nothing; links are followed."""
    if not text:
        return ""
    data = settings.current().etl_data_dir.resolve()
    found = (data / re.split(r"[*?\[]", text, maxsplit=1)[0]).resolve()
    if "${" in text or not found.is_relative_to(data) or found == data:
        return f"{text} is not below the data folder"
    parts = found.relative_to(data).parts
    if parts[0] in CLOSED_FOLDERS or any(part.startswith(".") for part in parts):
        return f"{text} is a place that is closed to uploads"
    return ""


def _path_fault(place: KeyPath, key: str, text: str) -> Iterator[Fault]:
    if fault := find_path_fault(text):
        yield place, f"{key}: {fault}"


def _line(document: Document, place: KeyPath) -> int:
    return next((document.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in document.lines), 1)
