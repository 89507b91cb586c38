-- What an upsert and a snapshot ask of all datasets of their target, without reading each of them.

create index tdataset_modes on dba.tdataset (target_table, load_mode, dataset_id);
create index tdataset_other_modes on dba.tdataset (config_name, label)
    where status = 'active' and load_mode in ('append', 'upsert', 'new_rows');
create index tdataset_dates on dba.tdataset (target_table, greatest(dataset_date, last_seen)) where status = 'active';
update dba.tdatastatus set description = 'loaded, but not made current: a guard tripped, or it is dated after tomorrow, or the second of its day; accept or undo it' where status = 'held';
update dba.tdatastatus set description = 'replaced by another content for the same label and date, or by whole states after a change of load_mode' where status = 'superseded';
