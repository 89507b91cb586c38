"""Compare config/imports/NAME.yaml with its row, resolve differences, and render a row as YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml

from systemscripts import bounded_patterns
from systemscripts.commands import format_command
from systemscripts.configuration import import_rows, plain_secrets, referenced_files, yaml_folders
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.import_parts import Source
from systemscripts.configuration.yaml_documents import read_document, validate_document
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import atomic_write
from systemscripts.errors import ConfigurationError, UsageError


def render_yaml(config: ImportConfig) -> str:
    """Return a configuration as YAML: the values that differ from the defaults, in the order of the model."""
    values: dict[str, Any] = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values.pop("config_name")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def compare_row(connection: Connection, name: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """Return the keys in which a YAML file and its row differ: key, file, row; none if there is only a row.

    Raises ConfigurationError if one of them is invalid, UsageError if neither exists.
    """
    if not yaml_folders.find_file("imports", name, folder).exists():
        import_rows.load_import(connection, name)
        return []
    document = import_rows.read_file(_find_file(name, folder))
    in_file = validate_document(document, ImportConfig, config_name=name).model_dump(mode="json", by_alias=True)
    in_row = import_rows.load_import(connection, name).model_dump(mode="json", by_alias=True)
    return [{"key": key, "file": in_file[key], "row": in_row[key]} for key in in_file if in_file[key] != in_row[key]]


def resolve_difference(
    connection: Connection, name: str, winner: Literal["file", "row"], folder: Path | None = None
) -> None:
    """Copy the values of the file into the row, or those of the row into the file.

    Raises ConfigurationError if the file is invalid, UsageError if it does not exist.
    """
    if winner == "file":
        import_rows.apply_document(connection, import_rows.read_file(_find_file(name, folder)))
        return
    config = import_rows.load_import(connection, name)
    path = (folder or yaml_folders.list_folders("imports")[0]) / f"{name}.yaml"
    yaml_folders.refuse_unwritable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = config.model_copy(update={"sources": [_restore_secrets(source, path) for source in config.sources]})
    with atomic_write(path) as stream:
        stream.write(render_yaml(written).encode())
    # the secrets may have another key path in the file now
    if written != config:
        import_rows.apply_document(connection, import_rows.read_file(path))
        return
    with transaction(connection) as cursor:
        cursor.execute(
            "update dba.timportconfig set yaml_hash = %s, managed_by = 'yaml' where config_name = %s",
            (read_document(path).sha256, name),
        )


def _restore_secrets(source: Source, path: Path) -> Source:
    """Return a source with the secrets of this file in place of their references: the file is about to be rewritten."""

    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: restore(item) for key, item in value.items()}
        if isinstance(value, list):
            return [restore(item) for item in value]
        references = plain_secrets.find_references(value)
        if not references or plain_secrets.locate_file(references[0]).resolve() != path.resolve():
            return value
        return plain_secrets.read_secret(references[0], str(path))

    return Source.model_validate(restore(source.model_dump()))


def find_faults(folder: Path | None = None) -> list[str]:
    """Return the faults of the YAML files of the imports, each with file, line, key and the nearest valid key."""
    faults = []
    for path in yaml_folders.list_files("imports", folder):
        try:
            document = read_document(path)
            config = validate_document(document, ImportConfig, config_name=path.stem)
            missing = referenced_files.find_faults(config)
            faults += [f"{path} line {document.lines.get((key,), 1)}: {text}" for key, text in missing.items()]
        except ConfigurationError as error:
            faults += str(error.message).split("; ")
    return faults


def find_slow_patterns(folder: Path | None = None) -> Iterator[str]:
    """Yield a warning for each regular expression of the YAML files that may be slow; `find_faults` reads them too."""
    for path in yaml_folders.list_files("imports", folder):
        try:
            config = validate_document(read_document(path), ImportConfig, config_name=path.stem)
        except ConfigurationError:
            continue
        patterns = {"file_pattern": config.file_pattern}
        for number, source in enumerate(config.sources):
            patterns[f"sources.{number}.pattern"] = str(source.options.get("pattern") or "")
        for name, column in config.declared.items():
            patterns[f"schema.{name}.checks.regex"] = column.checks.regex or ""
        for key, pattern in patterns.items():
            if risk := bounded_patterns.describe_risk(pattern):
                yield f"{path} {key}: {pattern} {risk}"


def _find_file(name: str, folder: Path | None) -> Path:
    path = yaml_folders.find_file("imports", name, folder)
    if not path.exists():
        raise UsageError(f"{path} does not exist", f"See: {format_command('generic_import', '--list')}")
    return path
