-- Every target as it was on a day: dba.as_of(null::schema.table, day), over the datasets and dba.trowhistory.

-- When a list was delivered again without changes.
create index tfile_unchanged on dba.tfile (dataset_id, dataset_date) where status = 'unchanged';

-- The day of a dataset is its date (of a list, the first date for which it was delivered), else the day on which it was
-- loaded. An upsert overwrites by date only where files have dates: a target with an upsert of unknown date goes by the
-- days of loading, in which its rows were written.
create function dba.dataset_days(target text) returns table (
    dataset_id integer, config_name text, label text, load_mode text, dataset_date date, last_seen date, stamp text,
    is_purged boolean, is_replaced boolean, day date)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select d.dataset_id, d.config_name, d.label, d.load_mode, d.dataset_date, d.last_seen, d.stamp,
           d.purged_at is not null, d.status = 'superseded',
           case when d.load_mode = 'upsert' and bool_or(d.load_mode = 'upsert' and d.dataset_date is null) over ()
                then d.created_at::date else coalesce(least(d.dataset_date, again.first), d.created_at::date) end
    from dba.tdataset d
    left join lateral (
        select min(f.dataset_date) as first from dba.tfile f
        where f.dataset_id = d.dataset_id and f.status = 'unchanged' and d.load_mode = 'snapshot') again on true
    where d.target_table = target and d.status in ('active', 'superseded') and not d.is_held_file
$$;
comment on function dba.dataset_days(text) is
    'The datasets of a target that count or counted (neither held nor undone), each with the day from which it does';

-- The rule of dba.v_current_dataset among what was there on the day: a delivery without changes counts up to that day,
-- and what a later change of load_mode superseded was still current.
create function dba.datasets_as_of(target text, on_day date) returns table (dataset_id integer, is_purged boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with known as materialized (
        select d.*, case when greatest(d.dataset_date, d.last_seen) <= on_day then greatest(d.dataset_date, d.last_seen)
                         else greatest(case when d.dataset_date <= on_day then d.dataset_date end, (
                             select max(f.dataset_date) from dba.tfile f where f.dataset_id = d.dataset_id
                                 and f.status = 'unchanged' and f.dataset_date <= on_day)) end as seen
        from dba.dataset_days(target) d where d.day <= on_day),
    whole as (
        select distinct on (n.config_name, n.label) n.dataset_id, n.is_purged from known n
        -- a list without a date is replaced by each later one, not corrected
        where n.load_mode = 'snapshot' and (not n.is_replaced or n.dataset_date is null)
        order by n.config_name, n.label, n.seen desc nulls last, n.stamp desc, n.dataset_id desc),
    first_wholes as (
        select n.config_name, n.label, max(n.dataset_id) as dataset_id from known n
        where n.load_mode = 'snapshot' group by n.config_name, n.label)
    select w.dataset_id, w.is_purged from whole w
    union all
    select n.dataset_id, false from known n
    left join first_wholes w on w.config_name = n.config_name and w.label is not distinct from n.label
    where n.load_mode <> 'snapshot' and (w.dataset_id is null or w.dataset_id < n.dataset_id)
$$;
comment on function dba.datasets_as_of(text, date) is
    'The datasets whose rows a target (schema.table) had on a day; is_purged: retention has deleted them since';

-- Rows that an upsert after the day replaced. Only the login that may read the target gets them.
create function dba.rows_replaced_since(target text, on_day date) returns setof jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not coalesce(has_table_privilege(session_user, (
            select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = split_part(target, '.', 1) and c.relname = split_part(target, '.', 2)), 'select'), false) then
        raise insufficient_privilege using message = format('permission denied for table %s', target);
    end if;
    return query
    select h.old_row from dba.trowhistory h
    where h.target_table = target and h.old_row is not null
      and h.dataset_id in (select d.dataset_id from dba.dataset_days(target) d where d.load_mode = 'upsert' and d.day > on_day)
      and h.previous_dataset_id in (select d.dataset_id from dba.datasets_as_of(target, on_day) d);
end $$;
comment on function dba.rows_replaced_since(text, date) is
    'The rows that a target had on a day and that upserts have replaced since, as JSON';

create function dba.datasets_missing_as_of(target text, on_day date) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select (select count(*) from dba.datasets_as_of(target, on_day) d where d.is_purged)
         + (select count(*) from dba.dataset_days(target) d where d.load_mode = 'upsert' and d.is_purged and d.day > on_day)
$$;
comment on function dba.datasets_missing_as_of(text, date) is
    'Of how many datasets retention has deleted what as_of would need: 0 means that the answer is complete';

create function dba.as_of(of_table anyelement, day date) returns setof anyelement language plpgsql stable as $$
declare
    relation regclass;
    target text;
    missing bigint;
begin
    select c.oid, n.nspname || '.' || c.relname into relation, target
    from pg_catalog.pg_type t
    join pg_catalog.pg_class c on c.oid = t.typrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'dataset_id' and not a.attisdropped
    where t.oid = pg_typeof(of_table) and c.relkind in ('r', 'p');
    if relation is null or day is null then
        raise invalid_parameter_value using message = 'as_of needs a table that an import fills, and a day',
            hint = 'Such as: select * from dba.as_of(null::public.orders, ''2026-01-31'')';
    end if;
    missing := dba.datasets_missing_as_of(target, day);
    if missing > 0 then
        raise exception '% on %: retention has deleted the rows of % datasets', target, day, missing
            using hint = 'Choose a later day, or keep more: KEEP_ROWS_DAYS, KEEP_HISTORY_DAYS.';
    end if;
    return query execute format('select * from %s where dataset_id = any($1)', relation)
        using array(select d.dataset_id from dba.datasets_as_of(target, day) d);
    return query execute format(
        'select r.* from dba.rows_replaced_since($1, $2) o, jsonb_populate_record(null::%s, o) r', relation)
        using target, day;
end $$;
comment on function dba.as_of(anyelement, date) is
    'The rows of a table as they were on a day: select * from dba.as_of(null::public.orders, ''2026-01-31'')';

create function dba.as_of(of_table text, day date) returns setof jsonb language plpgsql stable as $$
begin
    if to_regclass(of_table) is null then
        raise undefined_table using message = format('there is no table %s', of_table);
    end if;
    return query execute format('select to_jsonb(r) from dba.as_of(null::%s, $1) r', to_regclass(of_table)) using day;
end $$;
comment on function dba.as_of(text, date) is
    'The rows of a table as they were on a day, as JSON, where only its name is known';
