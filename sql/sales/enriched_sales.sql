-- Every sale of the changed months with the columns of its dimensions. Standard SQL that DuckDB and Spark both run.
-- The keys were looked up when the file was loaded; a key that a dimension has lost since stays, with empty columns.
select s.customer_id, c.first_name as customer_first_name, c.last_name as customer_last_name,
       c.address as customer_address, c.pincode as customer_pincode, c.phone_number as customer_phone_number,
       c.customer_joining_date, s.store_id, st.address as store_address, st.store_pincode, st.store_manager_name,
       st.store_opening_date, st.reviews as store_reviews, s.product_name, p.id as product_id,
       p.current_price as product_current_price, p.old_price as product_old_price,
       p.expiry_date as product_expiry_date, s.sales_person_id, t.first_name as sales_person_first_name,
       t.last_name as sales_person_last_name, t.manager_id as sales_person_manager_id, t.is_manager,
       t.address as sales_person_address, t.pincode as sales_person_pincode, s.sales_date, s.price, s.quantity,
       s.total_cost, s.additional_column, s.dataset_id, s.source_row, s.sales_month
from touched_sales s
left join customer c on c.customer_id = s.customer_id
left join store st on st.id = s.store_id
left join product p on p.name = s.product_name
left join sales_team t on t.id = s.sales_person_id
