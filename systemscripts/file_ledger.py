"""The file ledger dba.tfile: the ticket of a file, from its arrival to its final state."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories, choose_free_name, compute_sha256, shorten_name
from systemscripts.errors import EtlError
from systemscripts.summary import Counts

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

OPEN = ("fetched", "prepared")
FINAL = ("loaded", "unchanged", "duplicate", "refused", "undone")
# dba.tfile.status: from -> to; docs/architecture.md draws them
TRANSITIONS = {
    "fetched": {"fetched", "prepared", "refused"},
    "prepared": {"prepared", "loaded", "unchanged", "duplicate", "refused"},
    "loaded": {"undone"},
}
_COLUMNS = (
    "file_id", "config_name", "source", "source_path", "source_size", "source_stamp", "name", "path", "size",
    "file_sha256", "content_sha256", "status",
    "reason", "label", "dataset_date", "stamp", "dataset_id", "keep_path", "archived_at", "settled_at", "scope",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """The state of a file at its source when it was fetched."""

    # such as sftp://user@host:port/folder/name, s3://bucket/key or a URL
    path: str
    # in bytes; None if the source does not tell
    size: int | None
    # its time or ETag
    stamp: str


@dataclass
class Ticket:
    """One row of dba.tfile; paths are relative to the data folder, or absolute."""

    file_id: int
    config_name: str
    source: str
    source_path: str | None
    source_size: int | None
    source_stamp: str | None
    name: str
    path: str
    size: int | None
    file_sha256: str | None
    content_sha256: str | None
    status: str
    reason: str | None
    label: str | None
    dataset_date: date | None
    stamp: str
    dataset_id: int | None
    keep_path: str | None
    archived_at: datetime | None
    settled_at: datetime | None
    # what part of the whole it is, such as news; "" for the usual whole
    scope: str = ""


def to_stored_path(path: Path, directories: Directories) -> str:
    """Return a path as the ledger stores it."""
    return str(path.relative_to(directories.data)) if path.is_relative_to(directories.data) else str(path)


def to_real_path(stored: str, directories: Directories) -> Path:
    """Return the file system path of a path in the ledger."""
    return directories.data / stored


def register_file(
    cursor: Cursor,
    config_name: str,
    path: Path,
    directories: Directories,
    run_uuid: str,
    source: str,
    origin: Origin | None = None,
    scope: str = "",
) -> Ticket:
    """Return the open ticket of a waiting file; create it if there is none (`register_files`)."""
    return register_files(cursor, config_name, [(path, origin)], directories, run_uuid, source, scope)[0]


def register_files(
    cursor: Cursor,
    config_name: str,
    files: Sequence[tuple[Path, Origin | None]],
    directories: Directories,
    run_uuid: str,
    source: str,
    scope: str = "",
) -> list[Ticket]:
    """Return the open tickets of waiting files, given by path and origin; create those that do not exist.

    `scope`: what part of the whole they are, such as news; values are compared with those of the same scope.
    Origin: what a file was at its source, if it was fetched. Such a ticket may be created before the file exists at its
    path; the next run deletes it if the file never arrived.
    """
    rows = []
    for path, origin in files:
        size = path.stat().st_size if origin is None or path.exists() else origin.size
        name = origin.path.rpartition("/")[2] or path.name if origin else path.name
        stored = to_stored_path(path, directories)
        origin = origin or Origin(stored, None, "")
        rows.append((origin.path, origin.size, origin.stamp, name, stored, size))
    columns = ", ".join(_COLUMNS)
    cursor.execute(
        f"""insert into dba.tfile
           (config_name, source, source_path, source_size, source_stamp, name, path, size, status, run_uuid, created_at,
            dataset_before, scope)
           select %s, %s, source_path, source_size, nullif(source_stamp, ''), name, path, size, 'fetched', %s, %s,
            (select coalesce(max(dataset_id), 0) from dba.tdataset where config_name = %s), %s
           from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[]) with ordinality
            as file (source_path, source_size, source_stamp, name, path, size, number)
           order by number
           on conflict (config_name, path) where status in ('fetched', 'prepared') do nothing returning {columns}""",
        (config_name, source, run_uuid, settings.now(), config_name, scope, *map(list, zip(*rows, strict=True))),
    )
    tickets = {row[7]: row for row in cursor.fetchall()}
    stored_paths = [row[4] for row in rows]
    if others := [stored for stored in stored_paths if stored not in tickets]:
        cursor.execute(
            f"select {columns} from dba.tfile where config_name = %s and path = any(%s) and status = any(%s)",
            (config_name, others, list(OPEN)),
        )
        tickets |= {row[7]: row for row in cursor.fetchall()}
    return [Ticket(*tickets[stored]) for stored in stored_paths]


def is_known(cursor: Cursor, config_name: str, source: str, origin: Origin, unsettled: bool = False) -> bool:
    """Return whether a file with this path, size and stamp was fetched before (`list_known`)."""
    return bool(list_known(cursor, config_name, source, [origin], unsettled))


def list_known(
    cursor: Cursor, config_name: str, source: str, origins: Sequence[Origin], unsettled: bool = False
) -> set[Origin]:
    """Return which files, by path, size and stamp, were fetched before and must not be fetched again.

    `unsettled`: count only files that were not settled; for sources that remove files which are safe here, where the
    same file in the same place is a new delivery.
    """
    cursor.execute(
        f"""select number from unnest(%s::text[], %s::bigint[], %s::text[]) with ordinality
             as origin (path, size, stamp, number)
            where exists (select from dba.tfile
             where config_name = %s and source = %s and source_path = origin.path
              and source_size is not distinct from origin.size
              and source_stamp is not distinct from nullif(origin.stamp, '')
              {"and settled_at is null" if unsettled else ""})""",
        ([one.path for one in origins], [one.size for one in origins], [one.stamp for one in origins],
         config_name, source),
    )  # fmt: skip
    return {origins[number - 1] for (number,) in cursor.fetchall()}


def find_latest(cursor: Cursor, config_name: str, source: str, address: str) -> Ticket | None:
    """Return the ticket of the last file from an address, with or without `#/` and a name after it; None if none."""
    cursor.execute(
        f"""select {", ".join(_COLUMNS)} from dba.tfile
            where config_name = %s and source = %s and (source_path = %s or starts_with(source_path, %s))
            order by file_id desc limit 1""",
        (config_name, source, address, f"{address}#/"),
    )
    row: Any = cursor.fetchone()
    return Ticket(*row) if row else None


def record_stamp(cursor: Cursor, ticket: Ticket, size: int | None, stamp: str) -> None:
    """Note another size and stamp that the source gives for the same content."""
    cursor.execute(
        "update dba.tfile set source_size = %s, source_stamp = nullif(%s, '') where file_id = %s",
        (size, stamp, ticket.file_id),
    )


def renew_stamps(
    cursor: Cursor, config_name: str, source: str, paths: Sequence[str], before: str, stamp: str
) -> set[str]:
    """Give files of some `source_path` whose stamp begins with `before` another stamp; return their paths."""
    cursor.execute(
        """update dba.tfile set source_stamp = %s
           where config_name = %s and source = %s and source_path = any(%s) and starts_with(source_stamp, %s)
           returning source_path""",
        (stamp, config_name, source, list(paths), before),
    )
    return {row[0] for row in cursor.fetchall()}


def list_origins(cursor: Cursor, config_name: str, source: str, start: str) -> list[Origin]:
    """Return the origins of all files whose `source_path` begins with `start`."""
    cursor.execute(
        """select source_path, source_size, coalesce(source_stamp, '') from dba.tfile
           where config_name = %s and source = %s and source_path like %s""",
        (config_name, source, _build_prefix_pattern(start)),
    )
    return [Origin(*row) for row in cursor.fetchall()]


def _build_prefix_pattern(start: str) -> str:
    """Return the pattern of LIKE for a beginning: unlike starts_with it can use an index."""
    return re.sub(r"([\\%_])", r"\\\1", start) + "%"


def list_marked_origins(cursor: Cursor, config_name: str, source: str, mark: str) -> list[Origin]:
    """Return the origins of all files whose stamp begins with `mark` and a blank, wherever they were."""
    cursor.execute(
        """select source_path, source_size, source_stamp from dba.tfile
           where config_name = %s and source = %s and starts_with(source_stamp, %s)""",
        (config_name, source, f"{mark} "),
    )
    return [Origin(*row) for row in cursor.fetchall()]


def list_archived_states(cursor: Cursor, config_name: str, source: str, mark: str) -> list[str]:
    """Return the states of the archived files whose stamp begins with `mark` and a blank, one for each stamp."""
    cursor.execute(
        """select distinct on (source_stamp) status from dba.tfile
           where config_name = %s and source = %s and starts_with(source_stamp, %s) and archived_at is not null
           order by source_stamp, file_id desc""",
        (config_name, source, f"{mark} "),
    )
    return [row[0] for row in cursor.fetchall()]


def count_safe_members(cursor: Cursor, source: str, start: str, stamp: str) -> tuple[int, bool]:
    """Return how many files of an archive are archived here, by any import, and whether one was refused.

    `start`: the beginning of their `source_path`; `stamp`: of their `source_stamp`.
    """
    cursor.execute(
        """select count(distinct source_path) filter (where archived_at is not null),
                  coalesce(bool_or(status = 'refused'), false)
           from dba.tfile where source = %s and source_path like %s and starts_with(source_stamp, %s)""",
        (source, _build_prefix_pattern(start), stamp),
    )
    row: Any = cursor.fetchone()
    return int(row[0]), bool(row[1])


def list_unfinished(cursor: Cursor, config_name: str) -> list[Ticket]:
    """Return the tickets in a final state whose file is not archived, or not settled at its source."""
    cursor.execute(
        f"""select {", ".join(_COLUMNS)} from dba.tfile
            where config_name = %s and status = any(%s) and (archived_at is null or settled_at is null)
            order by file_id""",
        (config_name, list(FINAL)),
    )
    return [Ticket(*row) for row in cursor.fetchall()]


def list_open_tickets(cursor: Cursor, config_name: str) -> list[Ticket]:
    """Return the tickets of files that still wait."""
    cursor.execute(
        f"select {', '.join(_COLUMNS)} from dba.tfile where config_name = %s and status = any(%s) order by file_id",
        (config_name, list(OPEN)),
    )
    return [Ticket(*row) for row in cursor.fetchall()]


def is_path_taken(cursor: Cursor, config_name: str, stored: str) -> bool:
    """Return whether a file of this path, as the ledger stores it, waits or will arrive."""
    cursor.execute(
        "select exists (select from dba.tfile where config_name = %s and path = %s and status = any(%s))",
        (config_name, stored, list(OPEN)),
    )
    row: Any = cursor.fetchone()
    return bool(row[0])


def load_ticket_of_dataset(cursor: Cursor, dataset_id: int) -> Ticket:
    """Return the ticket of the file that became a dataset; raise EtlError when there is none."""
    cursor.execute(
        f"select {', '.join(_COLUMNS)} from dba.tfile where dataset_id = %s and status in ('loaded', 'undone')",
        (dataset_id,),
    )
    row = cursor.fetchone()
    if row is None:
        raise EtlError(
            f"dataset {dataset_id} has no file in dba.tfile, so it cannot be read again",
            f"Deliver its file again, or undo the dataset: {format_command('generic_import', '--undo', dataset_id)}",
        )
    return Ticket(*row)


def list_refused(cursor: Cursor, config_name: str) -> list[Ticket]:
    """Return the tickets of refused files that no later load has replaced."""
    cursor.execute(
        f"""select {", ".join(_COLUMNS)} from dba.tfile
            where config_name = %s and status = 'refused' and resolved_by is null order by file_id""",
        (config_name,),
    )
    return [Ticket(*row) for row in cursor.fetchall()]


def change_status(cursor: Cursor, ticket: Ticket, status: str, run_uuid: str, **values: Any) -> None:
    """Change the status of a file and further columns; raise EtlError if the state machine does not allow it."""
    if status not in TRANSITIONS.get(ticket.status, set()):
        raise EtlError(f"file {ticket.file_id} cannot go from {ticket.status} to {status}")
    for name in ("detected", "plan"):
        if name in values and values[name] is not None:
            values[name] = json.dumps(values[name], default=str)
    settings = "".join(f", {name} = %s" for name in values)
    cursor.execute(
        f"""update dba.tfile set status = %s, run_uuid = %s, status_at = now(){settings}
            where file_id = %s and status = %s""",
        (status, run_uuid, *values.values(), ticket.file_id, ticket.status),
    )
    if cursor.rowcount != 1:
        raise EtlError(
            f"file {ticket.file_id} is no longer {ticket.status}: another run has changed it",
            "Run the same command again.",
        )
    ticket.status = status
    for name, value in values.items():
        if name in Ticket.__dataclass_fields__:
            setattr(ticket, name, value)


def move_to_dataset(cursor: Cursor, ticket: Ticket, dataset_id: int, **values: Any) -> None:
    """Note that the file of a held dataset was loaded as another one, setting further columns."""
    values["plan"] = json.dumps(values["plan"], default=str)
    settings = "".join(f", {name} = %s" for name in values)
    cursor.execute(
        f"update dba.tfile set dataset_id = %s, status_at = now(){settings} where file_id = %s and status = 'loaded'",
        (dataset_id, *values.values(), ticket.file_id),
    )


def release_kept_files(cursor: Cursor, config_name: str) -> None:
    """Let go of the files that an import without an archive kept only while they were held, and that are decided.

    Each is then like a loaded file that was not removed yet: `list_unfinished` returns it.
    """
    cursor.execute(
        """update dba.tfile f set path = keep_path, keep_path = null, archived_at = null, is_kept_while_held = false
           from dba.tdataset d
           where d.dataset_id = f.dataset_id and d.status <> 'held' and f.config_name = %s and f.is_kept_while_held
             and f.keep_path not like '%%.zip/%%' and not exists (
               select from dba.tfile o left join dba.tdataset e on e.dataset_id = o.dataset_id
               where o.keep_path = f.keep_path and (e.status = 'held' or not o.is_kept_while_held))""",
        (config_name,),
    )


def record_headers(cursor: Cursor, file_id: int, headers: Mapping[str, str]) -> None:
    """Note the header of each column by the name that it has now, after an acceptance as renamed."""
    cursor.execute(
        "update dba.tfile set detected = coalesce(detected, '{}') || jsonb_build_object('headers', %s::jsonb)"
        " where file_id = %s",
        (json.dumps(headers), file_id),
    )


def delete_ticket(cursor: Cursor, ticket: Ticket) -> None:
    """Delete the ticket of a file that disappeared before it was loaded."""
    cursor.execute("update dba.tschemachange set file_id = null where file_id = %s", (ticket.file_id,))
    cursor.execute("delete from dba.tfile where file_id = %s and status = any(%s)", (ticket.file_id, list(OPEN)))


def list_unarchived_paths(cursor: Cursor, config_name: str) -> set[str]:
    """Return the paths of files in a final state that could not be archived yet: they only seem to wait."""
    cursor.execute(
        "select path from dba.tfile where config_name = %s and status = any(%s) and archived_at is null",
        (config_name, list(FINAL)),
    )
    return {row[0] for row in cursor.fetchall()}


def mark_undone(cursor: Cursor, dataset_id: int, run_uuid: str) -> None:
    """Mark the file of an undone dataset as undone."""
    cursor.execute(
        """update dba.tfile set status = 'undone', status_at = now(), run_uuid = %s
           where dataset_id = %s and status = 'loaded'""",
        (run_uuid, dataset_id),
    )


def counts_as_columns(counts: Counts) -> dict[str, int]:
    """Return counts as columns of dba.tfile and dba.tdataset."""
    return {f"rows_{name}": getattr(counts, name) for name in ("read", "loaded", "rejected", "skipped", "held")}


def choose_keep_path(cursor: Cursor, ticket: Ticket, folder: Path, directories: Directories) -> str:
    """Return the path for a file in `folder`: with its name, unless a file of other content has it."""
    assert ticket.file_sha256 is not None
    free = choose_free_name(
        folder / shorten_name(ticket.name), ticket.file_sha256, _build_taken_check(cursor, ticket, directories)
    )
    return to_stored_path(free, directories)


def _build_taken_check(cursor: Cursor, ticket: Ticket, directories: Directories) -> Callable[[Path], bool]:
    def is_taken(path: Path) -> bool:
        cursor.execute(
            "select file_sha256 = %s from dba.tfile where keep_path = %s and file_id <> %s",
            (ticket.file_sha256, to_stored_path(path, directories), ticket.file_id),
        )
        rows = cursor.fetchall()
        if rows:
            return not all(row[0] for row in rows)
        return path.exists() and compute_sha256(path) != ticket.file_sha256

    return is_taken


def mark_archived(cursor: Cursor, ticket: Ticket) -> None:
    """Record that the file is in the archive."""
    cursor.execute("update dba.tfile set archived_at = %s where file_id = %s", (settings.now(), ticket.file_id))


def mark_settled(cursor: Cursor, ticket: Ticket) -> None:
    """Record that the file is settled at its source."""
    cursor.execute("update dba.tfile set settled_at = now() where file_id = %s", (ticket.file_id,))


def resolve_earlier_refusals(cursor: Cursor, ticket: Ticket) -> None:
    """Mark earlier refusals of the same content as resolved: they are one file for someone to decide about."""
    cursor.execute(
        """update dba.tfile set resolved_by = %s where config_name = %s and status = 'refused' and resolved_by is null
           and file_id < %s and file_sha256 = %s and name = %s""",
        (ticket.file_id, ticket.config_name, ticket.file_id, ticket.file_sha256, ticket.name),
    )


def resolve_refused(cursor: Cursor, ticket: Ticket) -> None:
    """Mark earlier refused files of the same name or label as resolved by a good load."""
    cursor.execute(
        """update dba.tfile set resolved_by = %s where config_name = %s and status = 'refused' and resolved_by is null
           and file_id < %s and (name = %s or label = %s)""",
        (ticket.file_id, ticket.config_name, ticket.file_id, ticket.name, ticket.label),
    )


def dismiss_refused(cursor: Cursor, file_id: int) -> bool:
    """Mark a refused file as resolved by a person's decision; return whether it was an open refusal."""
    cursor.execute(
        "update dba.tfile set resolved_by = file_id where file_id = %s and status = 'refused' and resolved_by is null",
        (file_id,),
    )
    return cursor.rowcount == 1
