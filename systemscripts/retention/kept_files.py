"""Files of archive/ and refused/ after KEEP_FILES_DAYS; never that of the last good load of an import and label.

Nor that of the newest held one: it is not good before somebody accepts it, so it does not stand for the one before.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

from systemscripts import file_ledger, settings
from systemscripts.db_utils import transaction
from systemscripts.retention.retention_view import Due, View

_KEPT = """
    select f.file_id, f.keep_path, f.size,
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
    """The files whose every ticket has had its time: a file may stand for several, and a zip holds many."""
    days = settings.current().keep_files_days
    if not days:
        return []
    with transaction(view.connection) as cursor:
        cursor.execute(_KEPT, (view.before(days),))
        tickets: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        for file_id, keep_path, size, old in cursor.fetchall():
            tickets[container(keep_path)].append((file_id, size or 0, old))
    gone = {path: found for path, found in tickets.items() if all(old for _, _, old in found)}
    if not gone:
        return []
    numbers = {path: [file_id for file_id, _, _ in found] for path, found in gone.items()}
    size = sum(_size(file_ledger.to_real_path(path, view.directories)) for path in gone)
    return [Due("files of archive/ and refused/", days, len(gone), size, partial(_remove, view, numbers))]


def container(keep_path: str) -> str:
    """The file on the disk: of a member of a zip, the zip."""
    return re.sub(r"(\.zip)/.*", r"\1", keep_path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _remove(view: View, numbers: dict[str, list[int]]) -> None:
    for path, ids in numbers.items():
        place = file_ledger.to_real_path(path, view.directories)
        place.unlink(missing_ok=True)
        place.with_name(f"{place.name}.reason.txt").unlink(missing_ok=True)
        with transaction(view.connection) as cursor:
            cursor.execute("update dba.tfile set purged_at = %s where file_id = any(%s)", (view.now, ids))
