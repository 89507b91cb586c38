-- The suite's own schema. Names in lower case, times with zone, a comment on every table and column.
-- Foreign keys everywhere, except from the log, which must never fail.

create schema if not exists dba;
comment on schema dba is 'Client ETL Workflow: runs, logs, import configurations, datasets, files, rejected rows';
create schema if not exists visits;
comment on schema visits is 'Website visits from the mail platform';
create schema if not exists sales;
comment on schema sales is 'Sales dimensions and data marts';

-- Runs and their log ---------------------------------------------------------------------------------------------------

create table dba.trun (
    run_uuid uuid primary key,
    root_uuid uuid not null,
    parent_uuid uuid,
    step_number integer,
    job text not null,
    lock_key text not null default '',
    arguments text not null default '',
    status text not null check (status in ('running', 'succeeded', 'failed', 'interrupted', 'timed out', 'skipped')),
    exit_code integer,
    error text,
    host text not null,
    os_user text not null,
    pid integer not null,
    process_start text not null,
    started_at timestamptz not null,
    heartbeat_at timestamptz,
    ended_at timestamptz,
    progress text,
    files integer,
    rows_read bigint,
    rows_loaded bigint,
    rows_rejected bigint,
    rows_skipped bigint,
    log_file text,
    check ((status = 'running') = (ended_at is null))
);
create index on dba.trun (started_at desc);
create index on dba.trun (job, started_at desc);
create index on dba.trun (root_uuid);
create index on dba.trun (host) where status = 'running';
comment on table dba.trun is 'One row for every execution of a job script, from its first instant to its last';
comment on column dba.trun.run_uuid is 'The run; the key of its log entries';
comment on column dba.trun.root_uuid is 'The run that started the whole chain (a pipeline, or the run itself)';
comment on column dba.trun.parent_uuid is 'The run that started this one';
comment on column dba.trun.step_number is 'The step of the pipeline, from 1';
comment on column dba.trun.job is 'The job script';
comment on column dba.trun.lock_key is 'What the run held the lock for, besides the script';
comment on column dba.trun.arguments is 'The command line, secrets masked';
comment on column dba.trun.status is 'running -> succeeded | failed | interrupted | timed out; skipped: somebody else held the lock';
comment on column dba.trun.exit_code is '0 done, 1 failed, 2 wrong usage, 65 bad input data, 75 try again later, 78 bad configuration, 128+n ended by signal n';
comment on column dba.trun.error is 'What was wrong and what to do, in one line';
comment on column dba.trun.host is 'The machine';
comment on column dba.trun.os_user is 'The operating system''s user';
comment on column dba.trun.pid is 'The process';
comment on column dba.trun.process_start is 'Boot and start time of the process, so that a pid used again is not taken for it';
comment on column dba.trun.started_at is 'When the run began';
comment on column dba.trun.heartbeat_at is 'When the running process last gave a sign of life';
comment on column dba.trun.ended_at is 'When the run ended, or was found to have ended';
comment on column dba.trun.progress is 'How far it is, in words';
comment on column dba.trun.files is 'Files handled';
comment on column dba.trun.rows_read is 'Rows read from files; read = loaded + rejected + skipped';
comment on column dba.trun.rows_loaded is 'Rows put into targets';
comment on column dba.trun.rows_rejected is 'Rows kept aside with a reason';
comment on column dba.trun.rows_skipped is 'Rows that are no data, or were there already';
comment on column dba.trun.log_file is 'The run''s JSON-lines file';

