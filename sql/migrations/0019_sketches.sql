-- A sketch as four bytes a check sum: it is read for each column of each of the last datasets at every load.
alter table dba.tcolumnprofile drop column sketch;
alter table dba.tcolumnprofile add column sketch bytea;
comment on column dba.tcolumnprofile.sketch is 'The smallest check sums of its different values, four bytes each: how many of them another file shares, without the values';
