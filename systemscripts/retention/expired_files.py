"""Delete files of archive/ and refused/ after KEEP_FILES_DAYS; never the last good load of an import and label.

The newest held file is kept as well as the last good one: it does not replace it before it is accepted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

from systemscripts import file_ledger, settings
from systemscripts.configuration import sidecar_files
from systemscripts.db_utils import transaction
from systemscripts.directory_management import move_beside
from systemscripts.retention.retention_view import Due, View

_KEPT = """
    select f.file_id, f.keep_path,
           f.archived_at < %s and f.settled_at is not null
           and f.file_id not in (
               select distinct on (g.config_name, coalesce(g.label, ''), d.status) g.file_id
               from dba.tfile g join dba.tdataset d using (dataset_id)
               where g.status = 'loaded' and d.status in ('active', 'held')
               order by g.config_name, coalesce(g.label, ''), d.status, d.dataset_date desc nulls last, g.file_id desc)
           and not exists (select from dba.tdataset d where d.dataset_id = f.dataset_id and d.status = 'held')
    from dba.tfile f
    where f.keep_path is not null and f.archived_at is not null and f.purged_at is null
"""


def due(view: View) -> list[Due]:
    """Return the files whose tickets have all expired: one file may belong to several, and a zip contains many."""
    days = settings.current().keep_files_days
    if not days:
        return []
    with transaction(view.connection) as cursor:
        cursor.execute(_KEPT, (view.subtract_days(days),))
        tickets: dict[str, list[tuple[int, bool]]] = defaultdict(list)
        for file_id, keep_path, is_old in cursor.fetchall():
            tickets[find_container(keep_path)].append((file_id, is_old))
    expired = {path: rows for path, rows in tickets.items() if all(is_old for _, is_old in rows)}
    if not expired:
        return []
    file_ids = {path: [file_id for file_id, _ in rows] for path, rows in expired.items()}
    size = sum(_measure_size(file_ledger.to_real_path(path, view.directories)) for path in expired)
    return [Due("files of archive/ and refused/", days, len(expired), size, partial(_remove_files, view, file_ids))]


def find_container(keep_path: str) -> str:
    """Return the path of the file on disk: for a member of a zip, the zip."""
    return re.sub(r"(\.zip)/.*", r"\1", keep_path)


def _measure_size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _remove_files(view: View, file_ids: dict[str, list[int]]) -> None:
    for path, ids in file_ids.items():
        real_path = file_ledger.to_real_path(path, view.directories)
        real_path.unlink(missing_ok=True)
        move_beside(sidecar_files.list_sidecars(real_path), real_path, None)
        real_path.with_name(f"{real_path.name}.reason.txt").unlink(missing_ok=True)
        with transaction(view.connection) as cursor:
            cursor.execute("update dba.tfile set purged_at = %s where file_id = any(%s)", (view.now, ids))
            # those of a refused file; those of a dataset go with its rows
            cursor.execute(
                """update dba.tfinding set message = 'purged', detail = '{}'
                   where file_id = any(%s) and dataset_id is null""",
                (ids,),
            )