create table dba.tlogentry (
    run_uuid uuid not null,
    sequence integer not null,
    logged_at timestamptz not null,
    process_type text not null,
    step text,
    os_user text,
    step_seconds numeric(12, 3),
    total_seconds numeric(12, 3),
    level text not null,
    logger text,
    message text not null,
    detail jsonb,
    primary key (run_uuid, sequence)
);
create index on dba.tlogentry (logged_at desc);
comment on table dba.tlogentry is 'What the runs said, written from their JSON-lines files; each entry once, in order';
comment on column dba.tlogentry.run_uuid is 'The run (no foreign key: the log must never fail)';
comment on column dba.tlogentry.sequence is 'Place of the entry in its run, from 1';
comment on column dba.tlogentry.logged_at is 'When it was said';
comment on column dba.tlogentry.process_type is 'The job script';
comment on column dba.tlogentry.step is 'The part of the job';
comment on column dba.tlogentry.os_user is 'The operating system''s user';
comment on column dba.tlogentry.step_seconds is 'Seconds since the step began';
comment on column dba.tlogentry.total_seconds is 'Seconds since the run began';
comment on column dba.tlogentry.level is 'DEBUG, INFO, WARNING, ERROR';
comment on column dba.tlogentry.logger is 'Which module said it';
comment on column dba.tlogentry.message is 'The text, secrets masked';
comment on column dba.tlogentry.detail is 'Further values, the traceback included';

-- Import configurations -------------------------------------------------------------------------------------------------

create table dba.tdatasource (
    datasource text primary key,
    description text
);
comment on table dba.tdatasource is 'Who files come from';
comment on column dba.tdatasource.datasource is 'Short name';
comment on column dba.tdatasource.description is 'In words';

create table dba.tdatasettype (
    datasettype text primary key,
    description text
);
comment on table dba.tdatasettype is 'What kind of data a dataset holds';
comment on column dba.tdatasettype.datasettype is 'Short name';
comment on column dba.tdatasettype.description is 'In words';

create table dba.timportstrategy (
    importstrategyid integer primary key,
    description text not null
);
comment on table dba.timportstrategy is 'What an import does about columns that the target or the file lacks';
comment on column dba.timportstrategy.importstrategyid is 'Number used in timportconfig';
comment on column dba.timportstrategy.description is 'In words';
insert into dba.timportstrategy values
    (1, 'import and create new columns (text)'),
    (2, 'import, ignore new columns (said)'),
    (3, 'import, or refuse the file if columns are missing');

create table dba.tdatastatus (
    status text primary key,
    description text not null
);
comment on table dba.tdatastatus is 'The states of a dataset';
comment on column dba.tdatastatus.status is 'Short name';
comment on column dba.tdatastatus.description is 'In words';
insert into dba.tdatastatus values
    ('active', 'loaded and valid; the newest active one of a label is current'),
    ('held', 'loaded, but not made current: a guard tripped; accept or undo it'),
    ('superseded', 'replaced by another content for the same label and date'),
    ('undone', 'taken back');

