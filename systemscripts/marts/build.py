"""Compute the marts: find the months, run the engine, write database, Parquet sets and bucket, record the months.

Each target changes in one step, and the months are recorded last. After a kill, the next run computes the same months
again, with the same result.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from systemscripts import configuration, log_utils, s3, settings
from systemscripts.commands import format_command
from systemscripts.datasets import lake
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.directory_management import Directories, explain_write_error
from systemscripts.errors import BadDataError
from systemscripts.marts import bucket_sets, databases, dimensions, engines, local_sets, oversized, touched_months
from systemscripts.marts.databases import Rows
from systemscripts.marts.touched_months import Touched
from systemscripts.summary import Summary

IMPORT = "sales"
WORK = ".work-"
CUSTOMERS_TABLE, CUSTOMERS_MONTH = "customers_data_mart", "sales_date_month"
TEAM_TABLE, TEAM_MONTH = "sales_team_data_mart", "sales_month"
CUSTOMERS = ("customer_id", "full_name", "address", "phone_number", "sales_date_month", "total_sales")
TEAM = ("store_id", "sales_person_id", "full_name", "sales_month", "total_sales", "incentive")

# set -> folder inside the set -> an engine's result
SETS: dict[str, dict[str, str]] = {
    "customer_data_mart": {"enriched_sales": "enriched_sales", "customers_data_mart": "customers_data_mart"},
    "sales_data_mart": {".": "sales_team_data_mart"},
}


@dataclass(frozen=True)
class Options:
    """The options of the job."""

    engine: str = "duckdb"
    master: str = ""
    dry_run: bool = False
    # compute every month, after a change of the dimensions
    recompute: bool = False
    wait_seconds: float = 0


def run(connection: Connection, directories: Directories, run_uuid: str, options: Options) -> Summary:
    """Update the marts from the active sales; after an EtlError the same command may be run again."""
    engine = engines.load_module(options.engine)
    base = directories.data / settings.current().marts_directory
    target = _describe_target(base)
    config = configuration.load_import(connection, IMPORT)
    # the lock of the import's target: no file of a dataset may be removed while it is read
    with advisory_lock(connection, f"target {config.target_table}", options.wait_seconds):
        with transaction(connection) as cursor:
            current = lake.list_current_files(cursor, IMPORT, directories)
            touched = touched_months.find_touched_months(cursor, target, current, options.recompute)
            if incomplete := _find_incomplete_targets(base, touched.kept):
                touched = replace(
                    touched_months.find_touched_months(cursor, target, current, everything=True),
                    computed_before=frozenset(),
                )
        summary = Summary()
        if touched.months and not options.dry_run:
            with _create_work_folder(base, run_uuid) as work:
                touched = _leave_out_oversized(connection, touched, work, summary)
        summary.rows = _as_rows(touched)
        for name in incomplete:
            summary.warn("months_computed_again", f"{name} lacks months that were computed: all are computed again")
        if options.dry_run or not touched.months:
            summary.headline = _write_headline("would be computed" if options.dry_run else "", touched)
            return summary
        with _create_work_folder(base, run_uuid) as work:
            if touched.files:
                with log_utils.step("dimensions"), transaction(connection) as cursor:
                    dimensions.export_dimensions(cursor, engines.DIMENSIONS, work)
                with log_utils.step(options.engine):
                    files = tuple(file.path for file in touched.files)
                    engine.compute(engines.Work(files, touched.months, work, work / "results", options.master))
            with transaction(connection) as cursor:
                touched_months.forget_others(cursor, target)
            _write_targets(base, work / "results", touched, run_uuid, summary)
        with transaction(connection) as cursor:
            touched_months.record_months(cursor, target, touched, run_uuid)
    summary.headline = _write_headline("computed", touched)
    return summary


def _leave_out_oversized(connection: Connection, touched: Touched, work: Path, summary: Summary) -> Touched:
    """Leave out the months whose sums are too large, and report the largest sale of each as a problem."""
    too_large = oversized.find_oversized_months([file.path for file in touched.files], touched.months, work / "spill")
    for excess in too_large:
        with transaction(connection) as cursor:
            cursor.execute(
                "select name from dba.tfile where dataset_id = %s order by file_id desc limit 1",
                (excess.dataset_id,),
            )
            row = cursor.fetchone()
        source = row[0] if row else f"dataset {excess.dataset_id}"
        summary.problem(
            f"{excess.month:%Y-%m} is not computed, its sums do not fit numeric(18,2): the largest sale is "
            f"{excess.total_cost} in {source}, row {excess.source_row}; if it is wrong: "
            f"{format_command('generic_import', '--undo', excess.dataset_id)}, then {format_command('sales_marts')}",
            BadDataError.exit_code,
        )
    return touched.leave_out([month.month for month in too_large])


def _describe_target(base: Path) -> str:
    """Return the targets in words; for a new combination every month is computed."""
    bucket = settings.current().s3_bucket
    return " + ".join([databases.load_database().get_name(), str(base), *([f"s3://{bucket}/"] if bucket else [])])


def _find_incomplete_targets(base: Path, kept: Sequence[date]) -> list[str]:
    """Return the targets that lack computed months, because they were removed by hand or restored from a backup.

    The bucket is not checked: missing months are uploaded from the local set.
    """
    if not kept:
        return []
    database = databases.load_database()
    month_columns = {CUSTOMERS_TABLE: CUSTOMERS_MONTH, TEAM_TABLE: TEAM_MONTH}
    incomplete = [] if database.has_months(month_columns, kept) else [database.get_name()]
    for name, parts in SETS.items():
        for part, result in parts.items():
            folder = base / name / local_sets.POINTER / part
            if not all((folder / f"{engines.RESULTS[result][0]}={month}").is_dir() for month in kept):
                incomplete.append(str(folder))
    return incomplete


@contextmanager
def _create_work_folder(base: Path, run_uuid: str) -> Iterator[Path]:
    """Create a folder on the disk of the sets, and remove it afterwards, also those of killed runs."""
    work = base / f"{WORK}{run_uuid[:8]}"
    try:
        for leftover in base.glob(f"{WORK}*"):
            shutil.rmtree(leftover)
        (work / "results").mkdir(parents=True)
    except OSError as error:
        raise explain_write_error(work, error) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_targets(base: Path, results: Path, touched: Touched, run_uuid: str, summary: Summary) -> None:
    """Write every target, one after the other; each changes in one step."""
    for name in engines.RESULTS:
        (results / name).mkdir(exist_ok=True)
    customers = Rows(CUSTOMERS_TABLE, CUSTOMERS_MONTH, CUSTOMERS, results / "customers_data_mart")
    team = Rows(TEAM_TABLE, TEAM_MONTH, TEAM, results / "sales_team_data_mart")
    kept = list(touched.kept)
    with log_utils.step("database"):
        databases.load_database().write([customers, team], kept)
    summary.details.append(f"database: {databases.load_database().get_name()}")
    version = f"v{settings.now():%Y%m%dT%H%M%S}-{run_uuid[:8]}"
    with log_utils.step("parquet"):
        folders = {
            name: local_sets.publish(base / name, version, {key: results / part for key, part in parts.items()}, kept)
            for name, parts in SETS.items()
        }
    summary.details += [f"parquet: {base / name / local_sets.POINTER}" for name in folders]
    current = settings.current()
    if current.s3_bucket:
        prefixes = {
            "customer_data_mart": current.s3_customer_mart_prefix,
            "sales_data_mart": current.s3_sales_mart_prefix,
        }
        bucket = s3.open_bucket()
        with log_utils.step("bucket"):
            for name, folder in folders.items():
                bucket_sets.publish(bucket, prefixes[name], version, folder, kept)
                summary.details.append(f"bucket: {bucket.address}{prefixes[name]}{bucket_sets.POINTER}")


def _as_rows(touched: Touched) -> list[dict[str, Any]]:
    return [{"month": f"{month:%Y-%m}", "files": len(touched.names.get(month, []))} for month in touched.months]


def _write_headline(done: str, touched: Touched) -> str:
    if not touched.months and touched.is_complete:
        return "nothing to do: every month is up to date"
    count = len(touched.months)
    months_of = f"{count} month{'s' if count > 1 else ''}"
    files_of = f"{len(touched.files)} file{'s' if len(touched.files) != 1 else ''}"
    return f"{months_of} {done} from {files_of}, {len(touched.kept)} unchanged"
