"""Fills the ledgers with years of use by SQL: datasets with their rows, files, imports, runs and log entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# rows of each dataset, as many as the list of one event
ROWS = 20
IMPORT = "ledger"
CONFIGURATION = """
    insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns,
        metadata_label_source, metadata_label_location, dateconfig, datelocation, dateformat)
    values ('ledger', 'ledger_.*', 'public.ledger', 'snapshot', '{id}', 'filename', '1', 'filename', '2', 'yyyyMMdd')"""


@dataclass(frozen=True)
class Fill:
    """How much to create; the datasets are divided among `labels`, one for each day."""

    datasets: int
    labels: int = 1
    # in total; at least one for each dataset
    files: int = 0
    imports: int = 1
    runs: int = 0
    log_rows: int = 0

    def __str__(self) -> str:
        words = [f"{self.datasets:,} datasets of {self.labels} label{'s' if self.labels > 1 else ''}"]
        more = {"files": self.files, "imports": self.imports, "runs": self.runs, "log rows": self.log_rows}
        return ", ".join([*words, *(f"{number:,} {name}" for name, number in more.items() if number > 1)])


def fill_ledgers(sql: Callable[[str], list[tuple[Any, ...]]], amounts: Fill) -> None:
    """Fill the ledgers of an installation whose import `ledger` has loaded its first file.

    `sql` runs a statement. The days go back from yesterday, so that the next load is the newest.
    """
    for statement in (
        _IMPORTS,
        _RUNS,
        _LOG,
        _DATASETS,
        _FILES,
        _OTHER_FILES,
        _ROWS,
        _REJECTS,
        _HISTORY,
        _TIMES,
        _DISKS,
    ):
        sql(statement.format(**vars(amounts), rows=ROWS, length=max(amounts.runs, 1)))
    sql("vacuum analyze")


def empty_ledgers(sql: Callable[[str], list[tuple[Any, ...]]]) -> None:
    """Empty the ledgers again, except for the import itself."""
    sql("""truncate public.ledger, dba.tfinding, dba.tcolumnprofile, dba.tcolumnalias, dba.tdataset, dba.tfile,
        dba.trejectedrow, dba.trowhistory, dba.tschemachange,
        dba.tdatasetoverlap, dba.tdatasetmonth, dba.trun, dba.tlogentry, dba.twarning, dba.tmissedrun,
        dba.tnextrun, dba.tdiskuse restart identity cascade""")
    sql("delete from dba.timportconfig where config_name like 'other\\_%'")
    sql("vacuum analyze")


_IMPORTS = """
    insert into dba.timportconfig (config_name, file_pattern, target_table)
    select 'other_' || n, 'other_' || n || '_.*', 'public.other_' || n from generate_series(2, {imports}) n"""
_RUNS = """
    insert into dba.trun (run_uuid, root_uuid, job, lock_key, status, exit_code, host, os_user, pid, process_start,
        started_at, ended_at, files, rows_read, rows_loaded, rows_rejected, rows_skipped)
    select u, u, (array['generic_import', 'run_pipeline', 'send_report'])[n % 3 + 1], 'key' || n % 20,
        case when n % 50 = 0 then 'failed' else 'succeeded' end, 0, 'host', 'etl', 1, 'x',
        now() - n * interval '10 minutes', now() - n * interval '10 minutes' + n % 90 * interval '1 second',
        1, 20, 20, 0, 0
    from (select n, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid as u
          from generate_series(1, {runs}) n) r"""
_LOG = """
    insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, os_user, level, message)
    select ('00000000-0000-4000-8000-' || lpad((n % {length} + 1)::text, 12, '0'))::uuid, n / {length} + 1,
        now() - n * interval '20 seconds', 'generic_import', 'etl',
        case when n % 5000 = 0 then 'ERROR' else 'INFO' end, 'entry ' || n from generate_series(1, {log_rows}) n"""
_DATASETS = """
    insert into dba.tdataset (config_name, label, dataset_date, stamp, last_seen, status, load_mode, target_table,
        content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped, run_uuid, created_at)
    select 'ledger', 'label' || n % {labels}, day, to_char(day, 'YYYY-MM-DD"T"00:00:00'), day, 'active', 'snapshot',
        'public.ledger', encode(sha256(n::text::bytea), 'hex'), '{{id,day,amount,who}}', {rows}, {rows}, 0, 0,
        ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, now() - ({datasets} - n) * interval '1 hour'
    from (select n, current_date - 1 - ({datasets} - n) / {labels} as day from generate_series(1, {datasets}) n) d"""
_FILES = """
    insert into dba.tfile (config_name, source, source_path, source_size, source_stamp, name, path, size, file_sha256,
        content_sha256, status, label, dataset_date, stamp, dataset_id, rows_read, rows_loaded, rows_rejected,
        rows_skipped, keep_path, archived_at, settled_at, run_uuid, created_at, status_at)
    select 'ledger', 'local', 'file_watcher/' || n.name, 500, d.stamp, n.name, 'file_watcher/' || n.name, 500,
        d.content_sha256, d.content_sha256, 'loaded', d.label, d.dataset_date, d.stamp, d.dataset_id, {rows}, {rows},
        0, 0, 'archive/' || n.name, d.created_at, d.created_at, d.run_uuid, d.created_at, d.created_at
    from dba.tdataset d,
        lateral (select 'ledger_' || d.label || '_' || to_char(d.dataset_date, 'YYYYMMDD') || '.csv' as name) n
    where not exists (select from dba.tfile f where f.dataset_id = d.dataset_id)"""
_OTHER_FILES = """
    insert into dba.tfile (config_name, source, source_path, source_size, name, path, size, file_sha256,
        content_sha256, status, label, dataset_date, dataset_id, keep_path, archived_at, settled_at, run_uuid,
        created_at, status_at)
    select f.config_name, f.source, f.source_path, 500, f.name, f.path, 500, f.file_sha256, f.content_sha256,
        'unchanged', f.label, f.dataset_date, f.dataset_id, f.keep_path, f.created_at, f.created_at, f.run_uuid,
        f.created_at, f.status_at
    from generate_series(1, {files} - {datasets}) n
    join (select row_number() over (order by file_id) as place, f.* from dba.tfile f) f
        on f.place = n % greatest({datasets}, 1) + 1"""
_ROWS = """
    insert into public.ledger (dataset_id, source_row, id, day, amount, who)
    select d.dataset_id, n + 1, n, d.dataset_date::text, (d.dataset_id % 100)::text, 'name ' || n
    from dba.tdataset d, generate_series(1, {rows}) n
    where d.status = 'active' and d.target_table = 'public.ledger'
        and d.dataset_id > (select coalesce(max(dataset_id), 0) from public.ledger)
    order by 1, 2"""
_REJECTS = """
    insert into dba.trejectedrow (file_id, dataset_id, source_row, column_name, value, reason, raw_row, created_at)
    select f.file_id, f.dataset_id, 7, 'amount', 'x', 'amount is not a number', '7,x', f.created_at from dba.tfile f
    where f.status = 'loaded'"""
_HISTORY = """
    insert into dba.trowhistory (target_table, dataset_id, key, old_row, created_at)
    select 'public.ledger', d.dataset_id, jsonb_build_object('id', (d.dataset_id % 20)::text),
        jsonb_build_object('id', (d.dataset_id % 20)::text, 'amount', '1'), d.created_at from dba.tdataset d"""
# a year of nights
_TIMES = """
    insert into dba.tmissedrun (pipeline, due_at, noticed_at)
    select 'key' || p, now() - n * interval '1 day', now() from generate_series(1, 365) n, generate_series(1, 20) p;
    insert into dba.tnextrun (pipeline, due_at, schedule)
    select 'key' || p, now() + n * interval '1 hour', '0 * * * *' from generate_series(1, 200) n,
        generate_series(1, 20) p"""
_DISKS = """
    insert into dba.tdiskuse (measured_on, what, path, disk, used, free)
    select current_date - n, w, '/' || w, '/disk', 1e9 * n, 1e9
    from generate_series(1, 1000) n, unnest('{{disk,logs,archive,backups,database}}'::text[]) w"""
