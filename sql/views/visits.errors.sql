-- One row for each rejected row and for each refused file.
create or replace view visits.errors as
select r.created_at as found_at, 'row' as what, f.name as file, r.source_row as line, r.column_name as column_name,
       r.value, r.reason, r.raw_row, r.replayed_at is not null or f.status = 'undone' as resolved, f.file_id
from dba.trejectedrow r join dba.tfile f on f.file_id = r.file_id
where f.config_name = 'visits'
union all
select f.status_at, 'file', f.name, null, null, null, f.reason, null, f.resolved_by is not null, f.file_id
from dba.tfile f
where f.config_name = 'visits' and f.status = 'refused';
comment on view visits.errors is 'Rejected rows and refused files';
comment on column visits.errors.found_at is 'Time of the rejection or refusal';
comment on column visits.errors.what is 'row or file';
comment on column visits.errors.file is 'The report';
comment on column visits.errors.line is 'Line of the file';
comment on column visits.errors.column_name is 'The column with the wrong value';
comment on column visits.errors.value is 'The value in the file';
comment on column visits.errors.reason is 'The reason';
comment on column visits.errors.raw_row is 'The original row of the file';
comment on column visits.errors.resolved is 'Replayed, undone, or replaced by a valid file since';
comment on column visits.errors.file_id is 'See dba.tfile';
