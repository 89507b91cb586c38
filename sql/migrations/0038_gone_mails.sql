-- A note about a mail is needed as long as the mail is in its folder; purge removes those of mails that are gone.
alter table dba.tmail add gone_at timestamptz;
comment on column dba.tmail.gone_at is 'When a run no longer found the mail in its folder';
