-- One view for each question that an operator asks; `etl ask` shows them. What cron and the disks know is noted here
-- by the watchdog, so that SQL knows it too.

create table dba.tnextrun (
    pipeline text not null,
    due_at timestamptz not null,
    schedule text not null,
    why_not text,
    primary key (pipeline, due_at)
);
create index tnextrun_due on dba.tnextrun (due_at);
comment on table dba.tnextrun is 'The coming times of each pipeline, noted by schedule.py and, each hour, by the watchdog';
comment on column dba.tnextrun.pipeline is 'The pipeline';
comment on column dba.tnextrun.due_at is 'When cron starts it';
comment on column dba.tnextrun.schedule is 'Its schedule as cron reads it';
comment on column dba.tnextrun.why_not is 'Why it will not run at that time: paused, not set up; empty: it will';

create table dba.tmissedrun (
    pipeline text not null,
    due_at timestamptz not null,
    noticed_at timestamptz not null,
    catch_up_at timestamptz,
    primary key (pipeline, due_at)
);
create index tmissedrun_due on dba.tmissedrun (due_at desc);
comment on table dba.tmissedrun is 'Times at which a pipeline should have started and did not, as the watchdog found';
comment on column dba.tmissedrun.pipeline is 'The pipeline';
comment on column dba.tmissedrun.due_at is 'When it should have started';
comment on column dba.tmissedrun.noticed_at is 'When the watchdog noticed it';
comment on column dba.tmissedrun.catch_up_at is 'When it was started instead (catch_up: true); empty: it was not';

create table dba.tdiskuse (
    measured_on date not null,
    what text not null,
    path text not null,
    disk text not null,
    used bigint not null,
    free bigint,
    primary key (what, path, measured_on)
);
comment on table dba.tdiskuse is 'How full disks and folders were, once a day, measured by the watchdog';
comment on column dba.tdiskuse.measured_on is 'Day';
comment on column dba.tdiskuse.what is 'disk; or logs, archive, backups, database: what grows on it';
comment on column dba.tdiskuse.path is 'The folder';
comment on column dba.tdiskuse.disk is 'The folder that names its disk; empty: not on a disk of this host';
comment on column dba.tdiskuse.used is 'Bytes in use';
comment on column dba.tdiskuse.free is 'Bytes free, of a disk';

create index tfile_state_time on dba.tfile (status_at desc);
create index treportdelivery_time on dba.treportdelivery (created_at desc);

-- Who changed a configuration: the person, if the job knew one (sudo, the console), else the login of the database.
create function dba.get_person() returns text language sql stable as $$
    select coalesce(nullif(current_setting('etl.person', true), ''), session_user::text)
$$;
comment on function dba.get_person() is 'The person behind the session, if the job said who it is, else the login';
alter table dba.tconfighistory alter column changed_by set default dba.get_person();
alter table dba.tconfighistory add column changed_with text;
alter table dba.tconfighistory alter column changed_with set default
    session_user || coalesce(' by ' || nullif(current_setting('application_name'), ''), '')
    || coalesce(' from ' || host(inet_client_addr()), '');
comment on column dba.tconfighistory.changed_by is 'Who made it: the person (sudo, user of the console, owner of the file), else the login';
comment on column dba.tconfighistory.changed_with is 'The login of the database, the program, and the address it came from';

create view dba.v_reject as
select r.created_at as rejected_at, f.config_name, f.name as file_name, r.source_row, r.column_name, r.value, r.reason, r.raw_row,
       f.label, f.dataset_date, r.replayed_at, r.dataset_id, r.file_id, f.run_uuid, r.rejected_row_id
from dba.trejectedrow r left join dba.tfile f on f.file_id = r.file_id;
comment on view dba.v_reject is 'What was rejected, and why: order by rejected_row_id desc';

create function dba.list_differences(before jsonb, after jsonb) returns text language sql immutable as $$
    select string_agg(case when before is null then key || ': ' || left(coalesce(after ->> key, ''), 100)
                           else key || ': ' || left(coalesce(before ->> key, ''), 100) || ' -> ' || left(coalesce(after ->> key, ''), 100) end,
                      '; ' order by key)
    from jsonb_object_keys(coalesce(before, '{}') || coalesce(after, '{}')) key
    where before -> key is distinct from after -> key
      and not (coalesce(before -> key, 'null') in ('null', '[]', '{}', '""') and coalesce(after -> key, 'null') in ('null', '[]', '{}', '""'))
$$;
comment on function dba.list_differences(jsonb, jsonb) is 'What differs between two rows in JSON: key: before -> after; ...';

