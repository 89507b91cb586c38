-- Who subscribed to a report, or left it, in the console.
create table dba.treportsubscription (
    report_name text not null references dba.treportmanager on delete cascade,
    user_name text not null references dba.tuser on delete cascade,
    is_subscribed boolean not null,
    changed_at timestamptz not null default now(),
    primary key (report_name, user_name)
);
create index treportsubscription_user on dba.treportsubscription (user_name);
comment on table dba.treportsubscription is 'Reports that users of the console want by mail, or want no longer, besides the recipients that the report names';
comment on column dba.treportsubscription.report_name is 'The report';
comment on column dba.treportsubscription.user_name is 'The user';
comment on column dba.treportsubscription.is_subscribed is 'true: gets it; false: does not, although the report names the address';
comment on column dba.treportsubscription.changed_at is 'When the user said so';
