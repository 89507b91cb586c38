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
