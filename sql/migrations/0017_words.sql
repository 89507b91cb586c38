-- Comments in the words that the other pages use.
comment on column dba.tdataset.rows_skipped is 'Rows that are not data, or were loaded before';
comment on column dba.tfile.rows_skipped is 'Rows that are not data, or were loaded before';
comment on column dba.trun.rows_skipped is 'Rows that are not data, or were loaded before';
comment on column dba.trun.rows_rejected is 'Rows set aside with a reason';
comment on column dba.trun.status is 'running -> succeeded | failed | interrupted | timed out; skipped: another run held the lock';
comment on table dba.trejectedrow is 'Rows set aside, each with its reason';
comment on column sales.mart_month.target is 'Where the marts went: database, folder, bucket; another place begins from scratch';
