-- The files of one archive or mailbox are found by the beginning of their path, whatever the collation of the database.
create index tfile_source_path on dba.tfile (source, source_path text_pattern_ops);
