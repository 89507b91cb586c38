-- When the newest files of an import, and of one of its labels, came: read at each look of the watchdog.
create index tfile_arrival on dba.tfile (config_name, created_at desc);
create index tfile_label_arrival on dba.tfile (config_name, label, created_at desc);
