"""The files beside a configuration that it names: SQL that follows a change, a function that transforms rows."""

from __future__ import annotations

from pathlib import Path

from systemscripts import settings
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.errors import ConfigurationError

SQL = settings.PROJECT / "sql"
TRANSFORMS = settings.PROJECT / "config" / "transforms"


def find_after_change(config: ImportConfig) -> Path | None:
    """The SQL file of an import, None where it has none; raises ConfigurationError when it is not below sql/."""
    if not config.after_change:
        return None
    return _below(SQL, config.after_change.removeprefix("sql/"), config, "after_change", "sales/totals.sql")


def find_transform(config: ImportConfig) -> Path | None:
    """The file config/transforms/NAME.py of an import's transform NAME, None where it has none.

    Raises ConfigurationError when it is not there.
    """
    if not config.transform:
        return None
    return _below(TRANSFORMS, f"{config.transform}.py", config, "transform", "clean_orders")


def find_faults(config: ImportConfig) -> dict[str, str]:
    """For each key that names a file which is not there: what is wrong."""
    found = {}
    for key, look in (("after_change", find_after_change), ("transform", find_transform)):
        try:
            look(config)
        except ConfigurationError as error:
            found[key] = str(error)
    return found


def _below(folder: Path, name: str, config: ImportConfig, key: str, example: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ConfigurationError(
            f"{key} of {config.config_name}: there is no file {name} below {folder}", f"Name one such as {example}."
        )
    return path
