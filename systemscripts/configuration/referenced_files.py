"""Find the files that a configuration names: SQL to run after a change, a Python transform, days without a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from systemscripts import settings
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.errors import ConfigurationError

SQL = settings.PROJECT / "sql"
TRANSFORMS = settings.PROJECT / "config" / "transforms"


def find_after_change(config: ImportConfig) -> Path | None:
    """Return the SQL file of an import, None if it has none; raises ConfigurationError if it is not below sql/."""
    if not config.after_change:
        return None
    return _find_below(SQL, config.after_change.removeprefix("sql/"), config, "after_change", "sales/totals.sql")


def find_transform(config: ImportConfig) -> Path | None:
    """Return the file config/transforms/NAME.py of an import, None if it has none.

    Raises ConfigurationError if the file does not exist.
    """
    if not config.transform:
        return None
    return _find_below(TRANSFORMS, f"{config.transform}.py", config, "transform", "clean_orders")


def find_faults(config: ImportConfig) -> dict[str, str]:
    """Return for each key that names a missing or unreadable file what is wrong: key -> text."""
    faults = {}
    readers: dict[str, Callable[[], object]] = {
        "after_change": lambda: find_after_change(config),
        "transform": lambda: find_transform(config),
        "expected": config.expected.list_days_off,
    }
    for key, read_file in readers.items():
        try:
            read_file()
        except ConfigurationError as error:
            faults[key] = str(error)
    return faults


def _find_below(folder: Path, name: str, config: ImportConfig, key: str, example: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ConfigurationError(
            f"{key} of {config.config_name}: there is no file {name} below {folder}", f"Name a file such as {example}."
        )
    return path
