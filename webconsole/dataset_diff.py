"""A dataset against another one, for page and JSON."""

from __future__ import annotations

from typing import Any

from flask import abort

from systemscripts import configuration
from systemscripts.datasets import changes
from systemscripts.datasets.comparison import Comparison
from systemscripts.errors import EtlError
from webconsole import connections


def before(row: dict[str, Any], others: list[dict[str, Any]]) -> int | None:
    """The newest of the older datasets of the same label."""
    older = [each["dataset_id"] for each in others if each["dataset_id"] < row["dataset_id"]]
    return max(older, default=None)


def comparison_lines(row: dict[str, Any], number: int | None) -> tuple[list[dict[str, Any]], Comparison]:
    """A dataset against another one, as lines; 404 where the other does not exist."""
    wanted = [row["dataset_id"], *([number] if number is not None else [])]
    with connections.reading() as cursor:
        found = changes.load_datasets(cursor, wanted)
        if number is not None and (number not in found or found[number].config_name != row["config_name"]):
            abort(404, f"Dataset {number} is none of the import {row['config_name']}.")
        after, other = found[row["dataset_id"]], found[number] if number is not None else None
        made = changes.compare_pair(cursor, other, after, key_columns(row["config_name"]))
    return changes.comparison_as_rows(made), made


def key_columns(name: str) -> list[str]:
    """What names a row of an import; nothing where its configuration cannot be read."""
    try:
        config = configuration.load_import(connections.acting(), name)
    except EtlError:
        return []
    return config.key_columns
