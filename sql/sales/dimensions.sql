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
