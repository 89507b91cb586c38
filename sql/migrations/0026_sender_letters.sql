-- What was written to the senders of files that were refused, from the console.
create table dba.tsenderletter (
    letter_id integer generated always as identity primary key,
    config_name text not null references dba.timportconfig,
    file_id integer not null references dba.tfile,
    address text not null,
    subject text not null,
    body text not null,
    sent_by text not null,
    created_at timestamptz not null default now()
);
create index tsenderletter_file on dba.tsenderletter (file_id);
create index tsenderletter_config on dba.tsenderletter (config_name, letter_id desc);
comment on table dba.tsenderletter is 'Letters to the senders of files, as the console queued them for mailing';
comment on column dba.tsenderletter.letter_id is 'Number';
comment on column dba.tsenderletter.config_name is 'The import';
comment on column dba.tsenderletter.file_id is 'The file that it is about';
comment on column dba.tsenderletter.address is 'To whom; proposed again for the next letter about the import';
comment on column dba.tsenderletter.subject is 'The subject';
comment on column dba.tsenderletter.body is 'The text';
comment on column dba.tsenderletter.sent_by is 'The user of the console who wrote it';
comment on column dba.tsenderletter.created_at is 'When it was queued';
