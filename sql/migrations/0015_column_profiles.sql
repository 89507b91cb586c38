-- More of what a profile must know to judge the next files, and a view of it for people.

alter table dba.tcolumnprofile
    add column traits jsonb not null default '{}',
    add column sketch bigint[];
comment on column dba.tcolumnprofile.traits is 'Further shares and lists by name: lengths, days after the 12th, garbled text, letters beyond ASCII';
comment on column dba.tcolumnprofile.sketch is 'The smallest check sums of its different values: how many of them another file shares, without the values';
comment on column dba.tcolumnprofile.column_name is 'The column; (rows) for the rows as a whole, (key) for the key columns together';

create view dba.v_column_profile as
select d.config_name, d.label, d.dataset_date, p.dataset_id, d.status, p.position, p.column_name, p.column_type, p.rows, p.filled,
    round(100.0 * p.filled / nullif(p.rows, 0), 1) as filled_percent, p.distinct_values, p.min_value, p.p10, p.p50, p.p90, p.max_value,
    p.sum, p.mean, p.min_length, p.max_length, p.top_values, p.patterns, p.is_estimated
from dba.tcolumnprofile p join dba.tdataset d using (dataset_id)
order by p.dataset_id desc, p.position;
comment on view dba.v_column_profile is 'The figures of each column of the last datasets; only for the login that loads, not for the reader';
do $$
declare
    noted record;
begin
    for noted in
        select a.attname, col_description(t.attrelid, t.attnum) as text from pg_attribute a
        join pg_attribute t on t.attname = a.attname and t.attrelid = 'dba.tcolumnprofile'::regclass
        where a.attrelid = 'dba.v_column_profile'::regclass and a.attnum > 0
    loop
        execute format('comment on column dba.v_column_profile.%I is %L', noted.attname, noted.text);
    end loop;
end $$;
comment on column dba.v_column_profile.config_name is 'The import';
comment on column dba.v_column_profile.label is 'The label of the file';
comment on column dba.v_column_profile.dataset_date is 'The day of the file';
comment on column dba.v_column_profile.status is 'The state of the dataset';
comment on column dba.v_column_profile.filled_percent is 'Percent of the rows in which it has a value';
