-- What a file is held against: its findings, the profile of its columns, and the headers that an acceptance has taught.

-- A held file leaves no row in the target: its rows are counted, the file itself is kept.
alter table dba.tdataset add column rows_held bigint not null default 0;
comment on column dba.tdataset.rows_held is 'Rows of a held file: none of them is in the target until the file is accepted';
alter table dba.tfile add column rows_held bigint not null default 0;
comment on column dba.tfile.rows_held is 'Rows of a held file: none of them is in the target until the file is accepted';
alter table dba.trun add column rows_held bigint;
comment on column dba.trun.rows_held is 'Rows of files that are held until an operator decides';
do $$
declare
    rule record;
begin
    for rule in
        select c.conname, c.conrelid::regclass::text as of_table from pg_constraint c
        where c.contype = 'c' and c.conrelid in ('dba.tdataset'::regclass, 'dba.tfile'::regclass)
            and pg_get_constraintdef(c.oid) like '%rows_skipped%'
    loop
        execute format('alter table %s drop constraint %I', rule.of_table, rule.conname);
    end loop;
end $$;
alter table dba.tdataset add constraint tdataset_rows_add_up
    check (rows_read = rows_loaded + rows_rejected + rows_skipped + rows_held);
alter table dba.tfile add constraint tfile_rows_add_up
    check (rows_read is null or rows_read = rows_loaded + rows_rejected + rows_skipped + rows_held);
comment on column dba.tdataset.rows_read is 'Rows of the file; read = loaded + rejected + skipped + held';
comment on column dba.trun.rows_read is 'Rows read from files; read = loaded + rejected + skipped + held';
update dba.tdatastatus set description = 'read and judged, not loaded: a finding holds it until it is accepted or undone' where status = 'held';

create table dba.tfinding (
    finding_id bigint generated always as identity primary key,
    rule text not null,
    severity text not null check (severity in ('refuse', 'hold', 'warn', 'inform')),
    column_name text,
    message text not null,
    detail jsonb not null default '{}',
    config_name text not null references dba.timportconfig,
    label text,
    file_id integer references dba.tfile,
    dataset_id integer references dba.tdataset,
    run_uuid uuid not null,
    created_at timestamptz not null default now(),
    decision text check (decision in ('accepted', 'rejected', 'overtaken')),
    decided_at timestamptz,
    decided_by text,
    decision_reason text,
    withdrawn_at timestamptz
);
create index tfinding_dataset on dba.tfinding (dataset_id);
create index tfinding_file on dba.tfinding (file_id);
create index tfinding_lesson on dba.tfinding (config_name, label, rule, column_name, finding_id desc);
create index tfinding_open on dba.tfinding (config_name) where decision is null and severity = 'hold';
comment on table dba.tfinding is 'What a file had against it, who decided what about it, and what later files are allowed because of that';
comment on column dba.tfinding.finding_id is 'Number';
comment on column dba.tfinding.rule is 'The rule, by the name that expect: uses (docs/findings.md)';
comment on column dba.tfinding.severity is 'refuse, hold, warn or inform';
comment on column dba.tfinding.column_name is 'The column it is about, where it is about one';
comment on column dba.tfinding.message is 'One sentence with both figures';
comment on column dba.tfinding.detail is 'The figures, samples and proposals';
comment on column dba.tfinding.config_name is 'The import';
comment on column dba.tfinding.label is 'The label of the file';
comment on column dba.tfinding.file_id is 'The file';
comment on column dba.tfinding.dataset_id is 'The dataset that the file became, or that is held because of it';
comment on column dba.tfinding.run_uuid is 'The run that found it';
comment on column dba.tfinding.created_at is 'When it was found';
comment on column dba.tfinding.decision is 'accepted (the file was loaded with it), rejected (the held dataset was undone) or overtaken (a later good file came)';
comment on column dba.tfinding.decided_at is 'When it was decided';
comment on column dba.tfinding.decided_by is 'Who decided: the operating system''s or the console''s user';
comment on column dba.tfinding.decision_reason is 'Why, in the words of the one who decided';
comment on column dba.tfinding.withdrawn_at is 'When an undo withdrew what the acceptance had taught';

