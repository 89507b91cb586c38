-- The ledgers stay quick however much they hold: one indexed rule of what is current, and indexes for what looks back.

-- In the order of dba.v_current_dataset: the current dataset of a label is the first entry of its part of this index.
create index tdataset_current on dba.tdataset (
    config_name, label, greatest(dataset_date, last_seen) desc nulls last, stamp desc, dataset_id desc)
    where status = 'active' and load_mode = 'snapshot' and purged_at is null;

-- A snapshot whose rows were purged is never current again. One pass over the snapshots in the order of the index; of
-- one label (and "limit 1", for there is at most one) a look into the index.
create or replace view dba.v_current_dataset as
select d.* from dba.tdataset d where d.status = 'active' and d.load_mode <> 'snapshot'
union all
(select distinct on (n.config_name, n.label) n.* from dba.tdataset n
 where n.status = 'active' and n.load_mode = 'snapshot' and n.purged_at is null
 order by n.config_name, n.label, greatest(n.dataset_date, n.last_seen) desc nulls last, n.stamp desc, n.dataset_id desc);

-- What is added (append, upsert, new_rows) is current as long as it is active.
create index tdataset_added on dba.tdataset (config_name, label) where status = 'active' and load_mode <> 'snapshot';

-- The last good loads of a label, since a drop was last accepted (guards); the newest one and the held ones of an import.
create index tdataset_label on dba.tdataset (config_name, label, dataset_id desc);
create index tdataset_baseline on dba.tdataset (config_name, label, dataset_id desc) where is_baseline;
create index tdataset_created on dba.tdataset (config_name, created_at desc);
create index tdataset_held on dba.tdataset (config_name) where status = 'held';

-- Refused files that no good load has replaced, the last good file of an import, the last file of an address of an API.
create index tfile_refused on dba.tfile (config_name, file_id) where status = 'refused' and resolved_by is null;
create index tfile_good on dba.tfile (config_name, status_at desc) where status in ('loaded', 'unchanged', 'duplicate');
create index tfile_api on dba.tfile (config_name, file_id desc) where source = 'api';

-- What the next upsert found of a row.
create index trowhistory_next on dba.trowhistory (target_table, key, row_history_id);
drop index dba.trowhistory_target_table_key_idx;

-- When a job last succeeded, or last ran, for what it held its lock for.
create index trun_succeeded on dba.trun (job, lock_key, started_at desc) where status = 'succeeded';
create index trun_lock on dba.trun (job, lock_key, started_at desc);

-- What is loaded is summarised in the indexes on dataset_id soon after: until then every query for one dataset reads all
-- that was loaded since the last vacuum. New targets are made so.
do $$
declare
    index_oid oid;
begin
    for index_oid in
        select i.oid from pg_class i
        join pg_index x on x.indexrelid = i.oid
        join pg_class t on t.oid = x.indrelid
        join pg_namespace n on n.oid = t.relnamespace
        join pg_am m on m.oid = i.relam
        join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
        where m.amname = 'brin' and a.attname = 'dataset_id' and pg_has_role(t.relowner, 'usage')
            and (n.nspname || '.' || t.relname = 'visits.statistics'
                or n.nspname || '.' || t.relname in (select d.target_table from dba.tdataset d))
    loop
        execute format('alter index %s set (autosummarize = on)', index_oid::regclass);
        perform brin_summarize_new_values(index_oid);
    end loop;
end $$;