create table dba.timportconfig (
    config_name text primary key check (config_name ~ '^[a-z][a-z0-9_]*$'),
    datasource text references dba.tdatasource,
    datasettype text references dba.tdatasettype,
    source_directory text not null default '',
    archive_directory text not null default '',
    file_pattern text not null,
    file_type text not null default 'auto',
    metadata_label_source text not null default 'none'
        check (metadata_label_source in ('filename', 'file_content', 'static', 'none')),
    metadata_label_location text,
    dateconfig text not null default 'none' check (dateconfig in ('filename', 'file_content', 'static', 'none')),
    datelocation text,
    dateformat text,
    delimiter text not null default '_',
    target_table text not null,
    importstrategyid integer not null default 1 references dba.timportstrategy,
    is_active boolean not null default true,
    load_mode text not null default 'snapshot' check (load_mode in ('snapshot', 'append', 'upsert', 'new_rows')),
    key_columns text[] not null default '{}',
    empty_keeps boolean not null default false,
    schema jsonb not null default '{}',
    strict_mode boolean not null default false,
    exact_header text[] not null default '{}',
    row_checks jsonb not null default '[]',
    extras_json text not null default '',
    reading jsonb not null default '{}',
    guards jsonb not null default '{}',
    max_rejects integer not null default 10 check (max_rejects >= 0),
    max_reject_rate numeric not null default 0.05 check (max_reject_rate between 0 and 1),
    after_change text not null default '',
    archive_policy text not null default 'single' check (archive_policy in ('single', 'daily_zip', 'none')),
    sources jsonb not null default '[]',
    transform text not null default '',
    notify text[] not null default '{}',
    managed_by text not null default 'row' check (managed_by in ('yaml', 'row', 'upload')),
    yaml_hash text,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    job jsonb not null default '{}',
    target jsonb not null default '{}'
);
comment on table dba.timportconfig is 'One row says what becomes of one kind of client file; config/imports/NAME.yaml feeds it';
comment on column dba.timportconfig.config_name is 'Name of the import';
comment on column dba.timportconfig.datasource is 'Who the files come from';
comment on column dba.timportconfig.datasettype is 'What kind of data they hold';
comment on column dba.timportconfig.source_directory is 'Where files wait; empty: file_watcher/';
comment on column dba.timportconfig.archive_directory is 'Where loaded files go; empty: archive/';
comment on column dba.timportconfig.file_pattern is 'Regular expression that the whole file name must match';
comment on column dba.timportconfig.file_type is 'auto: the content decides';
comment on column dba.timportconfig.metadata_label_source is 'Where the label comes from: filename, file_content, static, none';
comment on column dba.timportconfig.metadata_label_location is 'Part of the file name (from 0), column, or the label itself';
comment on column dba.timportconfig.dateconfig is 'Where the date comes from: filename, file_content, static, none';
comment on column dba.timportconfig.datelocation is 'Part of the file name (from 0), column, or the date itself';
comment on column dba.timportconfig.dateformat is 'Such as yyyyMMddTHHmmss';
comment on column dba.timportconfig.delimiter is 'What separates the parts of a file name';
comment on column dba.timportconfig.target_table is 'schema.table that the rows go to';
comment on column dba.timportconfig.importstrategyid is '1 create new columns, 2 ignore them, 3 refuse when columns are missing';
comment on column dba.timportconfig.is_active is 'false: files of this kind are left waiting';
comment on column dba.timportconfig.load_mode is 'snapshot, append, upsert or new_rows';
comment on column dba.timportconfig.key_columns is 'The columns that name a thing (upsert, changes)';
comment on column dba.timportconfig.empty_keeps is 'upsert: an empty field keeps the old value';
comment on column dba.timportconfig.schema is 'Declared columns: type, formats, checks';
comment on column dba.timportconfig.strict_mode is 'true: only declared columns are kept';
comment on column dba.timportconfig.exact_header is 'Any other header is another layout and refused';
comment on column dba.timportconfig.row_checks is 'Equations over the columns of a row, each with a tolerance';
comment on column dba.timportconfig.extras_json is 'Column that takes undeclared columns as JSON';
comment on column dba.timportconfig.reading is 'How to read the file where its content does not say it: header_row, sheet, encoding ...';
comment on column dba.timportconfig.guards is 'min_rows, max_drop_percent, allow_empty';
comment on column dba.timportconfig.max_rejects is 'More rejected rows than this, and a higher rate than max_reject_rate: the file is refused';
comment on column dba.timportconfig.max_reject_rate is 'Share of the rows read, 0 to 1';
comment on column dba.timportconfig.after_change is 'SQL file that recomputes what is derived from the target';
comment on column dba.timportconfig.archive_policy is 'single, daily_zip or none';
comment on column dba.timportconfig.sources is 'Where files are fetched from';
comment on column dba.timportconfig.transform is 'Function in config/transforms/';
comment on column dba.timportconfig.notify is 'Who is told, beside the alert recipients';
comment on column dba.timportconfig.managed_by is 'yaml: config/imports/NAME.yaml or a job''s file feeds this row; row: it is edited here; upload: it was uploaded, and what it names is held against UPLOAD_ALLOWED_HOSTS';
comment on column dba.timportconfig.yaml_hash is 'Hash of the YAML as it was applied';
comment on column dba.timportconfig.version is 'Goes up with each change';
comment on column dba.timportconfig.created_at is 'When the row was made';
comment on column dba.timportconfig.updated_at is 'When the row was last changed';
comment on column dba.timportconfig.job is 'Of a YAML job: start_time, end_time, output_csv_path';
comment on column dba.timportconfig.target is 'parquet: a folder instead of a table; months_of: the date column whose months are noted';

