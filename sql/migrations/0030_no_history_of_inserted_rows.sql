-- An upsert notes only the rows that it replaces. Those that it inserted are what it wrote and did not replace: in the
-- target under its number, or among the rows that later datasets replaced, which this index finds.
create index trowhistory_previous on dba.trowhistory (previous_dataset_id) where old_row is not null;
comment on column dba.trowhistory.old_row is
    'The row before; empty: the dataset inserted it (no longer noted since December 2026)';
