"""Show what changed from one dataset to the next."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job, wants_json

if TYPE_CHECKING:
    from systemscripts.configuration import ImportConfig
    from systemscripts.datasets.comparison import Comparison

# Shown of each dataset: more are not read on a terminal, and 700,000 take a minute to show.
MAX_ROWS = 1000


@job()
def dataset_changes(
    name: Annotated[str, typer.Argument(metavar="TABLE_OR_IMPORT", help="A target (schema.table) or an import.")],
    label: Annotated[str | None, typer.Option(help="Only this label, such as an event id.")] = None,
    from_date: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only what changed after this day.")
    ] = None,
    to_date: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Only what changed up to this day.")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
) -> Summary:
    """Show which keys were added, removed and changed from each dataset to the next of its label.

    The key is the import's key_columns; rows without a key are compared as a whole. Of many rows the first ones are
    shown and the others counted; --csv and --json have all of them.

    Examples:
        dataset_changes.py dba.tmeetmax --label 119179
        dataset_changes.py meetmax_events --from 2026-03-02 --to 2026-03-09 --csv changes.csv
    """
    import contextlib

    from systemscripts import configuration, db_utils
    from systemscripts.datasets import changes

    after, until = (moment.date() if moment else None for moment in (from_date, to_date))
    at_most = None if csv_file or wants_json() else MAX_ROWS
    comparisons: list[Comparison] = []
    with contextlib.closing(db_utils.connect(purpose="dataset_changes")) as connection:
        configuration.apply_files(connection)
        chosen = _choose_imports(name, configuration.load_imports(connection))
        with db_utils.transaction(connection) as cursor:
            for config in chosen:
                comparisons += changes.compare_consecutive(
                    cursor, config.config_name, config.key_columns, label, after, until, at_most
                )
    return _build_summary(comparisons, chosen, csv_file)


def _choose_imports(name: str, known: list[ImportConfig]) -> list[ImportConfig]:

    from systemscripts.errors import UsageError, did_you_mean

    chosen = [config for config in known if name in (config.config_name, config.target_table)]
    if not chosen:
        names = [text for config in known for text in (config.config_name, config.target_table)]
        raise UsageError(
            f"there is no import or target {name!r}{did_you_mean(name, names)}",
            f"See: {format_command('generic_import', '--list')}",
        )
    return chosen


def _build_summary(comparisons: list[Comparison], chosen: list[ImportConfig], csv_file: Path | None) -> Summary:
    from systemscripts.datasets import changes

    added, removed, changed = (sum(c.count(change) for c in comparisons) for change in ("added", "removed", "changed"))
    compared = sum(bool(c) or c.before is not None for c in comparisons)
    summary = Summary(headline=f"{compared} datasets compared: {added} added, {removed} removed, {changed} changed")
    summary.rows = [row for comparison in comparisons for row in changes.comparison_as_rows(comparison)]
    for comparison in (c for c in comparisons if c.twins):
        number = comparison.after.dataset_id
        text = f"dataset {number}: keys that occur more than once, their rows paired in order: "
        summary.warn("keys_repeated", text + ", ".join(comparison.twins), dataset_id=number)
    summary.details += [
        f"{c.config_name} has no key_columns: rows are compared as a whole" for c in chosen if not c.key_columns
    ]
    if unread := sum(comparison.unread for comparison in comparisons):
        more = format_command("dataset_changes", chosen[0].target_table, "--csv=changes.csv")
        summary.details.append(f"{unread:,} more rows are not shown; all of them: {more}")
    if csv_file is not None:
        _write_csv(csv_file, summary.rows)
        summary.details.append(f"written: {csv_file}")
    return summary


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    from systemscripts import office_files
    from systemscripts.datasets.changes import COLUMNS
    from systemscripts.directory_management import atomic_write

    with atomic_write(path) as stream:
        office_files.write_csv(stream, COLUMNS, [[row.get(name) for name in COLUMNS] for row in rows])


if __name__ == "__main__":
    dataset_changes.main()
