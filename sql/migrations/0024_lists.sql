-- What analysts see of lists: their titles, how many rows changed since the version before, and saved views of tables.

alter table dba.timportconfig add column label_title jsonb not null default '{}';
comment on column dba.timportconfig.label_title is
    'Where the titles of its lists come from: a lookup {table, label, title}, or a query that returns label and title';

create table dba.tlistchange (
    dataset_id integer not null references dba.tdataset,
    before_id integer not null references dba.tdataset,
    added integer not null,
    removed integer not null,
    changed integer not null,
    columns integer not null,
    counted_at timestamptz not null default now(),
    primary key (dataset_id, before_id)
);
comment on table dba.tlistchange is 'How many rows of a list differ from another version of it: counted once, when it is first looked at';
comment on column dba.tlistchange.dataset_id is 'The version';
comment on column dba.tlistchange.before_id is 'The version that it is compared with';
comment on column dba.tlistchange.added is 'Rows that were added';
comment on column dba.tlistchange.removed is 'Rows that were removed';
comment on column dba.tlistchange.changed is 'Rows of which at least one value changed';
comment on column dba.tlistchange.columns is 'Columns that only one of the two has';
comment on column dba.tlistchange.counted_at is 'When they were counted';

create table dba.tsavedview (
    saved_view_id integer generated always as identity primary key,
    user_name text not null references dba.tuser on delete cascade,
    target_table text not null,
    name text not null check (name <> '' and length(name) <= 80),
    arguments text not null check (length(arguments) <= 8000),
    is_shared boolean not null default false,
    created_at timestamptz not null default now(),
    unique (target_table, user_name, name)
);
comment on table dba.tsavedview is 'Views of tables in the console that a user saved: columns, filters, order and grouping';
comment on column dba.tsavedview.saved_view_id is 'Number';
comment on column dba.tsavedview.user_name is 'Who saved it';
comment on column dba.tsavedview.target_table is 'schema.table';
comment on column dba.tsavedview.name is 'Its name, unique among those of the user for the table';
comment on column dba.tsavedview.arguments is 'The arguments of the address of the page';
comment on column dba.tsavedview.is_shared is 'true: every user who may see the table sees the view';
comment on column dba.tsavedview.created_at is 'When it was saved';