create table dba.tconfighistory (
    config_history_id integer generated always as identity primary key,
    config_name text not null,
    version integer not null,
    changed_at timestamptz not null default now(),
    changed_by text not null default current_user,
    content jsonb not null,
    source text not null default 'row',
    unique (config_name, version)
);
comment on table dba.tconfighistory is 'Every version of every import configuration';
comment on column dba.tconfighistory.config_history_id is 'Number of the entry';
comment on column dba.tconfighistory.config_name is 'The import';
comment on column dba.tconfighistory.version is 'Its version, from 1';
comment on column dba.tconfighistory.changed_at is 'When this version began';
comment on column dba.tconfighistory.changed_by is 'Database login that made it';
comment on column dba.tconfighistory.content is 'The whole row';
comment on column dba.tconfighistory.source is 'yaml, row or upload';

create function dba.keep_config_history() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and to_jsonb(new) - 'updated_at' = to_jsonb(old) - 'updated_at' then
        return new;
    end if;
    select coalesce(max(h.version), 0) + 1 into new.version
    from dba.tconfighistory h where h.config_name = new.config_name;
    new.updated_at := now();
    insert into dba.tconfighistory (config_name, version, content, source)
    values (new.config_name, new.version, to_jsonb(new),
            case when tg_op = 'INSERT' or new.yaml_hash is distinct from old.yaml_hash then new.managed_by else 'row' end);
    return new;
end $$;
comment on function dba.keep_config_history() is 'Writes each version of a configuration to dba.tconfighistory';
create trigger keep_history before insert or update on dba.timportconfig
    for each row execute function dba.keep_config_history();

-- Files and datasets ----------------------------------------------------------------------------------------------------

create table dba.tdataset (
    dataset_id integer generated always as identity primary key,
    config_name text not null references dba.timportconfig,
    label text,
    dataset_date date,
    stamp text not null default '',
    last_seen date,
    status text not null references dba.tdatastatus,
    load_mode text not null,
    target_table text not null,
    content_sha256 text not null,
    columns text[] not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_rejected bigint not null,
    rows_skipped bigint not null,
    superseded_by integer references dba.tdataset,
    is_baseline boolean not null default false,
    status_reason text,
    run_uuid uuid not null,
    created_at timestamptz not null default now(),
    status_at timestamptz not null default now(),
    file_name text,
    purged_at timestamptz,
    check (rows_read = rows_loaded + rows_rejected + rows_skipped)
);
create index on dba.tdataset (config_name, label, dataset_date);
create index on dba.tdataset (target_table, status);
create index on dba.tdataset (config_name, content_sha256);
create index on dba.tdataset (run_uuid);
create unique index tdataset_one_active on dba.tdataset (config_name, coalesce(label, ''), coalesce(dataset_date, '-infinity'))
    where status = 'active' and load_mode = 'snapshot';
comment on table dba.tdataset is 'One row for what one file put into a target';
comment on column dba.tdataset.dataset_id is 'Number that every row of the target carries';
comment on column dba.tdataset.config_name is 'The import';
comment on column dba.tdataset.label is 'Which thing the file is about (an event, a client), where declared';
comment on column dba.tdataset.dataset_date is 'The day the file is about, where declared';
comment on column dba.tdataset.stamp is 'The full stamp it was taken from; orders files of one day';
comment on column dba.tdataset.last_seen is 'Newest date at which the same content was delivered again';
comment on column dba.tdataset.status is 'active, held, superseded, undone';
comment on column dba.tdataset.load_mode is 'As it was loaded';
comment on column dba.tdataset.target_table is 'schema.table the rows went to';
comment on column dba.tdataset.content_sha256 is 'SHA-256 of the bytes (text) or of the clean rows (workbooks)';
comment on column dba.tdataset.columns is 'The columns this file held, in its order';
comment on column dba.tdataset.rows_read is 'Rows of the file';
comment on column dba.tdataset.rows_loaded is 'Rows in the target';
comment on column dba.tdataset.rows_rejected is 'Rows in dba.trejectedrow';
comment on column dba.tdataset.rows_skipped is 'Rows that were no data, or were there already';
comment on column dba.tdataset.superseded_by is 'The dataset that replaced this one';
comment on column dba.tdataset.is_baseline is 'A drop was accepted here: the guard compares only with this and later datasets';
comment on column dba.tdataset.status_reason is 'Why it is held, superseded or undone';
comment on column dba.tdataset.run_uuid is 'The run that loaded it';
comment on column dba.tdataset.created_at is 'When it was loaded';
comment on column dba.tdataset.status_at is 'When its state last changed';
comment on column dba.tdataset.file_name is 'Parquet targets: the file in the folder that holds the rows; null where the target is a table';
comment on column dba.tdataset.purged_at is 'When purge.py deleted its rows or its history; it cannot be undone any more';