create table dba.tcolumnprofile (
    dataset_id integer not null references dba.tdataset,
    column_name text not null,
    position integer not null,
    column_type text not null,
    is_estimated boolean not null default false,
    rows bigint not null,
    filled bigint not null,
    distinct_values bigint,
    min_value text,
    p10 numeric,
    p50 numeric,
    p90 numeric,
    max_value text,
    sum numeric,
    mean numeric,
    min_length integer,
    max_length integer,
    top_values jsonb,
    patterns jsonb,
    primary key (dataset_id, column_name)
);
comment on table dba.tcolumnprofile is 'The figures of each column of a dataset, by which the next files are judged; kept of the last good and all held datasets of a label';
comment on column dba.tcolumnprofile.dataset_id is 'The dataset';
comment on column dba.tcolumnprofile.column_name is 'The column';
comment on column dba.tcolumnprofile.position is 'Its place in the file, from 1';
comment on column dba.tcolumnprofile.column_type is 'Its type in the target';
comment on column dba.tcolumnprofile.is_estimated is 'true: all but the counts comes from a sample of the rows';
comment on column dba.tcolumnprofile.rows is 'Rows looked at';
comment on column dba.tcolumnprofile.filled is 'Rows in which it has a value';
comment on column dba.tcolumnprofile.distinct_values is 'Different values';
comment on column dba.tcolumnprofile.min_value is 'Smallest value: number, date or text';
comment on column dba.tcolumnprofile.p10 is 'Numbers: one tenth of the values are at most this; dates as days since 1970-01-01';
comment on column dba.tcolumnprofile.p50 is 'The median';
comment on column dba.tcolumnprofile.p90 is 'Nine tenths of the values are at most this';
comment on column dba.tcolumnprofile.max_value is 'Largest value: number, date or text';
comment on column dba.tcolumnprofile.sum is 'Sum of a number';
comment on column dba.tcolumnprofile.mean is 'Mean of a number';
comment on column dba.tcolumnprofile.min_length is 'Characters of the shortest value';
comment on column dba.tcolumnprofile.max_length is 'Characters of the longest value';
comment on column dba.tcolumnprofile.top_values is 'The most frequent values with their share, only of columns with at most 50 different values';
comment on column dba.tcolumnprofile.patterns is 'The most frequent forms of the values (9 for a digit, A for a letter) with their share';

create table dba.tcolumnalias (
    column_alias_id integer generated always as identity primary key,
    config_name text not null references dba.timportconfig,
    column_name text not null,
    header text not null,
    dataset_id integer references dba.tdataset,
    run_uuid uuid not null,
    created_at timestamptz not null default now(),
    withdrawn_at timestamptz
);
create unique index tcolumnalias_one on dba.tcolumnalias (config_name, header) where withdrawn_at is null;
comment on table dba.tcolumnalias is 'Headers that an acceptance as renamed taught an import; they count like reading.aliases';
comment on column dba.tcolumnalias.column_alias_id is 'Number';
comment on column dba.tcolumnalias.config_name is 'The import';
comment on column dba.tcolumnalias.column_name is 'The column';
comment on column dba.tcolumnalias.header is 'The header that means it';
comment on column dba.tcolumnalias.dataset_id is 'The dataset that was accepted';
comment on column dba.tcolumnalias.run_uuid is 'The run that accepted it';
comment on column dba.tcolumnalias.created_at is 'When';
comment on column dba.tcolumnalias.withdrawn_at is 'When an undo of that dataset withdrew it';

alter table dba.timportconfig
    add column columns jsonb not null default '{}',
    add column expect jsonb not null default '{}',
    add column expected jsonb not null default '{}',
    add column control jsonb not null default '{}';
comment on column dba.timportconfig.columns is 'What becomes of a file whose columns are missing, renamed or new: hold, warn, refuse or take';
comment on column dba.timportconfig.expect is 'Rules of findings set to hold, warn, inform or off, per import or column; and declared expectations';
comment on column dba.timportconfig.expected is 'When files are due: every, grace, labels, until, except';
comment on column dba.timportconfig.control is 'Totals that the file, a sidecar or its name states: rows, sum';

-- Until now a held dataset had its rows in the target and became active by itself. Those of before still do.
alter table dba.tdataset add column is_held_file boolean not null default false;
comment on column dba.tdataset.is_held_file is 'true: stands for a held file without rows in the target; accepting it loads the file as a new dataset';
