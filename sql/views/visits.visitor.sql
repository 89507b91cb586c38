-- One row for each email, independent of case, with its visits from the current statistics.
create or replace view visits.visitor as
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
comment on view visits.visitor is 'One row for each email (in lower case): first and last visit, number of visits in total, this year and this month';
comment on column visits.visitor.email is 'The email in lower case';
comment on column visits.visitor.first_visit is 'The first sending date';
comment on column visits.visitor.last_visit is 'The last sending date';
comment on column visits.visitor.total_visits is 'Rows loaded';
comment on column visits.visitor.visits_this_year is 'Visits of the current year';
comment on column visits.visitor.visits_this_month is 'Visits of the current month';
