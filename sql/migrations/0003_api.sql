-- Load mode new_rows: which datasets hold the rows that another one found there already.

create table dba.tdatasetoverlap (
    dataset_id integer not null references dba.tdataset,
    holder_id integer not null references dba.tdataset,
    rows bigint not null,
    primary key (dataset_id, holder_id)
);
create index on dba.tdatasetoverlap (holder_id);
comment on table dba.tdatasetoverlap is 'Load mode new_rows: rows that a dataset did not add, because another one holds them; undoing that one loads them after all';
comment on column dba.tdatasetoverlap.dataset_id is 'The dataset that skipped rows';
comment on column dba.tdatasetoverlap.holder_id is 'The dataset that holds them';
comment on column dba.tdatasetoverlap.rows is 'How many';

-- Configurations that were uploaded: they obey stricter rules than the operator's own files.

alter table dba.timportconfig drop constraint timportconfig_managed_by_check;
alter table dba.timportconfig add constraint timportconfig_managed_by_check check (managed_by in ('yaml', 'row', 'upload'));
comment on column dba.timportconfig.managed_by is 'yaml: config/imports/NAME.yaml or a job''s file feeds this row; row: it is edited here; upload: it was uploaded, and what it names is held against UPLOAD_ALLOWED_HOSTS';

-- What a YAML job has beside an import (run_elt.py).

alter table dba.timportconfig add column job jsonb not null default '{}';
comment on column dba.timportconfig.job is 'Of a YAML job: start_time, end_time, output_csv_path';
