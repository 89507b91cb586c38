-- Targets in other databases: who this installation is there, and the loads that may have been committed only there.

create table dba.tinstallation (
    is_only_one boolean primary key default true check (is_only_one),
    installation_id uuid not null default gen_random_uuid()
);
insert into dba.tinstallation default values;
comment on table dba.tinstallation is 'The identity of this installation in other databases; one row';
comment on column dba.tinstallation.is_only_one is 'Always true';
comment on column dba.tinstallation.installation_id is 'By which the ledger of a target in another database knows it';

create table dba.ttargetload (
    load_uuid uuid primary key,
    target_table text not null,
    config_name text not null references dba.timportconfig on delete cascade,
    run_uuid uuid not null,
    begun_at timestamptz not null default now()
);
create index on dba.ttargetload (target_table);
comment on table dba.ttargetload is 'Loads into other databases that have begun: the rows of such a load may be there without a dataset here; the next start takes them back';
comment on column dba.ttargetload.load_uuid is 'The load';
comment on column dba.ttargetload.target_table is 'postgresql:NAME/schema.table';
comment on column dba.ttargetload.config_name is 'The import';
comment on column dba.ttargetload.run_uuid is 'The run';
comment on column dba.ttargetload.begun_at is 'When it began';
