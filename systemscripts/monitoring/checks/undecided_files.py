"""Remind of held files that were not decided: nothing of them is in the target."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.db_utils import transaction
from systemscripts.monitoring.watchdog_view import View

KEYS = ("undecided",)
# the mail of the run came when it was held; a week later it is most likely forgotten
REMIND_AFTER_DAYS = 7
# a message stays readable
MAX_NAMED = 10
_HELD = """
    select d.config_name, d.dataset_id, coalesce(f.name, d.file_name, 'a file of an earlier version'), d.created_at,
           coalesce((select string_agg(n.message, '; ' order by n.finding_id) from dba.tfinding n
                     where n.dataset_id = d.dataset_id and n.severity = 'hold'), d.status_reason, '')
    from dba.tdataset d left join dba.tfile f on f.dataset_id = d.dataset_id and f.status = 'loaded'
    where d.status = 'held' and d.created_at <= %s
    order by d.config_name, d.dataset_id
"""


def find(view: View) -> Iterator[Finding]:
    """Name the datasets of each import that are held for a week, with the reason and what decides."""
    with transaction(view.need_database()) as cursor:
        cursor.execute(_HELD, (view.now - timedelta(days=REMIND_AFTER_DAYS),))
        rows = cursor.fetchall()
    for config_name, datasets in groupby(rows, key=lambda row: str(row[0])):
        yield _describe(config_name, [row[1:] for row in datasets])


def _describe(config_name: str, datasets: list[tuple[int, str, datetime, str]]) -> Finding:
    named = "; ".join(
        f"dataset {dataset_id} ({name}), held since {since:%a %Y-%m-%d}: {reason}"
        for dataset_id, name, since, reason in datasets[:MAX_NAMED]
    )
    more = f"; and {len(datasets) - MAX_NAMED} more" if len(datasets) > MAX_NAMED else ""
    first = datasets[0][0]
    alike = (
        f" (all that the same finding holds: {format_command('datasets', 'accept', first, '--same')})"
        if len(datasets) > 1
        else ""
    )
    return Finding(
        f"undecided {config_name}",
        f"held files of {config_name} wait for a decision",
        f"nothing of them is in the target: {named}{more}",
        f"load it with {format_command('datasets', 'accept', first)}{alike},"
        f" or leave it out with {format_command('datasets', 'undo', first)}",
        items=frozenset(str(dataset_id) for dataset_id, *_ in datasets),
    )
