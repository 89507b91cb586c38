"""The profiles of the good datasets of an import and label, and what decisions about them allow."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from systemscripts.datasets.current import SAME_LABEL
from systemscripts.findings.values.profile import ColumnProfile
from systemscripts.findings.values.sketch import Sketch, read_sketch

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# A quarter of weekly files: long enough for what is usual, short enough to forget how it was a season ago.
KEPT_DATASETS = 12
# Datasets that are looked at for those with a profile: of older ones none is kept.
LOOKED_BACK = 50
# With fewer there is nothing that could be called usual.
MIN_DATASETS = 3
# How often a warning comes until it is usual.
USUAL_AFTER = 3
# Of an import with more labels the first ones by name are looked at: it is asked at each load.
MAX_OTHER_LABELS = 200
_COLUMNS = (
    "column_name", "position", "column_type", "is_estimated", "rows", "filled", "distinct_values", "min_value", "p10",
    "p50", "p90", "max_value", "sum", "mean", "min_length", "max_length", "top_values", "patterns", "traits", "sketch",
)  # fmt: skip
_JSON = ("top_values", "patterns", "traits")
# Datasets that are compared: of one import, label and scope.
_SAME_KIND = f"d.config_name = %(name)s and {SAME_LABEL} and d.scope = %(scope)s"
GOOD = "d.status in ('active', 'superseded') and not d.is_held_file"


# Each label once, by a look into the index for the next one: a plain DISTINCT would read every dataset of the import.
_LABELS = """
    with recursive labels as (
        (select d.label from dba.tdataset d where d.config_name = %(name)s and d.label is not null
         order by d.label limit 1)
        union all
        select (select d.label from dba.tdataset d where d.config_name = %(name)s and d.label > l.label
                order by d.label limit 1)
        from labels l where l.label is not null)"""
_HAS_GOOD = f"""exists (
    select from dba.tdataset d where d.config_name = %(name)s and d.label = l.label and {GOOD})"""


@dataclass(frozen=True)
class Past:
    """One good dataset of before. `exceptions`: rule and column of what was found in it, with what became of that.

    The value is the number of the accepted dataset that allows it, or 0 where it was never decided.
    """

    dataset_id: int
    day: date | None
    loaded_at: datetime
    rows_read: int
    rows_loaded: int
    profiles: dict[str, ColumnProfile] = field(default_factory=dict)
    exceptions: dict[tuple[str, str | None], int] = field(default_factory=dict)
    since: dict[tuple[str, str | None], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """What is usual for one rule and column: some datasets, and by which acceptance (0: always so).

    `is_usual_now`: a warning that came so often that it is usual.
    """

    datasets: list[Past]
    accepted: int = 0
    is_usual_now: bool = False


def read_history(cursor: Cursor, config_name: str, label: str | None, before: int, scope: str) -> list[Past]:
    """Return the last good datasets of an import, label and scope that have a profile, newest first."""
    cursor.execute(
        f"""select d.dataset_id, d.dataset_date, d.created_at, d.rows_read, d.rows_loaded from (
                select * from dba.tdataset d where {_SAME_KIND} and {GOOD} and d.dataset_id < %(before)s
                order by d.dataset_id desc limit {LOOKED_BACK}) d
            where exists (select from dba.tcolumnprofile p where p.dataset_id = d.dataset_id)
            order by d.dataset_id desc limit {KEPT_DATASETS}""",
        {"name": config_name, "label": label, "before": before, "scope": scope},
    )
    history = {row[0]: Past(*row) for row in cursor.fetchall()}
    if history:
        for dataset_id, profile in _read_profiles(cursor, list(history)):
            history[dataset_id].profiles[profile.column_name] = profile
        _add_exceptions(cursor, history)
    return list(history.values())


def read_profiles(cursor: Cursor, dataset_id: int) -> dict[str, ColumnProfile]:
    """Return the profiles of one dataset by column; empty where none is kept."""
    return {profile.column_name: profile for _, profile in _read_profiles(cursor, [dataset_id])}


def _read_profiles(cursor: Cursor, dataset_ids: list[int]) -> list[tuple[int, ColumnProfile]]:
    cursor.execute(
        f"""select dataset_id, {", ".join(_COLUMNS)} from dba.tcolumnprofile
            where dataset_id = any(%s) order by dataset_id, position""",
        (dataset_ids,),
    )
    profiles = []
    for dataset_id, *figures, sketch in cursor.fetchall():
        profile = ColumnProfile(*figures)
        profile.sketch = read_sketch(sketch)
        profiles.append((dataset_id, profile))
    return profiles


def _add_exceptions(cursor: Cursor, history: dict[int, Past]) -> None:
    """Note what was found in the datasets of before: what was accepted of it, and what was never decided."""
    ids = list(history)
    cursor.execute(
        """select f.dataset_id, f.rule, f.column_name, coalesce((f.detail ->> 'accepted')::int, 0),
                  coalesce(f.detail ->> 'since', f.created_at::date::text)
           from dba.tfinding f
           where f.dataset_id = any(%s) and f.withdrawn_at is null
             and (f.severity = 'warn' or f.detail ? 'since' or f.detail ? 'accepted')
           union all
           select h.superseded_by, f.rule, f.column_name, h.superseded_by, f.created_at::date::text
           from dba.tdataset h join dba.tfinding f using (dataset_id)
           where h.superseded_by = any(%s) and h.is_held_file and f.decision = 'accepted' and f.withdrawn_at is null""",
        (ids, ids),
    )
    for dataset_id, rule, column, accepted, since in cursor.fetchall():
        history[dataset_id].exceptions[rule, column] = accepted
        history[dataset_id].since[rule, column] = since


def find_levels(history: list[Past], rule: str, column: str | None) -> list[Level]:
    """Return what is usual for a rule and column: the level of always, and one for each acceptance.

    A dataset with a warning that was never decided counts for none, until there are three of them.
    """
    always: list[Past] = []
    accepted: dict[int, list[Past]] = defaultdict(list)
    for past in history:
        by = past.exceptions.get((rule, column))
        if by is None:
            always.append(past)
        else:
            accepted[by].append(past)
    undecided = accepted.pop(0, [])
    levels = [Level(always)] if len(always) >= MIN_DATASETS else []
    levels += [Level(datasets, number) for number, datasets in accepted.items()]
    if len(undecided) >= USUAL_AFTER:
        levels.append(Level(undecided, is_usual_now=True))
    return levels


def find_since(history: list[Past], rule: str, column: str | None) -> str | None:
    """Return since when a warning has stood that was never decided: the newest good dataset has it too."""
    if not history or history[0].exceptions.get((rule, column)) != 0:
        return None
    return history[0].since[rule, column]


def store_profiles(cursor: Cursor, dataset_id: int, profiles: dict[str, ColumnProfile]) -> None:
    """Keep the profile of a dataset, good or held, in its own transaction."""
    from psycopg2.extras import execute_values

    rows = []
    for profile in profiles.values():
        values = {name: getattr(profile, name) for name in _COLUMNS}
        for name in _JSON:
            values[name] = None if values[name] is None else json.dumps(values[name]).replace("\\u0000", "")
        values["sketch"] = profile.sketch and profile.sketch.to_bytes()
        rows.append((dataset_id, *values.values()))
    if rows:
        execute_values(
            cursor, f"insert into dba.tcolumnprofile (dataset_id, {', '.join(_COLUMNS)}) values %s", rows, page_size=500
        )


def prune_profiles(cursor: Cursor, config_name: str, label: str | None, scope: str) -> None:
    """Delete the profiles of a label and scope beyond its last good datasets and those that are held."""
    cursor.execute(
        f"""delete from dba.tcolumnprofile p using (
                select d.dataset_id, d.status from dba.tdataset d where {_SAME_KIND}
                order by d.dataset_id desc limit {LOOKED_BACK}) o
            where o.dataset_id = p.dataset_id and o.status <> 'held'
              and o.dataset_id not in (
                select d.dataset_id from dba.tdataset d where {_SAME_KIND} and {GOOD}
                order by d.dataset_id desc limit {KEPT_DATASETS})""",
        {"name": config_name, "label": label, "scope": scope},
    )


def withdraw_lessons(cursor: Cursor, dataset_id: int) -> None:
    """Forget what the acceptance of a held file taught, when the dataset that it became is undone."""
    cursor.execute(
        """update dba.tfinding f set withdrawn_at = now() from dba.tdataset h
           where f.dataset_id = h.dataset_id and h.superseded_by = %s and h.is_held_file and f.decision = 'accepted'
             and f.withdrawn_at is null""",
        (dataset_id,),
    )


def list_known_labels(cursor: Cursor, config_name: str) -> list[str]:
    """Return the labels of an import that have good datasets, the first ones by name."""
    cursor.execute(
        f"{_LABELS} select l.label from labels l where {_HAS_GOOD} limit {MAX_OTHER_LABELS}", {"name": config_name}
    )
    return [label for (label,) in cursor.fetchall()]


def read_other_keys(cursor: Cursor, config_name: str, label: str | None) -> dict[str, dict[str, Sketch | None]]:
    """Return the sketches of key columns of the newest good dataset of each other label, by label and column."""
    cursor.execute(
        f"""{_LABELS} select d.label, p.column_name, p.sketch from (
                select l.label, n.dataset_id from labels l cross join lateral (
                    select d.dataset_id from dba.tdataset d
                    where d.config_name = %(name)s and d.label = l.label and {GOOD}
                    order by d.dataset_id desc limit 1) n
                where l.label is distinct from %(label)s limit {MAX_OTHER_LABELS}) d
            join dba.tcolumnprofile p using (dataset_id)
            where p.sketch is not null""",
        {"name": config_name, "label": label},
    )
    sketches: dict[str, dict[str, Sketch | None]] = defaultdict(dict)
    for other, column, sketch in cursor.fetchall():
        sketches[other][column] = read_sketch(sketch)
    return sketches
