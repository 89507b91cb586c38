-- Held files: which dataset their load became, of what kind a delivery is, and what the views say of them.

alter table dba.tdataset add column held_dataset_id integer references dba.tdataset;
comment on column dba.tdataset.held_dataset_id is 'The held dataset whose file this one is the load of; among loads its file counts from when it was held';
update dba.tdataset n set held_dataset_id = h.dataset_id from dba.tdataset h
where h.superseded_by = n.dataset_id and h.is_held_file
    and (h.status_reason like 'accepted as dataset %' or h.status_reason like 'loaded as dataset %');
create unique index tdataset_held_once on dba.tdataset (held_dataset_id) where held_dataset_id is not null;

alter table dba.tfile add column scope text not null default '';
comment on column dba.tfile.scope is 'What part a delivery is, where an import gets several kinds: news (only what is new), chosen (only what was asked for); empty: the usual whole';
alter table dba.tdataset add column scope text not null default '';
comment on column dba.tdataset.scope is 'The scope of its file: values are compared with those of the same scope';
update dba.tfile set scope = 'news' where source = 'api' and name like '%\_news.jsonl';
update dba.tdataset d set scope = f.scope from dba.tfile f where f.dataset_id = d.dataset_id and f.scope <> '';

alter table dba.tfile add column is_kept_while_held boolean not null default false;
comment on column dba.tfile.is_kept_while_held is 'true: its import keeps no archive; the file is kept until its dataset is no longer held';

-- Findings quote values, which the reader's login may not see: it is told the rules, and of errors what comes before.
create function dba.without_findings(said text) returns text language sql stable as $$
    select case when has_table_privilege('dba.tfinding', 'select') then said
                else regexp_replace(said, '\m((is|are|stays) held|is refused|held since)\M.*', '\1, see dba.v_load') end
$$;
comment on function dba.without_findings is 'A text about runs, for the reader without what files have against them';

create or replace view dba.v_run as
select r.started_at, r.job, r.status, round(extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::numeric, 1) as seconds,
       r.exit_code, dba.without_findings(r.error) as error, r.files, r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped,
       r.progress, r.arguments, r.step_number, p.job as started_by, r.host, r.os_user, r.log_file, r.run_uuid, r.root_uuid, r.lock_key,
       r.ended_at, r.warnings, r.is_green, r.rows_held
from dba.trun r left join dba.trun p on p.run_uuid = r.parent_uuid;

create or replace view dba.v_failure as
select r.started_at, r.job, r.status, r.exit_code, dba.without_findings(r.error) as error, r.arguments, r.run_uuid, r.root_uuid,
       r.step_number,
       (select max(s.started_at) from dba.trun s
        where s.job = r.job and s.lock_key = r.lock_key and s.status = 'succeeded' and s.started_at > r.started_at) as succeeded_again_at
from dba.trun r where r.status in ('failed', 'interrupted', 'timed out');

create or replace view dba.v_dataset as
select d.dataset_id, d.config_name, d.label, d.dataset_date, d.last_seen, d.status,
       d.dataset_id in (select c.dataset_id from dba.v_current_dataset c) as is_current,
       d.target_table, d.rows_read, d.rows_loaded, d.rows_rejected, d.rows_skipped, f.name as file_name, f.keep_path as archived_as,
       d.created_at, d.status_at,
       case when d.status <> 'held' or has_table_privilege('dba.tfinding', 'select') then d.status_reason
            else coalesce((select 'held by ' || string_agg(distinct n.rule || coalesce(' of ' || n.column_name, ''), ', ')
                                  -- the commands that decide, which stand at its end
                                  || coalesce('; ' || substring(d.status_reason from '; ([^;]*)$'), '')
                           from dba.tfinding n where n.dataset_id = d.dataset_id and n.severity = 'hold'), d.status_reason)
            end as status_reason,
       d.superseded_by, d.run_uuid, d.rows_held, d.held_dataset_id, d.scope
from dba.tdataset d left join dba.tfile f on f.dataset_id = d.dataset_id and f.status in ('loaded', 'undone');

create or replace view dba.v_waiting as
select f.created_at as waiting_since, f.config_name, f.name, f.status, said.reason, f.path, f.size,
       case when f.status = 'refused' then coalesce(said.reason, 'refused')
            when not coalesce(c.is_active, true) then 'its import is paused'
            when said.reason is not null then said.reason
            when f.status = 'prepared' then 'read and checked, not loaded yet: the next run of its import loads it'
            else 'seen, not read yet: the next run of its import reads it' end as why
