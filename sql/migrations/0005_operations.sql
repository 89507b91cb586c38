-- Views that people and reports read: why files wait, what each file brought; a comment on every column of every view.

create view dba.v_load as
select coalesce(r.started_at, f.status_at) as loaded_at, f.config_name, f.name as file_name, f.status, f.label, f.dataset_date,
       case when f.status = 'loaded' then f.rows_read else 0 end as rows_read,
       case when f.status = 'loaded' then f.rows_loaded else 0 end as rows_loaded,
       case when f.status in ('loaded', 'refused') then coalesce(f.rows_rejected, 0) else 0 end as rows_rejected,
       case when f.status = 'loaded' then f.rows_skipped else 0 end as rows_skipped,
       case when f.status = 'loaded' then (select count(*) from dba.trowhistory h
            where h.dataset_id = f.dataset_id and h.old_row is not null) else 0 end as rows_changed,
       f.reason, f.dataset_id, f.file_id, f.run_uuid
from dba.tfile f left join dba.trun r on r.run_uuid = f.run_uuid
where f.status not in ('fetched', 'prepared');
comment on view dba.v_load is 'What each file brought: order by loaded_at desc';

create view dba.v_week as
select date_trunc('week', l.loaded_at)::date as week_begins, l.config_name, count(*) as files,
       count(*) filter (where l.status = 'unchanged') as files_unchanged, count(*) filter (where l.status = 'refused') as files_refused,
       sum(l.rows_read)::bigint as rows_read, sum(l.rows_loaded)::bigint as rows_loaded,
       sum(l.rows_rejected)::bigint as rows_rejected, sum(l.rows_skipped)::bigint as rows_skipped,
       sum(l.rows_changed)::bigint as rows_changed
from dba.v_load l group by 1, 2;
comment on view dba.v_week is 'What came in, by week and import';

-- One meaning for each name, whichever view has it.
do $$
declare
    said record;
begin
    for said in
        select c.table_name, c.column_name, d.words
        from information_schema.columns c
        join (values
            ('started_at', 'When the run began'), ('ended_at', 'When the run ended'), ('job', 'The job script'),
            ('status', 'State; the table behind the view explains each'), ('seconds', 'How long the run took, or has taken so far'),
            ('exit_code', '0 done, 1 failed, 2 wrong usage, 65 bad input data, 75 try again later, 78 bad configuration, 128+n ended by signal n'),
            ('error', 'What was wrong and what to do, in one line'), ('files', 'Number of files'),
            ('rows_read', 'Rows of the file; read = loaded + rejected + skipped'), ('rows_loaded', 'Rows put into the target'),
            ('rows_rejected', 'Rows kept aside in dba.trejectedrow, each with its reason'),
            ('rows_skipped', 'Rows that are no data, or were there already'), ('rows_changed', 'Rows of an upsert that changed what was there'),
            ('progress', 'How far it is, in words'), ('arguments', 'The command line, secrets masked'),
            ('step_number', 'The step of the pipeline, from 1'), ('started_by', 'The job that started this one (a pipeline)'),
            ('host', 'The machine'), ('os_user', 'The operating system''s user'), ('log_file', 'The run''s JSON-lines file; .csv and .txt lie beside it'),
            ('run_uuid', 'The run (dba.v_run; dba.tlogentry has what it said)'), ('root_uuid', 'The run that started the whole chain; equal to run_uuid where nobody started it'),
            ('lock_key', 'What the run held the lock for: the import, the pipeline'),
            ('succeeded_again_at', 'When the same job last succeeded after it; empty: it is still bad'),
            ('dataset_id', 'The dataset; each row of a target carries it'), ('config_name', 'The import'),
            ('label', 'Which thing the file is about: an event, a client'), ('dataset_date', 'The day the file is about'),
            ('last_seen', 'The last day a file with the same content came'), ('is_current', 'Whether its rows are in {target}_current'),
            ('target_table', 'schema.table the rows are in'), ('file_name', 'Name of the file'), ('archived_as', 'Where the file is now, below the data folder'),
            ('created_at', 'When it was loaded'), ('status_at', 'When its state last changed'), ('status_reason', 'Why it has that state'),
            ('superseded_by', 'The dataset that took its place'), ('waiting_since', 'When the file was first seen'), ('name', 'Name of the file'),
            ('reason', 'Why it has that state'), ('why', 'Why it waits, and for what'), ('path', 'Where it waits, below the data folder'), ('size', 'Bytes'),
            ('source', 'Kind of source it came from'), ('source_path', 'Where it lay at the source'), ('file_sha256', 'SHA-256 of the bytes'),
            ('loaded_at', 'When it came in'), ('is_active', 'false: its files are left waiting'), ('last_loaded_at', 'When a dataset was last loaded'),
            ('last_good_file_at', 'When a file last came in well, an unchanged one too'), ('refused_files', 'Files refused and not yet replaced by a good one'),
            ('waiting_files', 'Files not loaded yet'), ('held_datasets', 'Datasets that wait for accept or undo'),
            ('file_id', 'The ticket of the file (dba.tfile)'), ('week_begins', 'The Monday'),
            ('files_unchanged', 'Files with the content that was there already'), ('files_refused', 'Files kept aside as a whole')
        ) d(column_name, words) using (column_name)
        where c.table_schema = 'dba' and c.table_name like 'v\_%' and c.table_name <> 'v_current_dataset'
    loop
        execute format('comment on column dba.%I.%I is %L', said.table_name, said.column_name, said.words);
    end loop;
    -- v_current_dataset has the columns of dba.tdataset
    for said in
        select a.attname as column_name, col_description('dba.tdataset'::regclass, b.attnum) as words
        from pg_attribute a join pg_attribute b on b.attrelid = 'dba.tdataset'::regclass and b.attname = a.attname
        where a.attrelid = 'dba.v_current_dataset'::regclass and a.attnum > 0
    loop
        execute format('comment on column dba.v_current_dataset.%I is %L', said.column_name, said.words);
    end loop;
end $$;
