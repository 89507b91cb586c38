-- Warnings of runs: each is a row, counted in its run; a run is green when it succeeded without one.

create table dba.twarning (
    run_uuid uuid not null,
    sequence integer not null,
    warned_at timestamptz not null,
    config_name text,
    file_id integer,
    dataset_id integer,
    code text not null,
    text text not null,
    primary key (run_uuid, sequence)
);
create index twarning_time on dba.twarning (warned_at desc);
create index twarning_import on dba.twarning (config_name, warned_at desc);
create index twarning_file on dba.twarning (file_id) where file_id is not null;
create index twarning_dataset on dba.twarning (dataset_id) where dataset_id is not null;
comment on table dba.twarning is 'What runs warned of, written from their JSON-lines files; docs/warnings.md explains each code';
comment on column dba.twarning.run_uuid is 'The run (no foreign key: the log must never fail)';
comment on column dba.twarning.sequence is 'Place of its entry in the log of the run, from 1';
comment on column dba.twarning.warned_at is 'When the run warned';
comment on column dba.twarning.config_name is 'The import; empty where it is about none';
comment on column dba.twarning.file_id is 'The ticket of the file (dba.tfile); empty where it is about none';
comment on column dba.twarning.dataset_id is 'The dataset; empty where it is about none';
comment on column dba.twarning.code is 'What kind of warning it is, in a word';
comment on column dba.twarning.text is 'The warning, secrets masked';

alter table dba.tfile add column warnings jsonb;
comment on column dba.tfile.warnings is 'Warnings about the file, kept by the transaction that loaded it; its run writes them into its log right after';

alter table dba.trun add column warnings integer not null default 0;
comment on column dba.trun.warnings is 'How many warnings the run has rows of in dba.twarning; of a pipeline those of its steps included';
alter table dba.trun add column is_green boolean generated always as (
    case when status <> 'running' then status = 'succeeded' and warnings = 0 end) stored;
comment on column dba.trun.is_green is 'Whether the run succeeded without a warning; empty while it runs';
create index trun_not_green on dba.trun (started_at desc) where status = 'succeeded' and warnings > 0;

create or replace view dba.v_run as
select r.started_at, r.job, r.status, round(extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::numeric, 1) as seconds,
       r.exit_code, r.error, r.files, r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped, r.progress, r.arguments,
       r.step_number, p.job as started_by, r.host, r.os_user, r.log_file, r.run_uuid, r.root_uuid, r.lock_key, r.ended_at,
       r.warnings, r.is_green
from dba.trun r left join dba.trun p on p.run_uuid = r.parent_uuid;
comment on column dba.v_run.warnings is 'Number of warnings (dba.v_warning), of a pipeline those of its steps included';
comment on column dba.v_run.is_green is 'Whether it succeeded without a warning; empty while it runs';

create view dba.v_warning as
select w.warned_at, r.job, coalesce(w.config_name, f.config_name) as config_name, w.code, w.text, f.name as file_name,
       coalesce(d.label, f.label) as label, coalesce(d.dataset_date, f.dataset_date) as dataset_date, w.file_id, w.dataset_id,
       coalesce(r.arguments ~ '--(dry-run|check)\M', false) as is_trial, r.lock_key, w.run_uuid, w.sequence
from dba.twarning w
left join dba.trun r on r.run_uuid = w.run_uuid
left join dba.tfile f on f.file_id = w.file_id
left join dba.tdataset d on d.dataset_id = w.dataset_id;
comment on view dba.v_warning is 'What runs warned of, with file and dataset: order by warned_at desc';
comment on column dba.v_warning.warned_at is 'When the run warned';
comment on column dba.v_warning.job is 'The job script';
comment on column dba.v_warning.config_name is 'The import';
comment on column dba.v_warning.code is 'What kind of warning it is, in a word (docs/warnings.md)';
comment on column dba.v_warning.text is 'The warning, secrets masked';
comment on column dba.v_warning.file_name is 'Name of the file';
comment on column dba.v_warning.label is 'Which thing the file is about: an event, a client';
comment on column dba.v_warning.dataset_date is 'The day the file is about';
comment on column dba.v_warning.file_id is 'The ticket of the file (dba.tfile)';
comment on column dba.v_warning.dataset_id is 'The dataset; each row of a target carries it';
comment on column dba.v_warning.is_trial is 'Whether the run only looked (--dry-run, --check) and loaded nothing';
comment on column dba.v_warning.lock_key is 'What the run held the lock for: the import, the pipeline';
comment on column dba.v_warning.run_uuid is 'The run (dba.v_run)';
comment on column dba.v_warning.sequence is 'Place of its entry in the log of the run (dba.tlogentry)';
