-- Received files and rows by month. Rows of undone files are not counted.
create or replace view visits.load_log as
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
comment on view visits.load_log is 'Received files and rows by month';
comment on column visits.load_log.month is 'First day of the month in which the files arrived';
comment on column visits.load_log.files is 'All files';
comment on column visits.load_log.files_loaded is 'Loaded';
comment on column visits.load_log.files_refused is 'Refused';
comment on column visits.load_log.files_known_already is 'Their content was loaded before';
comment on column visits.load_log.files_undone is 'Undone';
comment on column visits.load_log.files_waiting is 'Not loaded yet';
comment on column visits.load_log.rows_read is 'Rows of the loaded files';
comment on column visits.load_log.rows_loaded is 'Loaded rows';
comment on column visits.load_log.rows_rejected is 'Rejected rows';
