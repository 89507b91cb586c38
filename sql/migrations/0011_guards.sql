-- All guards that an import may set, in the words by which they are looked up.
comment on column dba.timportconfig.guards is 'min_rows, max_drop_percent, allow_empty, need_key (a file without any column of key_columns is refused), max_age_days, age_column';
