"""The rules for uploaded configurations, checked before they are stored and again when they are used.

An upload may name only hosts that the operator listed, local paths below ETL_DATA_DIR, variables that are bound to the
host they are sent to, and tables that belong to uploads. It may contain no code, no SQL, no plain-text secret and no
mail address.
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
from systemscripts.configuration import import_rows, plain_secrets, upload_targets, variables, yaml_folders, yaml_job
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import (
    Document,
    FaultsError,
    KeyPath,
    parse_document,
    validate_document,
)
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.ssh.login import split_host

SOURCE_TYPES = ("api", "http", "local", "sftp")
FORBIDDEN_KEYS = ("transform", "after_change", "notify", "label_title")
CLOSED_SCHEMAS = re.compile(r"dba|information_schema|pg_.*")
# Folders below the data folder with secrets, logs, programs and files of other clients.
CLOSED_FOLDERS = {"archive", "config", "file_watcher", "logs", "var"} | {
    "bench", "demo", "docs", "jobscripts", "sql", "systemscripts", "tests", "webconsole",
}  # fmt: skip
Fault = tuple[KeyPath, str]


def find_faults(name: str, content: bytes, is_import: bool = False) -> list[str]:
    """Return every fault of an uploaded YAML file with its line; empty if it may be stored.

    `is_import`: the YAML describes an import without sources, not a YAML job.
    """
    try:
        config, document = _build_config(name, content, is_import)
    except ConfigurationError as error:
        return error.faults if isinstance(error, FaultsError) else [error.message]
    return add_lines(document, find_forbidden(document.values, config))


def build_import(name: str, content: bytes) -> ImportConfig:
    """Return the import that an uploaded YAML without sources describes; raises ConfigurationError with every fault."""
    return _build_config(name, content, is_import=True)[0]


def _build_config(name: str, content: bytes, is_import: bool) -> tuple[ImportConfig, Document]:
    document = parse_document(Path(f"{name}.yaml"), content)
    if not is_import:
        config, document, _ = yaml_job.build_job(document, name)
        return config, document
    if "sources" in document.values:
        raise ConfigurationError(f"{document.path} line {document.find_line(('sources',))}: an import has no sources")
    # a folder of its own: its pattern can match no file of another import
    own = {} if "source_directory" in document.values else {"source_directory": yaml_job.get_folder(name)}
    return validate_document(document, ImportConfig, config_name=name, **own), document


def add_lines(document: Document, faults: Iterable[Fault]) -> list[str]:
    """Return faults as sentences with file and line, in the order of the lines."""
    lines = sorted((document.find_line(key_path), text) for key_path, text in faults)
    return [f"{document.path} line {line}: {text}" for line, text in dict.fromkeys(lines)]


def store_upload(
    connection: Connection, name: str, content: bytes, is_import: bool = False, is_edit: bool = False
) -> int | None:
    """Store an upload as the next version of its row and return the number, None if it equals the newest version.

    `is_import`: the YAML describes an import without sources, not a YAML job. `is_edit`: the same configuration in
    another spelling, such as with another comment, is a new version too. Raises ConfigurationError with every
    fault, or if the name belongs to the operator.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise ConfigurationError(f"{name!r} is not a valid name", "Use lower-case letters, digits and _.")
    if wrong := find_faults(name, content, is_import):
        raise ConfigurationError("; ".join(wrong))
    config, document = _build_config(name, content, is_import)
    with transaction(connection) as cursor:
        cursor.execute("select managed_by, yaml_hash from dba.timportconfig where config_name = %s", (name,))
        row = cursor.fetchone()
        is_taken = upload_targets.was_written_by_operator(cursor, name) or (row is not None and row[0] != "upload")
        wrong = add_lines(document, upload_targets.find_faults(cursor, config))
    if is_taken or yaml_folders.find_file("imports", name).exists():
        raise ConfigurationError(f"{name} is an import of the operator", "Choose another name.")
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    # a version that was downloaded and uploaded again has the same content in another spelling
    if row is not None and (row[1] == document.sha256 or (not is_edit and _is_unchanged(connection, config))):
        return None
    import_rows.write_row(connection, config, hashlib.sha256(content).hexdigest(), "upload", document.text)
    with transaction(connection) as cursor:
        cursor.execute("select version from dba.timportconfig where config_name = %s", (name,))
        stored: Any = cursor.fetchone()
    return int(stored[0])


def _is_unchanged(connection: Connection, config: ImportConfig) -> bool:
    """Return whether an import already has this configuration."""
    try:
        return import_rows.load_import(connection, config.config_name) == config
    except ConfigurationError:
        # an upload may fix a row that breaks today's rules
        return False


def get_address_rules(connection: Connection, config_name: str) -> AddressRules:
    """Return which hosts and addresses the sources of an import may use."""
    if not import_rows.is_uploaded(connection, config_name):
        return AddressRules()
    return AddressRules(tuple(settings.current().upload_allowed_hosts))


def recheck_import(cursor: Cursor, config: ImportConfig) -> None:
    """Check an upload against today's rules before it writes; raises ConfigurationError with every fault."""
    values = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    faults = [text for _, text in (*find_forbidden(values, config), *upload_targets.find_faults(cursor, config))]
    if faults:
        raise ConfigurationError(f"{config.config_name} was uploaded and breaks today's rules: {'; '.join(faults)}")


