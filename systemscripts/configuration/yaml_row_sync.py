"""Between config/imports/NAME.yaml and the row: who wins when both changed, and a row as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml

from systemscripts.configuration import import_rows, plain_secrets, referenced_files
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.import_parts import Source
from systemscripts.configuration.import_rows import FOLDER
from systemscripts.configuration.yaml_documents import read_document, validate_document
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import atomic_write
from systemscripts.errors import ConfigurationError, UsageError


def render_yaml(config: ImportConfig) -> str:
    """A configuration as its YAML file would hold it: what differs from the defaults, in the order of the model."""
    values: dict[str, Any] = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values.pop("config_name")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def compare_row(connection: Connection, name: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The keys in which a YAML file and its row differ: key, file, row; none where there is only a row.

    Raises ConfigurationError when one of them is faulty, UsageError when there is neither.
    """
    if not (folder / f"{name}.yaml").exists():
        import_rows.load_import(connection, name)
        return []
    document = import_rows.read_file(_file(name, folder))
    in_file = validate_document(document, ImportConfig, config_name=name).model_dump(mode="json", by_alias=True)
    in_row = import_rows.load_import(connection, name).model_dump(mode="json", by_alias=True)
    return [{"key": key, "file": in_file[key], "row": in_row[key]} for key in in_file if in_file[key] != in_row[key]]


def resolve_difference(
    connection: Connection, name: str, winner: Literal["file", "row"], folder: Path = FOLDER
) -> None:
    """Bring file and row together: the file's values into the row, or the row's into the file.

    Raises ConfigurationError when the file is faulty, UsageError when there is none.
    """
    if winner == "file":
        import_rows.apply_document(connection, import_rows.read_file(_file(name, folder)))
        return
    config = import_rows.load_import(connection, name)
    path = folder / f"{name}.yaml"
    written = config.model_copy(update={"sources": [_with_its_secrets(source, path) for source in config.sources]})
    with atomic_write(path) as stream:
        stream.write(render_yaml(written).encode())
    if written != config:  # they may stand in another place of the file now
        import_rows.apply_document(connection, import_rows.read_file(path))
        return
    with transaction(connection) as cursor:
        cursor.execute(
            "update dba.timportconfig set yaml_hash = %s, managed_by = 'yaml' where config_name = %s",
            (read_document(path).sha256, name),
        )


def _with_its_secrets(source: Source, path: Path) -> Source:
    """A source with the secrets that stand in this very file, which is about to be written anew."""

    def real(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: real(each) for key, each in value.items()}
        if isinstance(value, list):
            return [real(each) for each in value]
        found = plain_secrets.find_references(value)
        own = bool(found) and plain_secrets.locate_file(found[0]).resolve() == path.resolve()
        return plain_secrets.read_secret(found[0], str(path)) if own else value

    return Source.model_validate(real(source.model_dump()))


def find_faults(folder: Path = FOLDER) -> list[str]:
    """What is wrong in the YAML files of the imports, each fault with file, line, key and the nearest valid key."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(path)
            config = validate_document(document, ImportConfig, config_name=path.stem)
            absent = referenced_files.find_faults(config)
            found += [f"{path} line {document.lines.get((key,), 1)}: {text}" for key, text in absent.items()]
        except ConfigurationError as error:
            found += str(error.message).split("; ")
    return found


def _file(name: str, folder: Path) -> Path:
    path = folder / f"{name}.yaml"
    if not path.exists():
        raise UsageError(f"{path} does not exist", "See: generic_import.py --list")
    return path
