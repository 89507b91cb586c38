-- The sales of the computed months, from the Parquet files of the active datasets. Standard SQL.
select s.*, cast(date_trunc('MONTH', s.sales_date) as date) as sales_month
from sales s
where cast(date_trunc('MONTH', s.sales_date) as date) in (select month from touched_month)