create table dba.tfile (
    file_id integer generated always as identity primary key,
    config_name text not null references dba.timportconfig,
    source text not null default 'local',
    source_path text,
    source_size bigint,
    source_stamp text,
    name text not null,
    path text not null,
    size bigint,
    file_sha256 text,
    content_sha256 text,
    status text not null
        check (status in ('fetched', 'prepared', 'loaded', 'unchanged', 'duplicate', 'refused', 'undone')),
    reason text,
    label text,
    dataset_date date,
    stamp text not null default '',
    detected jsonb,
    plan jsonb,
    dataset_id integer references dba.tdataset,
    rows_read bigint,
    rows_loaded bigint,
    rows_rejected bigint,
    rows_skipped bigint,
    keep_path text,
    archived_at timestamptz,
    settled_at timestamptz,
    resolved_by integer references dba.tfile,
    run_uuid uuid not null,
    created_at timestamptz not null default now(),
    status_at timestamptz not null default now(),
    purged_at timestamptz,
    check (rows_read is null or rows_read = rows_loaded + rows_rejected + rows_skipped),
    check (status not in ('loaded', 'unchanged', 'duplicate', 'undone') or dataset_id is not null)
);
create unique index tfile_one_ticket on dba.tfile (config_name, path) where status in ('fetched', 'prepared');
create index tfile_unfinished on dba.tfile (config_name)
    where archived_at is null or settled_at is null or status in ('fetched', 'prepared');
create index on dba.tfile (config_name, source, source_path);
create index on dba.tfile (dataset_id);
create index on dba.tfile (run_uuid);
create index on dba.tfile (keep_path);
comment on table dba.tfile is 'One row for every file that came in, and what became of it';
comment on column dba.tfile.file_id is 'Number of the ticket';
comment on column dba.tfile.config_name is 'The import';
comment on column dba.tfile.source is 'Kind of source it came from';
comment on column dba.tfile.source_path is 'Where it lay at the source';
comment on column dba.tfile.source_size is 'Bytes it had there';
comment on column dba.tfile.source_stamp is 'Time or ETag it had there';
comment on column dba.tfile.name is 'File name';
comment on column dba.tfile.path is 'Where it waits, below the data folder';
comment on column dba.tfile.size is 'Bytes';
comment on column dba.tfile.file_sha256 is 'SHA-256 of the bytes';
comment on column dba.tfile.content_sha256 is 'SHA-256 of the content (see dba.tdataset)';
comment on column dba.tfile.status is 'fetched -> prepared -> loaded | unchanged | duplicate | refused; loaded -> undone';
comment on column dba.tfile.reason is 'Why it is unchanged, a duplicate or refused';
comment on column dba.tfile.label is 'As found';
comment on column dba.tfile.dataset_date is 'As found';
comment on column dba.tfile.stamp is 'Full stamp; files load in its order';
comment on column dba.tfile.detected is 'Format, encoding, dialect, header, and why';
comment on column dba.tfile.plan is 'What loading it was going to do';
comment on column dba.tfile.dataset_id is 'What it became, or what it repeats';
comment on column dba.tfile.rows_read is 'Rows of the file';
comment on column dba.tfile.rows_loaded is 'Rows in the target';
comment on column dba.tfile.rows_rejected is 'Rows in dba.trejectedrow';
comment on column dba.tfile.rows_skipped is 'Rows that were no data, or were there already';
comment on column dba.tfile.keep_path is 'Where it goes once final (archive/ or refused/), below the data folder';
comment on column dba.tfile.archived_at is 'When it got there';
comment on column dba.tfile.settled_at is 'When the source was told that it is safe';
comment on column dba.tfile.resolved_by is 'What makes this refused file history: a later good load, or the same content refused again';
comment on column dba.tfile.run_uuid is 'The run that handled it last';
comment on column dba.tfile.created_at is 'When it was first seen';
comment on column dba.tfile.status_at is 'When its state last changed, or its source last gave the same content again';
comment on column dba.tfile.purged_at is 'When purge.py deleted the file';

