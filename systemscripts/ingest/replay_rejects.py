"""Load rejected rows again, into the dataset they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from systemscripts import configuration, settings
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.datasets.load_decision import describe_held_steps
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.imports import after_change, column_layout, copy_rows, new_rows, target_plan, upsert
from systemscripts.imports.parquet import parquet_copy
from systemscripts.imports.values import lookups, transform_rows
from systemscripts.ingest import heal_target
from systemscripts.ingest.ingest_context import check_upload
from systemscripts.summary import Counts, Summary
from systemscripts.tables.model import Block, Table, Wire


@dataclass(frozen=True)
class ReplayedDataset:
    """A dataset with what is known of its file."""

    dataset_id: int
    config_name: str
    label: str | None
    target_table: str
    status: str
    load_mode: str
    file_id: int
    plan: dict[str, Any]


class RejectedRows(Table):
    """The rejected rows of one file, as they were in it."""

    def __init__(self, dataset: ReplayedDataset, rows: list[tuple[int, str]]) -> None:
        self.columns = dataset.plan["file_headers"]
        self.wire = Wire(**dataset.plan["wire"])
        self.skipped, self.warnings = 0, []
        self._rows = rows

    def blocks(self) -> Iterator[Block]:
        """Give all rows as one block."""
        yield Block([raw.encode(self.wire.encoding) for _, raw in self._rows], [line for line, _ in self._rows])

    def content_sha256(self) -> str:
        """Return nothing: rejected rows have no identity of their own."""
        return ""

    def close(self) -> None:
        """Do nothing: no file is open."""


def replay_rejects(connection: Connection, dataset_id: int, wait_seconds: float, directories: Directories) -> Summary:
    """Load the rejected rows of a dataset by today's configuration; rows that still do not fit stay rejected.

    Raises UsageError for an undone or overtaken dataset, TryLaterError when an import is loading into the target.
    """
    with transaction(connection) as cursor:
        dataset = load_dataset(cursor, dataset_id)
    if heal_target.is_elsewhere(dataset.target_table):
        raise UsageError(
            f"the rows of dataset {dataset_id} are in another database ({dataset.target_table}): rejected rows are not "
            "loaded there afterwards",
            "Export the rows with --export-rejects, and have a corrected file delivered; or undo the dataset and load "
            "its file again with --reload.",
        )
    _, faults = configuration.apply_valid_files(connection, needed=dataset.config_name)
    if dataset.config_name in faults:
        raise ConfigurationError(faults[dataset.config_name])
    config = configuration.load_import(connection, dataset.config_name)
    config = config.model_copy(update={"load_mode": dataset.load_mode})
    check_upload(connection, config)
    with advisory_lock(connection, f"target {dataset.target_table}", wait_seconds), transaction(connection) as cursor:
        # read again: the run that held the lock may have loaded them, or undone the dataset
        dataset = load_dataset(cursor, dataset_id)
        _refuse_overtaken(cursor, dataset)
        rows = _load_open_rejects(cursor, dataset_id)
        if not rows:
            return Summary(headline=f"dataset {dataset_id} has no rejected rows")
        counts = _replay_rows(cursor, dataset, config, rows, directories)
    summary = Summary(
        headline=f"{counts.loaded} of {counts.read} rejected rows loaded into dataset {dataset_id}", counts=counts
    )
    if counts.rejected:
        text = f"{counts.rejected} rows still do not fit, see dba.trejectedrow"
        summary.warn("rows_rejected", text, dataset.config_name, dataset.file_id, dataset_id)
    return summary


def _refuse_overtaken(cursor: Cursor, dataset: ReplayedDataset) -> None:
    """Raise UsageError for an undone dataset, and for an upsert whose rows a later one may have changed."""
    if dataset.status == "undone":
        raise UsageError(f"dataset {dataset.dataset_id} is undone", "Deliver a corrected file.")
    if dataset.status == "held":
        next_step = describe_held_steps(dataset.dataset_id)
        raise UsageError(f"dataset {dataset.dataset_id} is held", f"Decide first: {next_step}")
    if dataset.load_mode != "upsert":
        return
    cursor.execute(
        "select max(dataset_id) from dba.tdataset where target_table = %s and status <> 'undone' and not is_held_file",
        (dataset.target_table,),
    )
    newest = cursor.fetchone()
    if newest and newest[0] != dataset.dataset_id:
        raise UsageError(
            f"dataset {newest[0]} was loaded after dataset {dataset.dataset_id} and may have changed the same rows",
            "Export the rows with --export-rejects, and have a corrected file delivered.",
        )


def _replay_rows(
    cursor: Cursor,
    dataset: ReplayedDataset,
    config: ImportConfig,
    rows: list[tuple[int, str]],
    directories: Directories,
) -> Counts:
    table = RejectedRows(dataset, rows)
    columns = dataset.plan["file_columns"]
    shape = column_layout.build_layout(
        config, columns, table.columns, transform_rows.load_transform(config, table, columns)
    )
    in_lake = config.target.parquet
    plan = (
        parquet_copy.plan_target(cursor, config.model_copy(update={"importstrategyid": 2}), shape, directories)
        if in_lake
        else target_plan.plan_target(cursor, *config.schema_and_table, shape, 2)
    )
    rules = plan.shape.rules(settings.get_zone(), lookups.load_lookup_values(cursor, plan.shape))
    load = copy_rows.Load(table, plan, rules, dataset.dataset_id, dataset.file_id)
    cursor.execute("select coalesce(max(rejected_row_id), 0) from dba.trejectedrow")
    newest: Any = cursor.fetchone()
    with after_change.recompute_affected(cursor, config, dataset.label) as affected:
        counts = _load_rows(cursor, config, load)
        if dataset.status == "active":
            affected.add([dataset.dataset_id], [line for line, _ in rows])
    # rows that failed again have a new entry with the new reason, which replaces the old one
    cursor.execute(
        """delete from dba.trejectedrow o using dba.trejectedrow n
           where o.dataset_id = %(id)s and n.dataset_id = %(id)s and n.source_row = o.source_row
             and n.rejected_row_id > %(newest)s and o.rejected_row_id <= %(newest)s and o.replayed_at is null""",
        {"id": dataset.dataset_id, "newest": newest[0]},
    )
    cursor.execute(
        """update dba.trejectedrow set replayed_at = now()
           where dataset_id = %s and rejected_row_id <= %s and replayed_at is null""",
        (dataset.dataset_id, newest[0]),
    )
    for name, key in (("tdataset", dataset.dataset_id), ("tfile", dataset.file_id)):
        cursor.execute(
            f"""update dba.{name} set rows_loaded = rows_loaded + %s, rows_skipped = rows_skipped + %s,
                rows_rejected = rows_rejected - %s where {"dataset_id" if name == "tdataset" else "file_id"} = %s""",
            (counts.loaded, counts.skipped, counts.loaded + counts.skipped, key),
        )
    return counts


def _load_rows(cursor: Cursor, config: ImportConfig, load: copy_rows.Load) -> Counts:
    """Load the rows as their load mode demands."""
    if load.plan.lake is not None:
        return parquet_copy.copy_table(cursor, load, _ignore_progress)[0]
    if load.plan.shape.hashed:
        return new_rows.insert_new_rows(cursor, load, _ignore_progress)[0]
    if config.load_mode == "upsert":
        load.plan.key_columns = config.key_columns
        return upsert.upsert_table(cursor, load, config.empty_keeps, _ignore_progress)[0]
    return copy_rows.copy_table(cursor, load, _ignore_progress)[0]


def _ignore_progress(records: int) -> None:
    """Do nothing: a few rows need no progress bar."""


def load_dataset(cursor: Cursor, dataset_id: int) -> ReplayedDataset:
    """Return a loaded or undone dataset with the file it came from; raise UsageError when there is none."""
    cursor.execute(
        """select d.dataset_id, d.config_name, d.label, d.target_table, d.status, d.load_mode, f.file_id, f.plan
           from dba.tdataset d join dba.tfile f on f.dataset_id = d.dataset_id and f.status in ('loaded', 'undone')
           where d.dataset_id = %s""",
        (dataset_id,),
    )
    row = cursor.fetchone()
    if row is None:
        raise UsageError(
            f"there is no dataset {dataset_id}",
            f"See: {format_command('database', 'sql', 'select * from dba.v_dataset')}",
        )
    return ReplayedDataset(*row)


def _load_open_rejects(cursor: Cursor, dataset_id: int) -> list[tuple[int, str]]:
    cursor.execute(
        """select source_row, raw_row from dba.trejectedrow
           where dataset_id = %s and replayed_at is null and raw_row is not null order by source_row""",
        (dataset_id,),
    )
    return [(row[0], row[1]) for row in cursor.fetchall()]