from dba.tfile f left join dba.timportconfig c using (config_name)
cross join lateral (
    select case when f.reason is null or has_table_privilege('dba.tfinding', 'select') then f.reason
                else coalesce((select 'refused by ' || string_agg(distinct n.rule || coalesce(' of ' || n.column_name, ''), ', ')
                               from dba.tfinding n where n.file_id = f.file_id and n.severity = 'refuse'), f.reason)
                end as reason) said
where f.status in ('fetched', 'prepared') or (f.status = 'refused' and f.resolved_by is null and f.purged_at is null);

create or replace view dba.v_load as
select coalesce(r.started_at, f.status_at) as loaded_at, f.config_name, f.name as file_name,
       case when f.status = 'loaded' and h.status = 'held' then 'held' else f.status end as status, f.label, f.dataset_date,
       case when f.status = 'loaded' then f.rows_read else 0 end as rows_read,
       case when f.status = 'loaded' then f.rows_loaded else 0 end as rows_loaded,
       case when f.status in ('loaded', 'refused') then coalesce(f.rows_rejected, 0) else 0 end as rows_rejected,
       case when f.status = 'loaded' then f.rows_skipped else 0 end as rows_skipped,
       case when f.status = 'loaded' then (select count(*) from dba.trowhistory h
            where h.dataset_id = f.dataset_id and h.old_row is not null) else 0 end as rows_changed,
       case when f.reason is null or has_table_privilege('dba.tfinding', 'select') then f.reason
            else coalesce((select string_agg(distinct n.rule || coalesce(' of ' || n.column_name, ''), ', ')
                           from dba.tfinding n where n.file_id = f.file_id and n.severity in ('refuse', 'hold')), f.reason)
            end as reason,
       f.dataset_id, f.file_id, f.run_uuid,
       case when f.status = 'loaded' then f.rows_held else 0 end as rows_held
from dba.tfile f left join dba.trun r on r.run_uuid = f.run_uuid
left join dba.tdataset h on h.dataset_id = f.dataset_id
where f.status not in ('fetched', 'prepared');

create or replace view dba.v_week as
select date_trunc('week', l.loaded_at)::date as week_begins, l.config_name, count(*) as files,
       count(*) filter (where l.status = 'unchanged') as files_unchanged, count(*) filter (where l.status = 'refused') as files_refused,
       sum(l.rows_read)::bigint as rows_read, sum(l.rows_loaded)::bigint as rows_loaded,
       sum(l.rows_rejected)::bigint as rows_rejected, sum(l.rows_skipped)::bigint as rows_skipped,
       sum(l.rows_changed)::bigint as rows_changed,
       count(*) filter (where l.status = 'held') as files_held, sum(l.rows_held)::bigint as rows_held
from dba.v_load l group by 1, 2;

create or replace view dba.v_warning as
select w.warned_at, r.job, coalesce(w.config_name, f.config_name) as config_name, w.code,
       case when w.code <> 'finding' or has_table_privilege('dba.tfinding', 'select') then dba.without_findings(w.text)
            else coalesce(f.name || ': ', '') || coalesce(substring(w.text from ': ([a-z_]+): '), 'finding') end as text,
       f.name as file_name,
       coalesce(d.label, f.label) as label, coalesce(d.dataset_date, f.dataset_date) as dataset_date, w.file_id, w.dataset_id,
       coalesce(r.arguments ~ '--(dry-run|check)\M', false) as is_trial, r.lock_key, w.run_uuid, w.sequence
from dba.twarning w
left join dba.trun r on r.run_uuid = w.run_uuid
left join dba.tfile f on f.file_id = w.file_id
left join dba.tdataset d on d.dataset_id = w.dataset_id;

do $$
declare
    noted record;
begin
    for noted in
        select c.table_name, c.column_name, d.words
        from information_schema.columns c
        join (values
            ('rows_read', 'Rows of the file; read = loaded + rejected + skipped + held'),
            ('rows_held', 'Rows of files that are held: none of them is in the target'),
            ('files_held', 'Files that are held until they are accepted or undone'),
            ('held_dataset_id', 'The held dataset whose file this one is the load of'),
            ('scope', 'What part a delivery is: news, chosen; empty: the usual whole')
        ) d(column_name, words) using (column_name)
        where c.table_schema = 'dba' and c.table_name in ('v_run', 'v_dataset', 'v_load', 'v_week')
    loop
        execute format('comment on column dba.%I.%I is %L', noted.table_name, noted.column_name, noted.words);
    end loop;
end $$;
