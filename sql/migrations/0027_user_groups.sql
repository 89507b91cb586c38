-- Who sees what in the console: groups of users with the tables, lists and reports that they may see.
create table dba.tusergroup (
    group_name text primary key check (group_name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    description text not null default '',
    tables text[] not null default '{}',
    lists text[] not null default '{}',
    reports text[] not null default '{}',
    personal text[] not null default '{}',
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    changed_by text not null default current_user
);
comment on table dba.tusergroup is 'A group of users of the console and what it may see; the group default is for users without a group';
comment on column dba.tusergroup.group_name is 'Name; default: users in no group';
comment on column dba.tusergroup.description is 'What the group is for';
comment on column dba.tusergroup.tables is 'Tables and views: schema.table, with * for any letters; targets: every table that an import fills';
comment on column dba.tusergroup.lists is 'Imports whose lists may be seen, although their table may not; * for any letters';
comment on column dba.tusergroup.reports is 'Reports that may be read, although they read other tables; * for any letters';
comment on column dba.tusergroup.personal is 'Tables whose personal columns are shown, as in tables';
comment on column dba.tusergroup.created_at is 'When it was created';
comment on column dba.tusergroup.changed_at is 'When it was last changed';
comment on column dba.tusergroup.changed_by is 'Who changed it: database login, or user of the console';

create table dba.tgroupmember (
    group_name text not null references dba.tusergroup on delete cascade,
    user_name text not null references dba.tuser on delete cascade,
    added_at timestamptz not null default now(),
    primary key (group_name, user_name)
);
create index tgroupmember_user on dba.tgroupmember (user_name);
comment on table dba.tgroupmember is 'Which users are in which groups; a user in several sees what any of them sees';
comment on column dba.tgroupmember.group_name is 'The group';
comment on column dba.tgroupmember.user_name is 'The user';
comment on column dba.tgroupmember.added_at is 'Since when';

-- The marts and the visits are filled by jobs of the suite itself, not by an import.
insert into dba.tusergroup (group_name, description, tables)
values ('default', 'Users in no group', '{targets,sales.*,visits.*}');

alter table dba.tuser add column email text not null default '';
comment on column dba.tuser.email is 'Where the reports go to which the user subscribes';