create table dba.trejectedrow (
    rejected_row_id bigint generated always as identity primary key,
    file_id integer not null references dba.tfile,
    dataset_id integer references dba.tdataset,
    source_row integer not null,
    column_name text,
    value text,
    reason text not null,
    raw_row text,
    replayed_at timestamptz,
    created_at timestamptz not null default now()
);
create index on dba.trejectedrow (dataset_id);
create index on dba.trejectedrow (file_id);
comment on table dba.trejectedrow is 'Rows kept aside, each with its reason';
comment on column dba.trejectedrow.rejected_row_id is 'Number';
comment on column dba.trejectedrow.file_id is 'The file';
comment on column dba.trejectedrow.dataset_id is 'The dataset the rest of the file became; empty when the whole file was refused';
comment on column dba.trejectedrow.source_row is 'Line of the file, or row of the sheet, from 1';
comment on column dba.trejectedrow.column_name is 'The column at fault, where it is one';
comment on column dba.trejectedrow.value is 'Its value';
comment on column dba.trejectedrow.reason is 'What is wrong, for the client to read';
comment on column dba.trejectedrow.raw_row is 'The row as it stood in the file';
comment on column dba.trejectedrow.replayed_at is 'When it came in after all';
comment on column dba.trejectedrow.created_at is 'When it was put aside';

create table dba.trowhistory (
    row_history_id bigint generated always as identity primary key,
    target_table text not null,
    dataset_id integer not null references dba.tdataset,
    previous_dataset_id integer references dba.tdataset,
    key jsonb not null,
    old_row jsonb,
    created_at timestamptz not null default now()
);
create index on dba.trowhistory (dataset_id);
create index on dba.trowhistory (target_table, key);
comment on table dba.trowhistory is 'Rows as they were before an upsert changed them';
comment on column dba.trowhistory.row_history_id is 'Number';
comment on column dba.trowhistory.target_table is 'schema.table';
comment on column dba.trowhistory.dataset_id is 'The dataset that changed the row';
comment on column dba.trowhistory.previous_dataset_id is 'The dataset it came from before';
comment on column dba.trowhistory.key is 'Key columns and their values';
comment on column dba.trowhistory.old_row is 'The row before; empty when the dataset inserted it';
comment on column dba.trowhistory.created_at is 'When';

create table dba.tschemachange (
    schema_change_id integer generated always as identity primary key,
    target_table text not null,
    statement text not null,
    config_name text,
    file_id integer references dba.tfile,
    run_uuid uuid not null,
    created_at timestamptz not null default now()
);
comment on table dba.tschemachange is 'Every change of a target''s shape';
comment on column dba.tschemachange.schema_change_id is 'Number';
comment on column dba.tschemachange.target_table is 'schema.table';
comment on column dba.tschemachange.statement is 'The SQL that was run';
comment on column dba.tschemachange.config_name is 'The import that needed it';
comment on column dba.tschemachange.file_id is 'The file that brought it about';
comment on column dba.tschemachange.run_uuid is 'The run';
comment on column dba.tschemachange.created_at is 'When';

-- Reports ---------------------------------------------------------------------------------------------------------------

