-- Two views that took more than 100 ms at 100,000 files: each row asked another table, all rows were sorted, and of each
-- wide row a few columns were read. Two indexes have these now.
drop index dba.tfile_run_uuid_idx;
create index tfile_run on dba.tfile (run_uuid) include (config_name, status, status_at, dataset_id, rows_read, rows_loaded,
    rows_rejected, rows_skipped, rows_held);
drop index dba.tfile_label_arrival;
create index tfile_label_arrival on dba.tfile (config_name, label, created_at desc) include (status, dataset_id, rows_read,
    rows_rejected);

-- A day of a label is on time if its first file came before each due time of that day that no file met: looked up for
-- each day, not for each file.
create or replace view dba.v_sender as
with day as (
    select f.config_name, coalesce(f.label, '') as label, f.created_at::date as day, min(f.created_at) as first_at,
        count(*) as files, count(*) filter (where f.status = 'refused') as refused,
        count(*) filter (where f.dataset_id in (select d.dataset_id from dba.tdataset d where d.is_held_file)) as held,
        sum(f.rows_read) as rows_read, sum(f.rows_rejected) as rows_rejected
    from dba.tfile f where f.config_name is not null and f.status <> 'fetched' group by 1, 2, 3),
missed as (
    select l.config_name, l.label, n.day, min(l.due_at) as due_at
    from dba.tlatefile l cross join lateral (
        select min(f.created_at)::date as day from dba.tfile f
        where f.config_name = l.config_name and l.label in ('', f.label) and f.created_at > l.due_at) n
    group by 1, 2, 3),
came as (
    select d.config_name, date_trunc('month', d.day)::date as month, sum(d.files)::bigint as files,
        count(*) filter (where d.first_at <= coalesce(least(o.due_at, a.due_at), d.first_at)) as on_time,
        sum(d.refused)::bigint as refused, sum(d.held)::bigint as held,
        coalesce(sum(d.rows_read), 0)::bigint as rows_read, coalesce(sum(d.rows_rejected), 0)::bigint as rows_rejected
    from day d
    left join missed a on a.config_name = d.config_name and a.day = d.day and a.label = ''
    left join missed o on o.config_name = d.config_name and o.day = d.day and o.label = d.label and o.label <> ''
    group by 1, 2),
late as (
    select config_name, date_trunc('month', due_at)::date as month, count(*) as late from dba.tlatefile group by 1, 2),
drift as (
    select config_name, month, sum(times)::bigint as findings, string_agg(rule || ' ' || times, ', ' order by times desc, rule) as drift
    from (select config_name, date_trunc('month', created_at)::date as month, rule, count(*) as times from dba.tfinding
          where severity in ('refuse', 'hold', 'warn') group by 1, 2, 3) by_rule
    group by 1, 2)
select config_name, month, coalesce(c.files, 0) as files, coalesce(c.on_time, 0) as on_time, coalesce(l.late, 0) as late,
    coalesce(c.refused, 0) as refused, coalesce(c.held, 0) as held, coalesce(c.rows_read, 0) as rows_read,
    coalesce(c.rows_rejected, 0) as rows_rejected, coalesce(d.findings, 0) as findings, d.drift, i.notify
from came c full join late l using (config_name, month) full join drift d using (config_name, month)
join dba.timportconfig i using (config_name)
order by month desc, config_name;

-- As dba.v_load has each file; the changed rows of all datasets are counted once. `offset 0`: the planner takes the weeks
-- for few, which they are, and sorts no files.
create or replace view dba.v_week as
select week_begins, config_name, count(*) as files,
       count(*) filter (where status = 'unchanged') as files_unchanged, count(*) filter (where status = 'refused') as files_refused,
       sum(case when status = 'loaded' then rows_read else 0 end)::bigint as rows_read,
       sum(case when status = 'loaded' then rows_loaded else 0 end)::bigint as rows_loaded,
       sum(case when status in ('loaded', 'refused') then coalesce(rows_rejected, 0) else 0 end)::bigint as rows_rejected,
       sum(case when status = 'loaded' then rows_skipped else 0 end)::bigint as rows_skipped,
       sum(case when status = 'loaded' then coalesce(changed, 0) else 0 end)::bigint as rows_changed,
       count(*) filter (where is_held) as files_held, sum(case when status = 'loaded' then rows_held else 0 end)::bigint as rows_held
from (
    select date_trunc('week', coalesce(r.started_at, f.status_at))::date as week_begins, f.config_name, f.status,
           f.rows_read, f.rows_loaded, f.rows_rejected, f.rows_skipped, f.rows_held, c.changed,
           f.status = 'loaded' and f.dataset_id in (select dataset_id from dba.tdataset where status = 'held') as is_held
    from dba.tfile f left join dba.trun r on r.run_uuid = f.run_uuid
    left join (select dataset_id, count(*)::integer as changed from dba.trowhistory where old_row is not null group by 1) c
        on c.dataset_id = f.dataset_id
    where f.status not in ('fetched', 'prepared')
    offset 0) l
group by 1, 2;
