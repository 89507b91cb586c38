-- What each person sold in each store and month. The best get 1 % of their total, rounded half up to the cent, all of them
-- if they tie; the others get 0. Standard SQL that DuckDB and Spark both run.
with totals as (
    select store_id, sales_person_id, sales_month, cast(sum(total_cost) as decimal(18, 2)) as total_sales
    from touched_sales
    group by store_id, sales_person_id, sales_month
),
ranked as (
    select store_id, sales_person_id, sales_month, total_sales,
           rank() over (partition by store_id, sales_month order by total_sales desc) as place
    from totals
)
select r.store_id, r.sales_person_id, trim(coalesce(t.first_name, '') || ' ' || coalesce(t.last_name, '')) as full_name,
       r.sales_month, r.total_sales,
       case when r.place = 1 then cast(round(r.total_sales * 0.01, 2) as decimal(18, 2))
            else cast(0 as decimal(18, 2)) end as incentive
from ranked r
left join sales_team t on t.id = r.sales_person_id
