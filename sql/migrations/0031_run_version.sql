-- Which version of the project a run was: what to ask first when two runs of one job differ.
alter table dba.trun add column version text;
comment on column dba.trun.version is 'The version of the project; empty: begun before version 1.0.0';

create or replace view dba.v_run as
select r.started_at, r.job, r.status, round(extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::numeric, 1) as seconds,
       r.exit_code, dba.without_findings(r.error) as error, r.files, r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped,
       r.progress, r.arguments, r.step_number, p.job as started_by, r.host, r.os_user, r.log_file, r.run_uuid, r.root_uuid, r.lock_key,
       r.ended_at, r.warnings, r.is_green, r.rows_held,
       r.version
from dba.trun r left join dba.trun p on p.run_uuid = r.parent_uuid;
comment on column dba.v_run.version is 'The version of the project';
