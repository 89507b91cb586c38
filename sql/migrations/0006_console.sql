-- The console: tokens that were signed out before their time, and what its pages look up among very many rows.

create table dba.trevokedtoken (
    token_id uuid primary key,
    user_name text not null,
    expires_at timestamptz not null
);
comment on table dba.trevokedtoken is 'Sign-in tokens of the console that were signed out before their time; gone once they are over';
comment on column dba.trevokedtoken.token_id is 'The token';
comment on column dba.trevokedtoken.user_name is 'Whose it was';
comment on column dba.trevokedtoken.expires_at is 'When it would have ended by itself';

create index tlogentry_trouble on dba.tlogentry (logged_at desc) where level in ('WARNING', 'ERROR', 'CRITICAL');
create index trun_status on dba.trun (status, started_at desc);
create index tdataset_rejected on dba.tdataset (dataset_id desc) where rows_rejected > 0;
create index tdataset_import on dba.tdataset (config_name, dataset_id desc);
create index trejectedrow_order on dba.trejectedrow (dataset_id, rejected_row_id);
comment on column dba.tconfighistory.changed_by is 'Who made it: database login, or user of the console';
