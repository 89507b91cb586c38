-- Parquet targets, and the sales data marts: dimensions, marts, what they were last computed from, the staging ledger.

-- Imports whose target is a folder of Parquet files ---------------------------------------------------------------------

create table dba.tdatasetmonth (
    dataset_id integer not null references dba.tdataset,
    month date not null check (extract(day from month) = 1),
    primary key (dataset_id, month)
);
create index on dba.tdatasetmonth (month);
comment on table dba.tdatasetmonth is 'The months that the rows of a dataset fall into, noted at load so that undo knows them too';
comment on column dba.tdatasetmonth.dataset_id is 'The dataset';
comment on column dba.tdatasetmonth.month is 'First day of the month';

-- Dimensions (sql/sales/seed.sql has a few rows for trying out) ----------------------------------------------------------

create table sales.customer (
    customer_id integer primary key,
    first_name text not null,
    last_name text not null,
    address text,
    pincode text,
    phone_number text,
    customer_joining_date date
);
comment on table sales.customer is 'Who buys';
comment on column sales.customer.customer_id is 'Number of the customer, as in the sales files';
comment on column sales.customer.first_name is 'First name';
comment on column sales.customer.last_name is 'Last name';
comment on column sales.customer.address is 'Town or whole address';
comment on column sales.customer.pincode is 'Postal code; text, because it may begin with 0';
comment on column sales.customer.phone_number is 'Telephone';
comment on column sales.customer.customer_joining_date is 'Customer since';

create table sales.store (
    id integer primary key,
    address text,
    store_pincode text,
    store_manager_name text,
    store_opening_date date,
    reviews text
);
comment on table sales.store is 'Where it is sold';
comment on column sales.store.id is 'Number of the store, store_id in the sales files';
comment on column sales.store.address is 'Town or whole address';
comment on column sales.store.store_pincode is 'Postal code';
comment on column sales.store.store_manager_name is 'Who manages it';
comment on column sales.store.store_opening_date is 'Open since';
comment on column sales.store.reviews is 'What people say';

create table sales.product (
    id integer primary key,
    name text not null unique,
    current_price numeric(18, 2),
    old_price numeric(18, 2),
    created_date date,
    updated_date date,
    expiry_date date
);
comment on table sales.product is 'What is sold';
comment on column sales.product.id is 'Number of the product';
comment on column sales.product.name is 'Its name, product_name in the sales files';
comment on column sales.product.current_price is 'Price now';
comment on column sales.product.old_price is 'Price before';
comment on column sales.product.created_date is 'On sale since';
comment on column sales.product.updated_date is 'Price changed on';
comment on column sales.product.expiry_date is 'On sale until';

create table sales.sales_team (
    id integer primary key,
    first_name text not null,
    last_name text not null,
    manager_id integer references sales.sales_team,
    is_manager boolean not null default false,
    address text,
    pincode text,
    joining_date date
);
comment on table sales.sales_team is 'Who sells';
comment on column sales.sales_team.id is 'Number of the person, sales_person_id in the sales files';
comment on column sales.sales_team.first_name is 'First name';
comment on column sales.sales_team.last_name is 'Last name';
comment on column sales.sales_team.manager_id is 'The manager''s number';
comment on column sales.sales_team.is_manager is 'Whether the person manages others';
comment on column sales.sales_team.address is 'Town or whole address';
comment on column sales.sales_team.pincode is 'Postal code';
comment on column sales.sales_team.joining_date is 'In the team since';

-- Marts -------------------------------------------------------------------------------------------------------------------

create table sales.customers_data_mart (
    customer_id integer not null,
    full_name text,
    address text,
    phone_number text,
    sales_date_month date not null,
    total_sales numeric(18, 2) not null,
    primary key (sales_date_month, customer_id)
);
comment on table sales.customers_data_mart is 'What each customer bought each month; sales_marts.py computes it';
comment on column sales.customers_data_mart.customer_id is 'The customer';
comment on column sales.customers_data_mart.full_name is 'First and last name';
comment on column sales.customers_data_mart.address is 'Address of the customer';
comment on column sales.customers_data_mart.phone_number is 'Telephone of the customer';
comment on column sales.customers_data_mart.sales_date_month is 'First day of the month';
comment on column sales.customers_data_mart.total_sales is 'Sum of total_cost';

create table sales.sales_team_data_mart (
    store_id integer not null,
    sales_person_id integer not null,
    full_name text,
    sales_month date not null,
    total_sales numeric(18, 2) not null,
    incentive numeric(18, 2) not null,
    primary key (sales_month, store_id, sales_person_id)
);
comment on table sales.sales_team_data_mart is 'What each person sold in each store and month; the best get 1 % of their total';
comment on column sales.sales_team_data_mart.store_id is 'The store';
comment on column sales.sales_team_data_mart.sales_person_id is 'The person';
comment on column sales.sales_team_data_mart.full_name is 'First and last name';
comment on column sales.sales_team_data_mart.sales_month is 'First day of the month';
comment on column sales.sales_team_data_mart.total_sales is 'Sum of total_cost';
comment on column sales.sales_team_data_mart.incentive is '1 % of total_sales, half up to the cent, for the best of the store and month (all of them when they tie), else 0';

create table sales.mart_month (
    target text not null,
    month date not null,
    files text[] not null,
    computed_at timestamptz not null default now(),
    run_uuid uuid not null,
    primary key (target, month)
);
comment on table sales.mart_month is 'From which dataset files each month of the marts was last computed; written when every target is';
comment on column sales.mart_month.target is 'Where the marts went: database, folder, bucket; another place begins anew';
comment on column sales.mart_month.month is 'First day of the month';
comment on column sales.mart_month.files is 'The dataset files; a month whose files are others now is computed again';
comment on column sales.mart_month.computed_at is 'When';
comment on column sales.mart_month.run_uuid is 'By which run';
