-- An upsert notes every row that it inserts or changes. Of 260,000 new rows this took 1.7 of the 3.6 seconds of their load.

-- Only a row as it was before is ever looked up by its key.
drop index dba.trowhistory_next;
create index trowhistory_next on dba.trowhistory (target_table, key, row_history_id) where old_row is not null;

-- Each row was checked on its own. The dataset is created in the same transaction, and no dataset is ever deleted.
alter table dba.trowhistory drop constraint trowhistory_dataset_id_fkey;
alter table dba.trowhistory drop constraint trowhistory_previous_dataset_id_fkey;
