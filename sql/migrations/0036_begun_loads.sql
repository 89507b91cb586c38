-- Loads into other databases: what a load changes is found by an index, and one that was killed outlives its import.

alter table dba.ttargetload drop constraint ttargetload_config_name_fkey;
create index tdataset_elsewhere on dba.tdataset (target_table, status_at) where target_table like 'postgresql:%';