create view dba.v_config_change as
select h.changed_at, h.config_name, h.version, h.changed_by, h.changed_with, h.source,
       case when h.version = 1 then 'new' else (
           select dba.list_differences(p.content - array['version', 'updated_at', 'yaml_hash'], h.content - array['version', 'updated_at', 'yaml_hash'])
           from dba.tconfighistory p
           where p.config_name = h.config_name and p.version < h.version order by p.version desc limit 1) end as changes,
       h.config_history_id
from dba.tconfighistory h;
comment on view dba.v_config_change is 'Who changed which import, and what: order by config_history_id desc';

-- As whoever asks: the rights on the target decide.
create function dba.read_row(target text, key jsonb) returns jsonb language plpgsql stable as $$
declare
    found_row jsonb;
begin
    if to_regclass(target) is null or key is null or key = '{}' then
        return null;
    end if;
    execute format('select to_jsonb(t) from %1$s t, jsonb_populate_record(null::%1$s, $1) k where %2$s limit 1', to_regclass(target),
                   (select string_agg(format('t.%1$I = k.%1$I', name), ' and ') from jsonb_object_keys(key) name))
        into found_row using key;
    return found_row;
exception when undefined_column or undefined_table or invalid_text_representation then
    return null;
end $$;
comment on function dba.read_row(text, jsonb) is 'The row that a target has now for a key, as JSON; empty: none';

create view dba.v_row_change as
select h.created_at as changed_at, d.config_name, h.target_table, h.key,
       (select dba.list_differences(h.old_row - array['dataset_id', 'source_row'], n.new_row - array['dataset_id', 'source_row'])
        from (select coalesce(
            (select l.old_row from dba.trowhistory l
             where l.old_row is not null and l.target_table = h.target_table and l.key = h.key and l.row_history_id > h.row_history_id
             order by l.row_history_id limit 1), dba.read_row(h.target_table, h.key)) as new_row) n) as changes,
       h.old_row, (select f.name from dba.tfile f where f.dataset_id = h.dataset_id and f.status in ('loaded', 'undone') limit 1) as file_name,
       r.os_user, h.dataset_id, h.previous_dataset_id, d.run_uuid, h.row_history_id
from dba.trowhistory h
left join dba.tdataset d on d.dataset_id = h.dataset_id
left join dba.trun r on r.run_uuid = d.run_uuid
where h.old_row is not null;
comment on view dba.v_row_change is 'What an upsert changed in a row, and by which file: order by row_history_id desc';

create view dba.v_missed_run as
select m.due_at, m.pipeline, m.noticed_at, m.catch_up_at, r.started_at as made_up_at, r.status as made_up_with, r.run_uuid
from dba.tmissedrun m
left join lateral (
    select t.started_at, t.status, t.run_uuid from dba.trun t
    where t.job = 'run_pipeline' and t.lock_key = m.pipeline and t.started_at > m.due_at and t.status <> 'skipped'
      and t.arguments !~ '--(dry-run|list)' order by t.started_at limit 1) r on true;
comment on view dba.v_missed_run is 'Which run was missed, and which one made up for it: order by due_at desc';

create view dba.v_next_run as
select n.due_at, n.pipeline, n.why_not is null as will_run, n.why_not, n.schedule, r.started_at as last_started_at, r.status as last_status,
       round(extract(epoch from r.ended_at - r.started_at)) as last_seconds
from dba.tnextrun n
left join lateral (
    select t.started_at, t.status, t.ended_at from dba.trun t
    where t.job = 'run_pipeline' and t.lock_key = n.pipeline and t.status <> 'skipped' and t.arguments !~ '--(dry-run|list)'
    order by t.started_at desc limit 1) r on true
where n.due_at > now();
comment on view dba.v_next_run is 'What runs next: order by due_at';

-- The growth is the slope of the last 30 measurements; after one day there is none yet.
create view dba.v_disk_trend as
select t.measured_on, t.what, t.path, t.disk, t.used, t.free, t.growth_per_day,
       case when t.what = 'disk' and t.growth_per_day > 0 and t.free / t.growth_per_day < 36500
            then t.measured_on + (t.free / t.growth_per_day)::integer end as full_on
from (select u.*, round(regr_slope(u.used, u.measured_on - date '2020-01-01') over (
          partition by u.what, u.path order by u.measured_on rows between 29 preceding and current row)::numeric) as growth_per_day
      from dba.tdiskuse u) t;
comment on view dba.v_disk_trend is 'How full the disks are, what grows on them, and when they will be full: order by measured_on desc';

create view dba.v_undecided as
select w.waiting_since as since, w.config_name, w.status as state, w.name, w.why,
       case when w.status = 'refused' then 'etl import ' || w.config_name || ' --retry-refused' else 'etl import ' || w.config_name end as command,
       null::integer as dataset_id
