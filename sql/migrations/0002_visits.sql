-- Website visits from the mail platform. The import config/imports/visits.yaml fills visits.statistics; the
-- views for people are sql/views/visits.*.sql.

create table visits.statistics (
    dataset_id integer not null,
    source_row integer not null,
    email text,
    jyv text,
    bad_mail text,
    unsubscribed text,
    sent_at timestamptz,
    opened_at timestamptz,
    opens integer,
    viral_opens integer,
    clicked_at timestamptz,
    clicks integer,
    viral_clicks integer,
    links text[],
    ips text[],
    browsers text[],
    platforms text[]
);
create index on visits.statistics using brin (dataset_id);
-- only ever asked for one email; a hash costs a third of what a tree does at each load, see bench/visits.py
create index statistics_email on visits.statistics using hash (lower(email));
comment on table visits.statistics is 'Rows of the import visits, all datasets: one row is one visit';
comment on column visits.statistics.dataset_id is 'The dataset of the row: see dba.v_row_origin';
comment on column visits.statistics.source_row is 'Line of the file, from 1';
comment on column visits.statistics.email is 'header: email';
comment on column visits.statistics.jyv is 'header: jyv';
comment on column visits.statistics.bad_mail is 'header: Badmail';
comment on column visits.statistics.unsubscribed is 'header: Baja';
comment on column visits.statistics.sent_at is 'header: Fecha envio; when the mail went out, which is the date of the visit';
comment on column visits.statistics.opened_at is 'header: Fecha open';
comment on column visits.statistics.opens is 'header: Opens';
comment on column visits.statistics.viral_opens is 'header: Opens virales';
comment on column visits.statistics.clicked_at is 'header: Fecha click';
comment on column visits.statistics.clicks is 'header: Clicks';
comment on column visits.statistics.viral_clicks is 'header: Clicks virales';
comment on column visits.statistics.links is 'header: Links';
comment on column visits.statistics.ips is 'header: IPs';
comment on column visits.statistics.browsers is 'header: Navegadores';
comment on column visits.statistics.platforms is 'header: Plataformas';

create view visits.statistics_current as
select t.* from visits.statistics t
where t.dataset_id in (select d.dataset_id from dba.v_current_dataset d where d.target_table = 'visits.statistics');
comment on view visits.statistics_current is 'The current rows of visits.statistics';

create function visits.today() returns timestamp with time zone language sql stable parallel safe as
$$ select coalesce(nullif(current_setting('etl.now', true), '')::timestamptz, now()) $$;
comment on function visits.today() is 'Now, by the clock of the installation where that is set (ETL_NOW)';
