"""Carry out the options of generic_import that concern loaded or held datasets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts.directory_management import Directories
from systemscripts.ingest.accept_held import accept_dataset
from systemscripts.ingest.export_rejects import export_rejects
from systemscripts.ingest.replay_rejects import replay_rejects
from systemscripts.ingest.undo import undo_datasets
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection


@dataclass(frozen=True)
class DatasetOptions:
    """The options by their names. Exactly one is set, besides `cascade`, which belongs to `undo` and `run`."""

    undo: str | None
    run: str | None
    cascade: bool
    accept: int | None
    replay_rejects: int | None
    export_rejects: tuple[int, Path] | None


def run_dataset_option(
    connection: Connection, directories: Directories, run_uuid: str, options: DatasetOptions, wait_seconds: float
) -> Summary:
    """Accept, undo, replay or export, as one option says."""
    if options.accept is not None:
        return accept_dataset(connection, directories, run_uuid, options.accept, wait_seconds)
    if options.replay_rejects is not None:
        return replay_rejects(connection, options.replay_rejects, wait_seconds, directories)
    if options.export_rejects is not None:
        return export_rejects(connection, *options.export_rejects)
    dataset_id = int(options.undo) if options.undo else None
    return undo_datasets(connection, run_uuid, dataset_id, options.run, options.cascade, wait_seconds)
