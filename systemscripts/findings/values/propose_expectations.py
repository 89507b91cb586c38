"""Propose `expect:` from the good datasets of an import: what was true of every one of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from systemscripts.findings.values.bounds import MIN_VALUES
from systemscripts.findings.values.history import GOOD, MIN_DATASETS, read_profiles
from systemscripts.findings.values.profile import ROWS, ColumnProfile

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# The newest good datasets that are looked at, of all labels.
MAX_DATASETS = 50
# A list of more values than this is seldom complete.
MAX_ACCEPTED = 20
# How far beyond what was seen the number of rows may lie.
ROWS_MARGIN = 0.5


def propose_expectations(cursor: Cursor, config_name: str) -> tuple[dict[str, Any], int]:
    """Return `expect:` for an import as a mapping, and from how many good datasets it comes; empty with too few."""
    cursor.execute(
        f"""select d.dataset_id from dba.tdataset d where d.config_name = %s and {GOOD}
              and exists (select from dba.tcolumnprofile p where p.dataset_id = d.dataset_id)
            order by d.dataset_id desc limit {MAX_DATASETS}""",
        (config_name,),
    )
    history = [read_profiles(cursor, dataset_id) for (dataset_id,) in cursor.fetchall()]
    if len(history) < MIN_DATASETS:
        return {}, len(history)
    by_column: dict[str, list[ColumnProfile]] = defaultdict(list)
    for profiles in history:
        for profile in profiles.values():
            by_column[profile.column_name].append(profile)
    rows = [profile.rows for profile in by_column.pop(ROWS, [])]
    proposal: dict[str, Any] = {}
    if rows:
        proposal["rows"] = [int(min(rows) * (1 - ROWS_MARGIN)), int(max(rows) * (1 + ROWS_MARGIN)) + 1]
    columns = {
        name: wishes
        for name, profiles in by_column.items()
        if profiles[0].position and len(profiles) == len(history) and (wishes := _propose_column(profiles))
    }
    return proposal | ({"columns": columns} if columns else {}), len(history)


def _propose_column(profiles: list[ColumnProfile]) -> dict[str, Any]:
    """Return what was true of a column in every dataset that has enough rows to say so."""
    telling = [profile for profile in profiles if profile.rows >= MIN_VALUES]
    if len(telling) < MIN_DATASETS:
        return {}
    wishes: dict[str, Any] = {}
    is_exact = not any(profile.is_estimated for profile in telling)
    is_name = telling[0].column_type in ("text", "integer", "bigint")
    if is_exact and is_name and all(each.distinct_values == each.filled == each.rows for each in telling):
        wishes["unique"] = True
    if all(profile.filled == profile.rows for profile in telling):
        wishes["filled"] = 1
    values = {value for profile in telling for value in profile.top_values or {}}
    is_list = all(profile.top_values is not None for profile in telling) and telling[0].column_type == "text"
    if is_list and is_exact and 2 <= len(values) <= MAX_ACCEPTED:
        wishes["accepted"] = sorted(values)
    if telling[0].is_number and all(float(profile.min_value or 0) >= 0 for profile in telling):
        wishes["min"] = [0, None]
    return wishes
