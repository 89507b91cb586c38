-- The ledger next to rows in another database (docs/architecture.md, "Rows in another database").
create table client_etl.ttarget (
    target_table text primary key,
    known_as text not null,
    installation_id uuid not null,
    created_at timestamptz not null default now()
);
comment on table client_etl.ttarget is 'The tables that are loaded';
comment on column client_etl.ttarget.target_table is 'schema.table';
comment on column client_etl.ttarget.known_as is 'Its name in the ledger of the installation';
comment on column client_etl.ttarget.installation_id is 'The installation that loads it';
comment on column client_etl.ttarget.created_at is 'When it was first loaded';

create table client_etl.tdataset (
    dataset_id integer not null,
    target_table text not null,
    load_uuid uuid not null,
    config_name text not null,
    label text,
    dataset_date date,
    stamp text not null,
    last_seen date,
    status text not null,
    load_mode text not null,
    held_dataset_id integer,
    is_held_file boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (target_table, dataset_id)
);
create index on client_etl.tdataset (target_table, load_mode, dataset_id);
comment on table client_etl.tdataset is 'The datasets that have rows here: a copy of the ledger of the installation, which decides';
comment on column client_etl.tdataset.dataset_id is 'Number that every row carries';
comment on column client_etl.tdataset.target_table is 'Name of the target in the ledger of the installation';
comment on column client_etl.tdataset.load_uuid is 'The load that wrote it';
comment on column client_etl.tdataset.config_name is 'The import';
comment on column client_etl.tdataset.label is 'Label of the file';
comment on column client_etl.tdataset.dataset_date is 'Date of the file';
comment on column client_etl.tdataset.stamp is 'Date and time of the file';
comment on column client_etl.tdataset.last_seen is 'Last day for which the same content was delivered';
comment on column client_etl.tdataset.status is 'active, superseded or undone';
comment on column client_etl.tdataset.load_mode is 'snapshot, append, upsert or new_rows';
comment on column client_etl.tdataset.held_dataset_id is 'The held dataset that was accepted as this one';
comment on column client_etl.tdataset.is_held_file is 'Always false: a held file has no rows here';
comment on column client_etl.tdataset.created_at is 'When it was loaded';

create view client_etl.v_current_dataset as
select d.* from client_etl.tdataset d where d.status = 'active' and d.load_mode <> 'snapshot'
union all
(select distinct on (n.target_table, n.config_name, n.label) n.* from client_etl.tdataset n
 where n.status = 'active' and n.load_mode = 'snapshot'
 order by n.target_table, n.config_name, n.label, greatest(n.dataset_date, n.last_seen) desc nulls last, n.stamp desc,
          n.dataset_id desc);
comment on view client_etl.v_current_dataset is 'The datasets whose rows are current';

create table client_etl.trowhistory (
    row_history_id bigint generated always as identity primary key,
    target_table text not null,
    dataset_id integer not null,
    previous_dataset_id integer,
    key jsonb not null,
    old_row jsonb,
    created_at timestamptz not null default now()
);
create index on client_etl.trowhistory (dataset_id);
comment on table client_etl.trowhistory is 'Rows as they were before an upsert changed them';
comment on column client_etl.trowhistory.row_history_id is 'Number';
comment on column client_etl.trowhistory.target_table is 'Name of the target in the ledger of the installation';
comment on column client_etl.trowhistory.dataset_id is 'The dataset that changed the row';
comment on column client_etl.trowhistory.previous_dataset_id is 'The dataset that it came from before';
comment on column client_etl.trowhistory.key is 'Key of the row';
comment on column client_etl.trowhistory.old_row is 'The row as it was';
comment on column client_etl.trowhistory.created_at is 'When it was changed';

create table client_etl.tdatasetoverlap (
    dataset_id integer not null,
    holder_id integer not null,
    rows bigint not null,
    primary key (dataset_id, holder_id)
);
create index on client_etl.tdatasetoverlap (holder_id);
comment on table client_etl.tdatasetoverlap is 'Load mode new_rows: rows that a dataset did not add, because another one has them';
comment on column client_etl.tdatasetoverlap.dataset_id is 'The dataset that skipped rows';
comment on column client_etl.tdatasetoverlap.holder_id is 'The dataset that has them';
comment on column client_etl.tdatasetoverlap.rows is 'How many';
