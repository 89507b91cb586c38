-- Two sources of an import may look for different files in one mailbox: a mail without a file is noted for each pattern.
alter table dba.tmail drop constraint tmail_config_name_source_path_key;
create unique index tmail_answered on dba.tmail (config_name, source_path) where pattern is null;
create index tmail_without_files on dba.tmail (config_name, source_path) where pattern is not null;
comment on column dba.tmail.pattern is
    'Which attachments were looked for in vain, so that the mail is not downloaded again for them; empty: the note of its answer';
