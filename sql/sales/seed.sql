/* A few sample rows for each dimension: psql -f, or: database.py sql "$(cat sql/sales/seed.sql)" */
insert into sales.customer values
    (1, 'Saanvi', 'Krishna', 'Delhi', '122009', '9173121081', '2021-01-20'),
    (2, 'Dhanush', 'Sahni', 'Delhi', '122009', '9155328165', '2022-03-27'),
    (3, 'Yasmin', 'Shan', 'Delhi', '122009', '9191478300', '2023-04-08'),
    (4, 'Vidur', 'Mammen', 'Delhi', '122009', '9119017511', '2020-10-12'),
    (5, 'Shamik', 'Doctor', 'Delhi', '122009', '9105180499', '2022-10-30'),
    (6, 'Ryan', 'Dugar', 'Delhi', '122009', '9142616565', '2020-08-10'),
    (7, 'Romil', 'Shanker', 'Delhi', '122009', '9129451313', '2021-10-29'),
    (8, 'Krish', 'Tandon', 'Delhi', '122009', '9145683399', '2020-01-08'),
    (9, 'Divij', 'Garde', 'Delhi', '122009', '9141984713', '2020-11-10'),
    (10, 'Hunar', 'Tank', 'Delhi', '122009', '9169808085', '2023-01-27'),
    (11, 'Zara', 'Dhaliwal', 'Delhi', '122009', '9129776379', '2023-06-13'),
    (12, 'Sumer', 'Mangal', 'Delhi', '122009', '9138607933', '2020-05-01')
on conflict do nothing;
insert into sales.store values
    (121, 'Delhi', '122009', 'Manish', '2022-01-15', 'Great store with a friendly staff'),
    (122, 'Delhi', '110011', 'Nikita', '2021-08-10', 'Excellent selection of products'),
    (123, 'Delhi', '201301', 'Vikash', '2023-01-20', 'Clean and organized store')
on conflict do nothing;
insert into sales.product values
    (1, 'quaker oats', 212.00, 212.00, '2022-05-15', null, '2025-01-01'),
    (2, 'sugar', 50.00, 50.00, '2021-08-10', null, '2026-01-01'),
    (3, 'maida', 20.00, 20.00, '2023-03-20', null, '2025-01-01'),
    (4, 'besan', 52.00, 52.00, '2020-05-05', null, '2025-10-01'),
    (5, 'refined oil', 110.00, 110.00, '2022-01-15', null, '2025-05-31'),
    (6, 'clinic plus', 1.50, 1.50, '2021-09-25', null, '2025-11-30'),
    (7, 'dantkanti', 100.00, 100.00, '2023-07-10', null, '2026-10-31'),
    (8, 'nutrella', 40.00, 40.00, '2020-11-30', null, '2026-01-31')
on conflict do nothing;
insert into sales.sales_team values
    (10, 'Alka', 'Singh', null, true, 'Delhi', '122007', '2020-01-01'),
    (1, 'Rahul', 'Verma', 10, false, 'Delhi', '122007', '2020-05-01'),
    (2, 'Rajesh', 'Singh', 10, false, 'Delhi', '122007', '2020-05-01'),
    (3, 'Shashank', 'Patel', 10, false, 'Delhi', '122007', '2020-05-01'),
    (4, 'Neha', 'Kumari', 10, false, 'Delhi', '122007', '2020-05-01'),
    (5, 'Prakash', 'Mehta', 10, false, 'Delhi', '122007', '2020-05-01'),
    (6, 'Kavita', 'Rao', 10, false, 'Delhi', '122007', '2020-05-01'),
    (7, 'Deepa', 'Joshi', 10, false, 'Delhi', '122007', '2020-05-01'),
    (8, 'Farhan', 'Ali', 10, false, 'Delhi', '122007', '2020-05-01'),
    (9, 'Meera', 'Iyer', 10, false, 'Delhi', '122007', '2020-05-01')
on conflict do nothing;
