-- The sales files in the form of a staging table.
create or replace view sales.staging as
select f.file_id, f.name as file_name, coalesce(f.source_path, f.path) as file_location,
       case when f.status in ('fetched', 'prepared') then 'A' else 'I' end as status,
       f.created_at as created_date, f.status_at as updated_date
from dba.tfile f where f.config_name = 'sales';
comment on view sales.staging is 'The sales files: A while a file is being processed, I when it is done; a view on dba.tfile';
