-- Which files waited together, whatever run loads them: decided by the numbers of datasets, which no clock can change.
alter table dba.tfile add column dataset_before integer;
comment on column dba.tfile.dataset_before is 'The newest dataset of its import when its ticket was made, 0 without any: the files of later ones were loaded while it waited; empty for older tickets';
