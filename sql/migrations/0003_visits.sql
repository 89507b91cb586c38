-- Website visits from the mail platform. The import config/imports/visits.yaml fills visits.statistics; the rest are views.

create table visits.statistics (
    dataset_id integer not null,
    source_row integer not null,
    email text,
    jyv text,
    bad_mail text,
    unsubscribed text,
    sent_at timestamptz,
    opened_at timestamptz,
    opens integer,
    viral_opens integer,
    clicked_at timestamptz,
    clicks integer,
    viral_clicks integer,
    links text[],
    ips text[],
    browsers text[],
    platforms text[]
);
create index on visits.statistics using brin (dataset_id);
-- only ever asked for one email; a hash costs a third of what a tree does at each load, see bench/visits.py
create index statistics_email on visits.statistics using hash (lower(email));
comment on table visits.statistics is 'Rows of the import visits, all datasets: one row is one visit';
comment on column visits.statistics.dataset_id is 'The dataset of the row: see dba.v_row_origin';
comment on column visits.statistics.source_row is 'Line of the file, from 1';
comment on column visits.statistics.email is 'header: email';
comment on column visits.statistics.jyv is 'header: jyv';
comment on column visits.statistics.bad_mail is 'header: Badmail';
comment on column visits.statistics.unsubscribed is 'header: Baja';
comment on column visits.statistics.sent_at is 'header: Fecha envio; when the mail went out, which is the date of the visit';
comment on column visits.statistics.opened_at is 'header: Fecha open';
comment on column visits.statistics.opens is 'header: Opens';
comment on column visits.statistics.viral_opens is 'header: Opens virales';
comment on column visits.statistics.clicked_at is 'header: Fecha click';
comment on column visits.statistics.clicks is 'header: Clicks';
comment on column visits.statistics.viral_clicks is 'header: Clicks virales';
comment on column visits.statistics.links is 'header: Links';
comment on column visits.statistics.ips is 'header: IPs';
comment on column visits.statistics.browsers is 'header: Navegadores';
comment on column visits.statistics.platforms is 'header: Plataformas';

create view visits.statistics_current as
select t.* from visits.statistics t
where t.dataset_id in (select d.dataset_id from dba.v_current_dataset d where d.target_table = 'visits.statistics');
comment on view visits.statistics_current is 'The current rows of visits.statistics';

create function visits.today() returns timestamp with time zone language sql stable parallel safe as
$$ select coalesce(nullif(current_setting('etl.now', true), '')::timestamptz, now()) $$;
comment on function visits.today() is 'Now, by the clock of the installation where that is set (ETL_NOW)';

-- One row for each email, whatever its case: its visits by the statistics that are active now.
create view visits.visitor as
select lower(s.email) as email,
       min(s.sent_at) as first_visit,
       max(s.sent_at) as last_visit,
       count(*) as total_visits,
       count(*) filter (where s.sent_at >= (select date_trunc('year', visits.today()))
                          and s.sent_at < (select date_trunc('year', visits.today()) + interval '1 year'))
           as visits_this_year,
       count(*) filter (where s.sent_at >= (select date_trunc('month', visits.today()))
                          and s.sent_at < (select date_trunc('month', visits.today()) + interval '1 month'))
           as visits_this_month
from visits.statistics_current s
group by lower(s.email);
comment on view visits.visitor is 'One row for each email (in lower case): first and last visit, visits in all, this year, this month';
comment on column visits.visitor.email is 'In lower case';
comment on column visits.visitor.first_visit is 'The first sending date';
comment on column visits.visitor.last_visit is 'The last sending date';
comment on column visits.visitor.total_visits is 'Rows loaded';
comment on column visits.visitor.visits_this_year is 'Of the year in which the view is read';
comment on column visits.visitor.visits_this_month is 'Of the month in which the view is read';

-- What could not be loaded: a row for each rejected row, and one for each refused file.
create view visits.errors as
select r.created_at as found_at, 'row' as what, f.name as file, r.source_row as line, r.column_name as column_name,
       r.value, r.reason, r.raw_row, r.replayed_at is not null or f.status = 'undone' as resolved, f.file_id
from dba.trejectedrow r join dba.tfile f on f.file_id = r.file_id
where f.config_name = 'visits'
union all
select f.status_at, 'file', f.name, null, null, null, f.reason, null, f.resolved_by is not null, f.file_id
from dba.tfile f
where f.config_name = 'visits' and f.status = 'refused';
comment on view visits.errors is 'What could not be loaded: rejected rows, and refused files';
comment on column visits.errors.found_at is 'When';
comment on column visits.errors.what is 'row or file';
comment on column visits.errors.file is 'The report';
comment on column visits.errors.line is 'Line of the file';
comment on column visits.errors.column_name is 'The column at fault';
comment on column visits.errors.value is 'What stood there';
comment on column visits.errors.reason is 'Why';
comment on column visits.errors.raw_row is 'The row as it stood in the file';
comment on column visits.errors.resolved is 'Replayed, undone, or replaced by a good file since';
comment on column visits.errors.file_id is 'See dba.tfile';

-- What came in, month by month. Rows of an undone file count as nothing.
create view visits.load_log as
select date_trunc('month', f.created_at)::date as month,
       count(*) as files,
       count(*) filter (where f.status = 'loaded') as files_loaded,
       count(*) filter (where f.status = 'refused') as files_refused,
       count(*) filter (where f.status in ('duplicate', 'unchanged')) as files_known_already,
       count(*) filter (where f.status = 'undone') as files_undone,
       count(*) filter (where f.status in ('fetched', 'prepared')) as files_waiting,
       coalesce(sum(f.rows_read) filter (where f.status = 'loaded'), 0) as rows_read,
       coalesce(sum(f.rows_loaded) filter (where f.status = 'loaded'), 0) as rows_loaded,
       coalesce(sum(f.rows_rejected) filter (where f.status = 'loaded'), 0) as rows_rejected
from dba.tfile f
where f.config_name = 'visits'
group by 1;
comment on view visits.load_log is 'What came in, month by month';
comment on column visits.load_log.month is 'First day of the month in which the files came';
comment on column visits.load_log.files is 'Files in all';
comment on column visits.load_log.files_loaded is 'Loaded';
comment on column visits.load_log.files_refused is 'Kept aside';
comment on column visits.load_log.files_known_already is 'Their content was there already';
comment on column visits.load_log.files_undone is 'Taken back';
comment on column visits.load_log.files_waiting is 'Not loaded yet';
comment on column visits.load_log.rows_read is 'Rows of the loaded files';
comment on column visits.load_log.rows_loaded is 'Loaded rows';
comment on column visits.load_log.rows_rejected is 'Rejected rows';

-- Reports go to delivery targets too ------------------------------------------------------------------------------------

alter table dba.treportmanager add column targets text[] not null default '{}';
comment on column dba.treportmanager.targets is 'Delivery targets (config/targets/NAME.yaml) that get the attachments as files';