create table dba.treportmanager (
    report_name text primary key,
    subject text not null,
    recipients text[] not null default '{}',
    template text not null,
    queries jsonb not null default '{}',
    parts jsonb not null default '{}',
    attachments jsonb not null default '[]',
    send_if text not null default 'always' check (send_if in ('always', 'rows', 'problems')),
    is_active boolean not null default true,
    yaml_hash text,
    updated_at timestamptz not null default now(),
    targets text[] not null default '{}',
    applied jsonb
);
comment on table dba.treportmanager is 'One row for every report; config/reports/NAME.yaml feeds it';
comment on column dba.treportmanager.report_name is 'Name of the report';
comment on column dba.treportmanager.subject is 'Subject of the mail, a template';
comment on column dba.treportmanager.recipients is 'Addresses; empty: REPORT_RECIPIENTS';
comment on column dba.treportmanager.template is 'File name of the HTML template';
comment on column dba.treportmanager.queries is 'Name -> SQL, run with the reader login';
comment on column dba.treportmanager.parts is 'Kind of part (systemscripts/reports/parts) -> its options, for what needs more than one query';
comment on column dba.treportmanager.attachments is 'Files made from queries';
comment on column dba.treportmanager.send_if is 'always, rows (some query has rows) or problems';
comment on column dba.treportmanager.is_active is 'false: not sent';
comment on column dba.treportmanager.yaml_hash is 'Hash of the YAML as it was applied';
comment on column dba.treportmanager.updated_at is 'When the row was last changed';
comment on column dba.treportmanager.targets is 'Delivery targets (config/targets/NAME.yaml) that get the attachments as files';
comment on column dba.treportmanager.applied is 'What its YAML last made of this row; a row that differs was edited here';

create table dba.treportdelivery (
    delivery_id integer generated always as identity primary key,
    report_name text not null references dba.treportmanager,
    status text not null check (status in ('pending', 'sent', 'nothing')),
    recipients text[] not null,
    accepted text[] not null default '{}',
    subject text not null default '',
    message_id text,
    message bytea,
    covered jsonb not null default '{}',
    error text,
    run_uuid uuid not null,
    created_at timestamptz not null default now(),
    sent_at timestamptz
);
create index on dba.treportdelivery (report_name, delivery_id desc);
comment on table dba.treportdelivery is 'What was mailed; a pending one is tried again by the next run';
comment on column dba.treportdelivery.delivery_id is 'Number';
comment on column dba.treportdelivery.report_name is 'The report';
comment on column dba.treportdelivery.status is 'pending (not accepted yet), sent, nothing (send_if was not met)';
comment on column dba.treportdelivery.recipients is 'Addresses';
comment on column dba.treportdelivery.accepted is 'Addresses the mail server has taken it for';
comment on column dba.treportdelivery.subject is 'Subject as sent';
comment on column dba.treportdelivery.message_id is 'Message-ID header; stays the same when tried again';
comment on column dba.treportdelivery.message is 'The mail, until it is accepted';
comment on column dba.treportdelivery.covered is 'What it reported, so that nothing is reported twice';
comment on column dba.treportdelivery.error is 'Why the last try failed';
comment on column dba.treportdelivery.run_uuid is 'The run that made it';
comment on column dba.treportdelivery.created_at is 'When it was made';
comment on column dba.treportdelivery.sent_at is 'When the mail server accepted it';

create table dba.tuser (
    user_name text primary key,
    password_hash text not null,
    role text not null check (role in ('admin', 'user')),
    token_version integer not null default 1,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    last_login_at timestamptz
);
comment on table dba.tuser is 'Who may sign in to the console';
comment on column dba.tuser.user_name is 'Name';
comment on column dba.tuser.password_hash is 'argon2id';
comment on column dba.tuser.role is 'admin or user';
comment on column dba.tuser.token_version is 'Goes up to end all sessions';
comment on column dba.tuser.is_active is 'false: may not sign in';
comment on column dba.tuser.created_at is 'When made';
comment on column dba.tuser.last_login_at is 'Last sign-in';

-- Views for people ------------------------------------------------------------------------------------------------------

-- A snapshot whose rows were purged is never current again.
create view dba.v_current_dataset as
select d.*
from dba.tdataset d
where d.status = 'active'
  and (d.load_mode <> 'snapshot' or d.purged_at is null and d.dataset_id = (
        select n.dataset_id from dba.tdataset n
        where n.config_name = d.config_name and n.label is not distinct from d.label
          and n.status = 'active' and n.load_mode = 'snapshot' and n.purged_at is null
        order by greatest(n.dataset_date, n.last_seen) desc nulls last, n.stamp desc, n.dataset_id desc limit 1));
