"""The files that a run held or refused, until someone decides: before that, its job has not recovered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from systemscripts.directory_management import Directories

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection

_HELD = "select 'dataset ' || d.dataset_id from dba.tdataset d {of_run} where d.status = 'held'"
_REFUSED = """select 'file ' || d.file_id from dba.tfile d {of_run}
              where d.status = 'refused' and d.resolved_by is null and d.purged_at is null"""
# a pipeline and its steps
_OF_RUN = "join dba.trun r on r.run_uuid = d.run_uuid and r.root_uuid = %(root_uuid)s"


def list_undecided(connection: Connection, root_uuid: str) -> frozenset[str]:
    """Return the files that a run or its steps held or refused and that wait for a decision; raises EtlError."""
    # late: some jobs use no database
    from systemscripts.db_utils import transaction

    statement = " union all ".join(part.format(of_run=_OF_RUN) for part in (_HELD, _REFUSED))
    with transaction(connection) as cursor:
        cursor.execute(statement, {"root_uuid": root_uuid})
        return frozenset(str(name) for (name,) in cursor.fetchall())


def find_still_undecided(connection: Connection, names: Iterable[str], directories: Directories) -> list[str]:
    """Return those of `list_undecided` that still wait, in order; raises EtlError.

    A refused file that a person has taken out of refused/ waits no longer.
    """
    # late: some jobs use no database
    from systemscripts.db_utils import transaction

    numbers: dict[str, list[int]] = {"dataset": [], "file": []}
    for name in names:
        numbers[name.split()[0]].append(int(name.split()[1]))
    with transaction(connection) as cursor:
        cursor.execute(f"{_HELD.format(of_run='')} and d.dataset_id = any(%(dataset)s)", numbers)
        held = [str(name) for (name,) in cursor.fetchall()]
        refused_with_path = _REFUSED.replace(" from", ", coalesce(d.keep_path, d.path) from", 1)
        cursor.execute(f"{refused_with_path.format(of_run='')} and d.file_id = any(%(file)s)", numbers)
        refused = [str(name) for name, path in cursor.fetchall() if (directories.data / str(path)).exists()]
    return sorted([*held, *refused])
