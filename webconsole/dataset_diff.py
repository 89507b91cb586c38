"""Compare a dataset with another one, for page and JSON."""

from __future__ import annotations

from typing import Any

from flask import abort

from systemscripts import configuration
from systemscripts.datasets import changes
from systemscripts.datasets.comparison import Comparison
from systemscripts.errors import EtlError
from webconsole import connections


def find_previous(row: dict[str, Any], others: list[dict[str, Any]]) -> int | None:
    """Return the number of the newest dataset of the same label before this one, or None."""
    older = [other["dataset_id"] for other in others if other["dataset_id"] < row["dataset_id"]]
    return max(older, default=None)


def compare_datasets(row: dict[str, Any], number: int | None) -> tuple[list[dict[str, Any]], Comparison]:
    """Return the differences to another dataset as rows, with the comparison; 404 if the other does not exist."""
    numbers = [row["dataset_id"], *([number] if number is not None else [])]
    with connections.read_as_etl() as cursor:
        datasets = changes.load_datasets(cursor, numbers)
        if number is not None and (number not in datasets or datasets[number].config_name != row["config_name"]):
            abort(404, f"Dataset {number} does not belong to the import {row['config_name']}.")
        other = None if number is None else datasets[number]
        comparison = changes.compare_pair(
            cursor, other, datasets[row["dataset_id"]], find_key_columns(row["config_name"])
        )
    return changes.comparison_as_rows(comparison), comparison


def find_key_columns(name: str) -> list[str]:
    """Return the key columns of an import; an empty list if its configuration cannot be read."""
    try:
        config = configuration.load_import(connections.connect_as_etl(), name)
    except EtlError:
        return []
    return config.key_columns
