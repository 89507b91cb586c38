-- What each customer bought each month. Standard SQL that DuckDB and Spark both run.
with totals as (
    select customer_id, sales_month, cast(sum(total_cost) as decimal(18, 2)) as total_sales
    from touched_sales
    group by customer_id, sales_month
)
select m.customer_id, trim(coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, '')) as full_name,
       c.address, c.phone_number, m.sales_month as sales_date_month, m.total_sales
from totals m
left join customer c on c.customer_id = m.customer_id