def find_forbidden(values: Mapping[str, Any], config: ImportConfig) -> Iterator[Fault]:
    """Yield the key path of everything that uploads may not name, and a sentence about it."""
    for key in FORBIDDEN_KEYS:
        if values.get(key):
            yield (key,), f"{key} is not allowed in uploads"
    if config.target.database:
        yield ("target",), "database is not allowed in uploads: their rows stay in the database of this installation"
    if CLOSED_SCHEMAS.fullmatch(config.target_table.partition(".")[0]):
        yield ("target",), f"{config.target_table} is in a schema that is closed to uploads"
    for name, column in config.declared.items():
        if column.checks.lookup and CLOSED_SCHEMAS.fullmatch(column.checks.lookup.partition(".")[0]):
            yield ("schema", name), f"schema.{name}: lookup is in a schema that is closed to uploads"
    for key in ("source_directory", "archive_directory"):
        if getattr(config, key) != yaml_job.get_folder(config.config_name):
            yield from _check_path((key,), key, getattr(config, key))
    yield from _check_path(("output_csv_path",), "output_csv_path", config.job.output_csv_path)
    yield from _check_path(("target",), "parquet", config.target.parquet)
    for name, expected in config.expect.columns.items():
        if expected.references and CLOSED_SCHEMAS.fullmatch(expected.references.partition(".")[0]):
            yield (
                ("expect", "columns", name),
                f"expect.columns.{name}: references a schema that is closed to uploads",
            )
    # the keys of a schema are names of columns, and a column may be called key or token
    named_by_column = ("schema", "expect")
    outside = {key: value for key, value in values.items() if key not in ("sources", *named_by_column)}
    for name in variables.find_names({**outside, **{key: values.get(key) for key in named_by_column}}):
        yield (), f"${{{name}}} is allowed in sources only"
    yield from plain_secrets.find_secrets(outside)
    for number, source in enumerate(config.sources):
        yield from _find_source_faults(("sources", number), source.type, source.options)


def _find_source_faults(key_path: KeyPath, source_type: str, options: dict[str, Any]) -> Iterator[Fault]:
    if source_type not in SOURCE_TYPES:
        yield (*key_path, "type"), f"sources of type {source_type} are not allowed in uploads"
        return
    yield from plain_secrets.find_secrets(options, key_path)
    if source_type == "local":
        yield from _check_path((*key_path, "path"), "path", str(options.get("path", "")))
    for key in ("ca_file", "key_file", "known_hosts"):
        yield from _check_path((*key_path, key), key, str(options.get(key, "")))
    if options.get("for_each"):
        yield (*key_path, "for_each"), "for_each is not allowed in uploads: it reads tables"
    host, port = _get_host(source_type, options)
    if host is not None:
        yield from _check_host((*key_path, "host" if source_type == "sftp" else "url"), host, port)
    yield from _check_bound(key_path, options, host, port)
    login = options.get("authentication")
    if isinstance(login, Mapping) and login.get("type") == "oauth2":
        # its secrets go to the server of the tokens, and the token to that of url
        token_host, token_port = _get_host(source_type, {"url": login.get("token_url", "")})
        yield from _check_host((*key_path, "authentication", "token_url"), token_host or "", token_port)
        yield from _check_bound(key_path, login, token_host, token_port)


def _check_host(key_path: KeyPath, host: str, port: int | None) -> Iterator[Fault]:
    try:
        AddressRules(tuple(settings.current().upload_allowed_hosts)).check_name(host, port)
    except ConfigurationError as error:
        yield key_path, str(error)


def _check_bound(key_path: KeyPath, options: Mapping[str, Any], host: str | None, port: int | None) -> Iterator[Fault]:
    """Yield a fault for each variable that may not be sent to a host."""
    bound = {entry.casefold() for entry in settings.current().upload_variable_hosts}
    for name in dict.fromkeys(variables.find_names(options)):
        if f"{name}@{host}".casefold() not in bound and f"{name}@{host}:{port}".casefold() not in bound:
            yield (
                key_path,
                f"${{{name}}} is not bound to {host or 'this source'} in UPLOAD_VARIABLE_HOSTS",
            )


def _get_host(source_type: str, options: dict[str, Any]) -> tuple[str | None, int | None]:
    """Return host and port of a source, (None, None) for a local one, ("", None) for an invalid address."""
    if source_type == "local":
        return None, None
    try:
        if source_type == "sftp":
            host, port = split_host(str(options.get("host", "")))
            return host, options.get("port", port)
        parts = urlsplit(str(options.get("url", "")))
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", None


def find_path_fault(text: str) -> str:
    """Return why an upload may not name a path, "" if it may; links are followed."""
    if not text:
        return ""
    data = settings.current().etl_data_dir.resolve()
    path = (data / re.split(r"[*?\[]", text, maxsplit=1)[0]).resolve()
    if "${" in text or not path.is_relative_to(data) or path == data:
        return f"{text} is not below the data folder"
    parts = path.relative_to(data).parts
    if parts[0] in CLOSED_FOLDERS or any(part.startswith(".") for part in parts):
        return f"{text} is closed to uploads"
    return ""


def _check_path(key_path: KeyPath, key: str, text: str) -> Iterator[Fault]:
    if fault := find_path_fault(text):
        yield key_path, f"{key}: {fault}"