comment on view dba.v_current_dataset is 'The datasets whose rows are current: per label the newest active one (snapshot), every active one (append)';

create view dba.v_run as
select r.started_at, r.job, r.status, round(extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::numeric, 1) as seconds,
       r.exit_code, r.error, r.files, r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped, r.progress, r.arguments,
       r.step_number, p.job as started_by, r.host, r.os_user, r.log_file, r.run_uuid, r.root_uuid, r.lock_key, r.ended_at
from dba.trun r left join dba.trun p on p.run_uuid = r.parent_uuid;
comment on view dba.v_run is 'Runs, for reading: order by started_at desc';

create view dba.v_failure as
select r.started_at, r.job, r.status, r.exit_code, r.error, r.arguments, r.run_uuid, r.root_uuid, r.step_number,
       (select max(s.started_at) from dba.trun s
        where s.job = r.job and s.lock_key = r.lock_key and s.status = 'succeeded' and s.started_at > r.started_at) as succeeded_again_at
from dba.trun r where r.status in ('failed', 'interrupted', 'timed out');
comment on view dba.v_failure is 'Runs that went wrong, and when the same job last succeeded after them';

create view dba.v_dataset as
select d.dataset_id, d.config_name, d.label, d.dataset_date, d.last_seen, d.status,
       d.dataset_id in (select c.dataset_id from dba.v_current_dataset c) as is_current,
       d.target_table, d.rows_read, d.rows_loaded, d.rows_rejected, d.rows_skipped, f.name as file_name, f.keep_path as archived_as,
       d.created_at, d.status_at, d.status_reason, d.superseded_by, d.run_uuid
from dba.tdataset d left join dba.tfile f on f.dataset_id = d.dataset_id and f.status in ('loaded', 'undone');
comment on view dba.v_dataset is 'Datasets with the file each came from';

create view dba.v_waiting as
select f.created_at as waiting_since, f.config_name, f.name, f.status, f.reason, f.path, f.size,
       case when f.status = 'refused' then coalesce(f.reason, 'refused')
            when not coalesce(c.is_active, true) then 'its import is paused'
            when f.reason is not null then f.reason
            when f.status = 'prepared' then 'read and checked, not loaded yet: the next run of its import loads it'
            else 'seen, not read yet: the next run of its import reads it' end as why
from dba.tfile f left join dba.timportconfig c using (config_name)
where f.status in ('fetched', 'prepared') or (f.status = 'refused' and f.resolved_by is null and f.purged_at is null);
comment on view dba.v_waiting is 'Files that are not loaded: waiting, or refused and not yet replaced by a good one';

create view dba.v_row_origin as
select d.dataset_id, d.target_table, d.config_name, d.label, d.dataset_date, f.name as file_name, f.source, f.source_path,
       f.keep_path as archived_as, f.file_sha256, d.created_at as loaded_at, d.run_uuid, r.job, r.os_user
from dba.tdataset d
left join dba.tfile f on f.dataset_id = d.dataset_id and f.status in ('loaded', 'undone')
left join dba.trun r on r.run_uuid = d.run_uuid;
comment on view dba.v_row_origin is 'Join a target''s dataset_id to it: the file, the run, and where the file came from';

create view dba.v_import_health as
select c.config_name, c.is_active, c.target_table,
       (select max(d.created_at) from dba.tdataset d where d.config_name = c.config_name) as last_loaded_at,
       (select max(f.status_at) from dba.tfile f where f.config_name = c.config_name and f.status in ('loaded', 'unchanged', 'duplicate')) as last_good_file_at,
       (select count(*) from dba.tfile f where f.config_name = c.config_name and f.status = 'refused' and f.resolved_by is null) as refused_files,
       (select count(*) from dba.tfile f where f.config_name = c.config_name and f.status in ('fetched', 'prepared')) as waiting_files,
       (select count(*) from dba.tdataset d where d.config_name = c.config_name and d.status = 'held') as held_datasets
from dba.timportconfig c;
comment on view dba.v_import_health is 'Per import: when it last loaded, and what is refused, waiting or held';
