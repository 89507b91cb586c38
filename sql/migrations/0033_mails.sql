-- What a run noted about a mail: that it has no file for the import, so that it is not downloaded again, and the answer
-- to its sender, so that it is sent once.
create table dba.tmail (
    mail_id bigint generated always as identity primary key,
    config_name text not null,
    source_path text not null,
    mark text not null,
    pattern text,
    notes text[] not null default '{}',
    answer text check (answer in ('waiting', 'due', 'sent', 'refused', 'none')),
    recipient text,
    subject text,
    in_reply_to text,
    message_id text,
    answer_text text,
    created_at timestamptz not null default now(),
    answered_at timestamptz,
    unique (config_name, source_path)
);
comment on table dba.tmail is 'Mails that a source of type mail has read and that need a note besides their files (dba.tfile)';
comment on column dba.tmail.mail_id is 'The note';
comment on column dba.tmail.config_name is 'The import';
comment on column dba.tmail.source_path is 'Mailbox, folder, UIDVALIDITY and UID of the mail';
comment on column dba.tmail.mark is 'A hash of the mail: the first part of dba.tfile.source_stamp of its files';
comment on column dba.tmail.pattern is 'Which attachments were looked for in vain, so that the mail is not downloaded again for them; empty: it has files';
comment on column dba.tmail.notes is 'What each run says about the mail';
comment on column dba.tmail.answer is
    'waiting: its files are not safe yet; due: to be sent; sent; refused: the mail server refused the recipient; none: not to be answered';
comment on column dba.tmail.recipient is 'Who is answered: the checked sender';
comment on column dba.tmail.subject is 'Of the mail';
comment on column dba.tmail.in_reply_to is 'The Message-ID of the mail';
comment on column dba.tmail.message_id is 'The Message-ID of the answer, the same at each attempt';
comment on column dba.tmail.answer_text is 'The answer';
comment on column dba.tmail.created_at is 'When it was noted';
comment on column dba.tmail.answered_at is 'When the mail server accepted the answer';
create index tmail_due on dba.tmail (config_name) where answer = 'due';
create index tmail_mark on dba.tmail (config_name, mark);
