-- How each sender delivers: due times that no file met, and a view of all that came, by import and month.
create table dba.tlatefile (
    config_name text not null references dba.timportconfig,
    label text not null default '',
    due_at timestamptz not null,
    noted_at timestamptz not null default now(),
    primary key (config_name, label, due_at)
);
comment on table dba.tlatefile is 'Due times that no file met within its grace, as the watchdog noted them';
comment on column dba.tlatefile.config_name is 'The import';
comment on column dba.tlatefile.label is 'The expected label, empty where any file of the import would do';
comment on column dba.tlatefile.due_at is 'When the file was due';
comment on column dba.tlatefile.noted_at is 'When the watchdog noted it';

create view dba.v_sender as
with came as (
    select f.config_name, date_trunc('month', f.created_at)::date as month, count(*) as files,
        count(distinct (coalesce(f.label, ''), f.created_at::date)) filter (where not exists (
            select from dba.tlatefile l where l.config_name = f.config_name and l.label in ('', f.label)
                and f.created_at > l.due_at and f.created_at::date = (
                    select min(n.created_at)::date from dba.tfile n
                    where n.config_name = l.config_name and l.label in ('', n.label) and n.created_at > l.due_at)
        )) as on_time,
        count(*) filter (where f.status = 'refused') as refused,
        count(*) filter (where exists (
            select from dba.tdataset d where d.dataset_id = f.dataset_id and d.is_held_file)) as held,
        coalesce(sum(f.rows_read), 0)::bigint as rows_read, coalesce(sum(f.rows_rejected), 0)::bigint as rows_rejected
    from dba.tfile f where f.config_name is not null and f.status <> 'fetched' group by 1, 2),
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
comment on view dba.v_sender is 'How the sender of each import delivered, by month: on time, late, refused, held, rejected rows and drift';
comment on column dba.v_sender.config_name is 'The import';
comment on column dba.v_sender.month is 'Its first day';
comment on column dba.v_sender.files is 'Files that came, also refused ones and repeated ones';
comment on column dba.v_sender.on_time is 'Days (of each label) with a file that was not late';
comment on column dba.v_sender.late is 'Due times that no file met within its grace';
comment on column dba.v_sender.refused is 'Files that are refused';
comment on column dba.v_sender.held is 'Files that were held';
comment on column dba.v_sender.rows_read is 'Rows of the files';
comment on column dba.v_sender.rows_rejected is 'Rows that did not fit';
comment on column dba.v_sender.findings is 'Findings that refused or held a file, or warned of it';
comment on column dba.v_sender.drift is 'These findings by rule';
comment on column dba.v_sender.notify is 'The addresses that the import lists';

alter table dba.treportmanager add column for_each text not null default '';
comment on column dba.treportmanager.for_each is 'The query whose rows (name, recipients) get a mail of their own each; the queries see the name as %(each)s';
update dba.treportmanager set applied = applied || '{"for_each": ""}' where applied is not null;
