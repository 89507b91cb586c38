-- One row for each email, whatever its case: its visits by the statistics that are active now.
create view visits.visitor as
select lower(s.email) as email,
       min(s.sent_at) as first_visit,
       max(s.sent_at) as last_visit,
       count(*) as total_visits,
       count(*) filter (where s.sent_at >= (select date_trunc('year', visits.today()))
                          and s.sent_at < (select date_trunc('year', visits.today()) + interval '1 year'))
           as visits_this_year,
       count(*) filter (where s.sent_at >= (select date_trunc('month', visits.today()))
                          and s.sent_at < (select date_trunc('month', visits.today()) + interval '1 month'))
           as visits_this_month
from visits.statistics_current s
group by lower(s.email);