from dba.v_waiting w
union all
select d.created_at, d.config_name, 'held', coalesce(d.file_name, d.label, ''), d.status_reason,
       'etl datasets accept ' || d.dataset_id || '   or: etl datasets undo ' || d.dataset_id, d.dataset_id
from dba.v_dataset d where d.status = 'held';
comment on view dba.v_undecided is 'What is held, refused or waits, and the command that decides: order by since';

-- Neither joins nor conditions within the union: so that the newest are found by the indexes.
create view dba.v_in_and_out as
select u.at, u.direction, u.about, u.what,
       case when u.state = 'loaded' and (select d.status from dba.tdataset d where d.dataset_id = u.dataset_id) = 'held'
            then 'held' else u.state end as result,
       u.rows_loaded, u.dataset_id, u.run_uuid
from (
    select f.status_at as at, 'came in'::text as direction, f.config_name as about, f.name as what, f.status as state,
           case when f.status = 'loaded' then f.rows_loaded end as rows_loaded, f.dataset_id, f.run_uuid
    from dba.tfile f
    union all
    select m.created_at, 'mailed'::text, m.report_name, m.subject, m.status, null::integer, null::integer, m.run_uuid
    from dba.treportdelivery m) u
where u.state not in ('fetched', 'prepared', 'nothing');
comment on view dba.v_in_and_out is 'What came in and what was mailed: order by at desc';

do $$
declare
    noted record;
begin
    for noted in
        select c.table_name, c.column_name, d.words
        from information_schema.columns c
        join (values
            ('about', 'The import or the report'), ('at', 'When'), ('catch_up_at', 'When it was started instead (catch_up: true)'),
            ('changed_at', 'When'), ('changed_by', 'The person (sudo, user of the console, owner of the file), else the login'),
            ('changed_with', 'The login of the database, the program, and the address it came from'),
            ('changes', 'What differs: column: before -> after; ...'), ('column_name', 'The column at fault, where it is one'),
            ('command', 'What to type'), ('config_history_id', 'Number of the version (dba.tconfighistory)'), ('config_name', 'The import'),
            ('dataset_date', 'The day the file is about'), ('dataset_id', 'The dataset; each row of a target carries it'),
            ('direction', 'came in, or mailed'), ('disk', 'The folder that names its disk'), ('due_at', 'When it should start'),
            ('file_id', 'The ticket of the file (dba.tfile)'), ('file_name', 'Name of the file'), ('free', 'Bytes free, of a disk'),
            ('full_on', 'The day on which the disk is full if it goes on like this'), ('growth_per_day', 'Bytes a day, over the last 30 measurements'),
            ('key', 'Key columns and their values'), ('label', 'Which thing the file is about: an event, a client'),
            ('last_seconds', 'How long the last run took'), ('last_started_at', 'When it last ran'), ('last_status', 'How that ended'),
            ('made_up_at', 'When the pipeline ran after that'), ('made_up_with', 'How that run ended'), ('measured_on', 'Day'),
            ('name', 'Name of the file'), ('noticed_at', 'When the watchdog noticed it'), ('old_row', 'The row before'),
            ('os_user', 'The user of the run'), ('path', 'The folder'), ('pipeline', 'The pipeline'),
            ('previous_dataset_id', 'The dataset that the row came from before'), ('raw_row', 'The row as it was in the file'),
            ('reason', 'What is wrong'), ('rejected_at', 'When'), ('rejected_row_id', 'Number (dba.trejectedrow)'),
            ('replayed_at', 'When it was loaded after all'), ('result', 'loaded, unchanged, duplicate, held, refused, undone; sent, pending'),
            ('row_history_id', 'Number (dba.trowhistory)'), ('rows_loaded', 'Rows in the target'), ('run_uuid', 'The run (dba.v_run)'),
            ('schedule', 'As cron reads it'), ('since', 'Since when'), ('source', 'yaml, row or upload'),
            ('source_row', 'Line of the file, or row of the sheet, from 1'), ('state', 'held, refused, prepared or fetched'),
            ('target_table', 'schema.table'), ('used', 'Bytes in use'), ('value', 'Its value'), ('version', 'Version of the import, from 1'),
            ('what', 'Name of the file, or subject of the mail; disk, logs, archive, backups, database'), ('why', 'The reason'),
            ('why_not', 'Why it will not run: paused, not set up'), ('will_run', 'Whether it will run')
        ) d(column_name, words) using (column_name)
        where c.table_schema = 'dba' and c.table_name in ('v_reject', 'v_config_change', 'v_row_change', 'v_missed_run', 'v_next_run',
            'v_disk_trend', 'v_undecided', 'v_in_and_out')
    loop
        execute format('comment on column dba.%I.%I is %L', noted.table_name, noted.column_name, noted.words);
    end loop;
end $$;
