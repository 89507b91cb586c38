-- The operator's desk: what was dismissed with a reason, and the text of a configuration as it was written.

create table dba.tdismissal (
    kind text not null check (kind in ('run', 'file', 'late')),
    key text not null,
    dismissed_at timestamptz not null default now(),
    dismissed_by text not null,
    reason text not null check (reason <> ''),
    primary key (kind, key)
);
comment on table dba.tdismissal is 'What an operator decided to leave as it is: it no longer stands among what needs a decision';
comment on column dba.tdismissal.kind is 'run: a run that failed; file: a refused file; late: a file that did not come';
comment on column dba.tdismissal.key is 'run_uuid, file_id, or import, label and due time';
comment on column dba.tdismissal.dismissed_at is 'When';
comment on column dba.tdismissal.dismissed_by is 'Who: the console''s user';
comment on column dba.tdismissal.reason is 'Why, in the words of the one who decided';

alter table dba.tconfighistory add column written text;
comment on column dba.tconfighistory.written is 'The YAML as it was written, with its comments and order; empty for a row that was edited in the database';

-- Runs without those of their steps and of the console itself, newest first: the page of runs.
create index trun_whole on dba.trun (started_at desc, run_uuid desc)
    where parent_uuid is null and job not in ('web_console', 'console_user');
