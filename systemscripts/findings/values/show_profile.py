"""The profile of a dataset for people: one row per column, alone or beside the profile of another dataset."""

from __future__ import annotations

from typing import Any

from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import UsageError
from systemscripts.findings.values.bounds import format_figure, format_share
from systemscripts.findings.values.history import KEPT_DATASETS, read_profiles
from systemscripts.findings.values.profile import ColumnProfile, format_day
from systemscripts.summary import Summary

MAX_TOP_VALUES = 3


def show_profile(connection: Connection, dataset_id: int, against: int | None = None) -> Summary:
    """Return the figures of each column of a dataset; `against`: only what differs from another dataset, both shown.

    Raises UsageError where no profile is kept.
    """
    with transaction(connection) as cursor:
        mine = read_profiles(cursor, dataset_id)
        other = read_profiles(cursor, against) if against is not None else {}
    for number, profiles in ((dataset_id, mine), (against, other)):
        if number is not None and not profiles:
            raise UsageError(
                f"there is no profile of dataset {number}",
                f"Profiles are kept of the last {KEPT_DATASETS} good datasets of a label and of held ones: "
                f"{format_command('database', 'sql', 'select distinct dataset_id from dba.v_column_profile')}",
            )
    summary = Summary(headline=f"profile of dataset {dataset_id}")
    if against is None:
        summary.rows = [describe_column(profile) for profile in mine.values() if profile.position]
        return summary
    summary.headline += f" beside dataset {against}"
    for name in {**mine, **other}:
        summary.rows += _compare_column(name, mine.get(name), other.get(name), dataset_id, against)
    return summary


def _compare_column(
    name: str, mine: ColumnProfile | None, other: ColumnProfile | None, dataset_id: int, against: int
) -> list[dict[str, Any]]:
    first, second = (describe_column(profile) if profile else {} for profile in (mine, other))
    figures = [key for key in {**first, **second} if key != "column" and first.get(key) != second.get(key)]
    return [
        {"column": name, "figure": key, f"dataset {dataset_id}": first.get(key), f"dataset {against}": second.get(key)}
        for key in figures
    ]


def describe_column(profile: ColumnProfile) -> dict[str, Any]:
    """Return the figures of one column as people read them."""
    lowest, median, highest = (
        None if value is None else format_day(float(value)) if profile.is_date else format_figure(float(value))
        for value in (profile.p10, profile.p50, profile.p90)
    )
    top = list((profile.top_values or {}).items())[:MAX_TOP_VALUES]
    return {
        "column": profile.column_name,
        "type": profile.column_type,
        "filled": format_share(profile.share_filled),
        "different": profile.distinct_values,
        "smallest": profile.min_value,
        "p10": lowest,
        "median": median,
        "p90": highest,
        "largest": profile.max_value,
        "sum": None if profile.sum is None else format_figure(float(profile.sum)),
        "most frequent": ", ".join(f"{value} {format_share(share)}" for value, share in top) or None,
    }
