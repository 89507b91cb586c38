"""The marts from start to end: months, engine, database, Parquet sets, bucket, and the note of it all.

Each target changes in one step; the note comes last. Whatever is killed before it, the next run computes the same
months again and ends where an undisturbed one would have.
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
from systemscripts.datasets import lake
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.directory_management import Directories, explain_write_error
from systemscripts.errors import BadDataError
from systemscripts.marts import bucket_sets, databases, dimensions, engines, local_sets, months, oversized
from systemscripts.marts.databases import Rows
from systemscripts.marts.months import Touched
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
    """What the operator asked for."""

    engine: str = "duckdb"
    master: str = ""
    dry_run: bool = False
    recompute: bool = False  # every month, as after a change of the dimensions
    wait_seconds: float = 0


def run(connection: Connection, directories: Directories, run_uuid: str, options: Options) -> Summary:
    """Bring the marts up to date with the active sales; raises EtlError, after which the same command heals."""
    engine = engines.load_module(options.engine)
    base = directories.data / settings.current().marts_directory
    target = _target(base)
    config = configuration.load_import(connection, IMPORT)
    # the lock of the import's target: no file of a dataset may go while it is read
    with advisory_lock(connection, f"target {config.target_table}", options.wait_seconds):
        with transaction(connection) as cursor:
            current = lake.list_current_files(cursor, IMPORT, directories)
            found = months.find_touched_months(cursor, target, current, options.recompute)
            if lost := _lost(base, found.kept):
                found = replace(
                    months.find_touched_months(cursor, target, current, everything=True), computed_before=frozenset()
                )
        summary = Summary()
        if found.months and not options.dry_run:
            with _work_folder(base, run_uuid) as work:
                found = _without_oversized(connection, found, work, summary)
        summary.rows = _as_rows(found)
        for place in lost:
            summary.warn("months_computed_again", f"{place} lacks months that were computed: all are computed again")
        if options.dry_run or not found.months:
            summary.headline = _headline("would be computed" if options.dry_run else "", found)
            return summary
        with _work_folder(base, run_uuid) as work:
            if found.files:
                with log_utils.step("dimensions"), transaction(connection) as cursor:
                    dimensions.export(cursor, engines.DIMENSIONS, work)
                with log_utils.step(options.engine):
                    files = tuple(file.path for file in found.files)
                    engine.compute(engines.Work(files, found.months, work, work / "results", options.master))
            with transaction(connection) as cursor:
                months.forget_others(cursor, target)
            _write(base, work / "results", found, run_uuid, summary)
        with transaction(connection) as cursor:
            months.record_months(cursor, target, found, run_uuid)
    summary.headline = _headline("computed", found)
    return summary


def _without_oversized(connection: Connection, found: Touched, work: Path, summary: Summary) -> Touched:
    """Leave out the months whose sums are too large, each a problem that names the largest sale in it."""
    bad = oversized.find_oversized_months([file.path for file in found.files], found.months, work / "spill")
    for each in bad:
        with transaction(connection) as cursor:
            cursor.execute(
                "select name from dba.tfile where dataset_id = %s order by file_id desc limit 1", (each.dataset_id,)
            )
            row = cursor.fetchone()
        source = row[0] if row else f"dataset {each.dataset_id}"
        summary.problem(
            f"{each.month:%Y-%m} is not computed, its sums do not fit numeric(18,2): the largest sale is "
            f"{each.total_cost} in {source}, row {each.source_row}; where it is wrong: "
            f"generic_import.py --undo {each.dataset_id}, then sales_marts.py",
            BadDataError.exit_code,
        )
    return found.leave_out([each.month for each in bad])


def _target(base: Path) -> str:
    """Where the marts go, in words; another place has nothing yet, and is computed from the beginning."""
    bucket = settings.current().s3_bucket
    return " + ".join([databases.load_database().name(), str(base), *([f"s3://{bucket}/"] if bucket else [])])


def _lost(base: Path, kept: Sequence[date]) -> list[str]:
    """The places that lack months noted as computed: removed by hand, or brought back from a backup.

    The bucket is no such place: what it lacks is uploaded from the local set.
    """
    if not kept:
        return []
    where = databases.load_database()
    found = [] if where.holds({CUSTOMERS_TABLE: CUSTOMERS_MONTH, TEAM_TABLE: TEAM_MONTH}, kept) else [where.name()]
    for name, parts in SETS.items():
        for part, result in parts.items():
            folder = base / name / local_sets.POINTER / part
            if not all((folder / f"{engines.RESULTS[result][0]}={month}").is_dir() for month in kept):
                found.append(str(folder))
    return found


@contextmanager
def _work_folder(base: Path, run_uuid: str) -> Iterator[Path]:
    """A folder on the disk of the sets, gone afterwards; what killed runs have left goes too."""
    work = base / f"{WORK}{run_uuid[:8]}"
    try:
        for left in base.glob(f"{WORK}*"):
            shutil.rmtree(left)
        (work / "results").mkdir(parents=True)
    except OSError as error:
        raise explain_write_error(work, error) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(base: Path, results: Path, found: Touched, run_uuid: str, summary: Summary) -> None:
    """Every target, one after the other; each changes in one step."""
    for name in engines.RESULTS:
        (results / name).mkdir(exist_ok=True)
    customers = Rows(CUSTOMERS_TABLE, CUSTOMERS_MONTH, CUSTOMERS, results / "customers_data_mart")
    team = Rows(TEAM_TABLE, TEAM_MONTH, TEAM, results / "sales_team_data_mart")
    kept = list(found.kept)
    with log_utils.step("database"):
        databases.load_database().write([customers, team], kept)
    summary.details.append(f"database: {databases.load_database().name()}")
    version = f"v{settings.now():%Y%m%dT%H%M%S}-{run_uuid[:8]}"
    with log_utils.step("parquet"):
        folders = {
            name: local_sets.publish(base / name, version, {key: results / part for key, part in parts.items()}, kept)
            for name, parts in SETS.items()
        }
    summary.details += [f"parquet: {base / name / local_sets.POINTER}" for name in folders]
    wanted = settings.current()
    if wanted.s3_bucket:
        prefixes = {
            "customer_data_mart": wanted.s3_customer_mart_prefix,
            "sales_data_mart": wanted.s3_sales_mart_prefix,
        }
        bucket = s3.open_bucket()
        with log_utils.step("bucket"):
            for name, folder in folders.items():
                bucket_sets.publish(bucket, prefixes[name], version, folder, kept)
                summary.details.append(f"bucket: {bucket.address}{prefixes[name]}{bucket_sets.POINTER}")


def _as_rows(found: Touched) -> list[dict[str, Any]]:
    return [{"month": f"{month:%Y-%m}", "files": len(found.names.get(month, []))} for month in found.months]


def _headline(done: str, found: Touched) -> str:
    if not found.months and found.is_complete:
        return "nothing to do: every month is computed from the files of now"
    count = len(found.months)
    months_of = f"{count} month{'s' if count > 1 else ''}"
    files_of = f"{len(found.files)} file{'s' if len(found.files) != 1 else ''}"
    return f"{months_of} {done} from {files_of}, {len(found.kept)} left as they are"
