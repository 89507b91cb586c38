-- The two marts in MySQL or MariaDB, if MARTS_DATABASE_URL names one. The job creates them if they are missing.
create table if not exists customers_data_mart (
    customer_id integer not null,
    full_name varchar(500),
    address varchar(1000),
    phone_number varchar(100),
    sales_date_month date not null,
    total_sales decimal(18, 2) not null,
    primary key (sales_date_month, customer_id)
) engine = InnoDB default charset = utf8mb4 comment = 'What each customer bought each month';

create table if not exists sales_team_data_mart (
    store_id integer not null,
    sales_person_id integer not null,
    full_name varchar(500),
    sales_month date not null,
    total_sales decimal(18, 2) not null,
    incentive decimal(18, 2) not null,
    primary key (sales_month, store_id, sales_person_id)
) engine = InnoDB default charset = utf8mb4 comment = 'What each person sold in each store and month, and the incentive of the best';
