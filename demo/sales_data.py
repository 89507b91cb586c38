"""Generates sales files and customers that match sql/sales/seed.sql; the same seed gives the same rows."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from pathlib import Path

STORES, PERSONS, CUSTOMERS = (121, 122, 123), 9, 12
PRODUCTS = {
    "quaker oats": "212.00", "sugar": "50.00", "maida": "20.00", "besan": "52.00", "refined oil": "110.00",
    "clinic plus": "1.50", "dantkanti": "100.00", "nutrella": "40.00",
}  # fmt: skip
COLUMNS = (
    "customer_id", "store_id", "product_name", "sales_date", "sales_person_id", "price", "quantity", "total_cost",
)  # fmt: skip
TOWNS = ("Delhi", "Mumbai", "Pune", "Kochi", "Jaipur")
FIRST = ("Asha", "Ravi", "Meena", "Arjun", "Lata", "Vikram", "Nila", "Sanjay")
LAST = ("Rao", "Iyer", "Shah", "Bose", "Nair", "Gupta", "Menon", "Das")


@dataclass(frozen=True)
class SalesSpec:
    """What to generate. `faults`: the share of rows with one of several faults."""

    rows: int
    seed: int = 1
    month: date = date(2025, 1, 1)
    # from the first of the month; 0: the whole month
    days: int = 0
    faults: float = 0.0
    customers: int = CUSTOMERS


def write_standard(wish: SalesSpec, path: Path) -> Path:
    """Write a valid file."""
    return _write(wish, path, COLUMNS)


def write_without_total(wish: SalesSpec, path: Path) -> Path:
    """Write a file without the column total_cost, which is refused."""
    return _write(wish, path, COLUMNS[:-1])


def write_with_extra_columns(wish: SalesSpec, path: Path) -> Path:
    """Write a file with two extra columns, which are stored as JSON."""
    more = {"payment_mode": "['cash', 'UPI', 'card'][1 + draw % 3]", "remark": "case draw % 5 when 0 then 'gift' end"}
    return _write(wish, path, COLUMNS, more)


def write_daily(wish: SalesSpec, folder: Path) -> list[Path]:
    """Write a file for each day of the month; the rows are divided among them."""
    days = wish.days or calendar.monthrange(wish.month.year, wish.month.month)[1]
    paths = []
    for number in range(days):
        rows = wish.rows // days + (number < wish.rows % days)
        day = wish.month.replace(day=number + 1)
        one = SalesSpec(rows, wish.seed * 1000 + number, day, 1, wish.faults, wish.customers)
        paths.append(_write(one, folder / f"sales_{day:%Y%m%d}.csv", COLUMNS))
    return paths


def write_customers(wish: SalesSpec, path: Path) -> Path:
    """Write rows for the table sales.customer, numbered from 1."""
    _copy(
        f"""select i + 1 as customer_id, {_format_list(FIRST)}[1 + {_draw(wish.seed, 1, len(FIRST))}] as first_name,
                {_format_list(LAST)}[1 + {_draw(wish.seed, 2, len(LAST))}] as last_name,
                {_format_list(TOWNS)}[1 + {_draw(wish.seed, 3, len(TOWNS))}] as address,
                lpad(({_draw(wish.seed, 4, 999999)})::varchar, 6, '0') as pincode,
                '91' || lpad(({_draw(wish.seed, 5, 99999999)})::varchar, 8, '0') as phone_number,
                date '2020-01-01' + ({_draw(wish.seed, 6, 1500)})::integer as customer_joining_date
            from range({wish.rows}) numbers(i) order by i""",
        path,
    )
    return path


def _write(wish: SalesSpec, path: Path, columns: tuple[str, ...], more: dict[str, str] | None = None) -> Path:
    days = wish.days or calendar.monthrange(wish.month.year, wish.month.month)[1]
    seed, names, prices = wish.seed, list(PRODUCTS), list(PRODUCTS.values())
    limit = int(wish.faults * 1_000_000)
    further = "".join(f", {value} as {name}" for name, value in (more or {}).items())
    _copy(
        f"""with drawn as (
            select i, {_draw(seed, 1, wish.customers)} + 1 as customer_id,
                {_format_list(STORES)}[1 + {_draw(seed, 2, 3)}] as store_id,
                1 + {_draw(seed, 3, len(names))} as product, {_draw(seed, 5, PERSONS)} + 1 as sales_person_id,
                date '{wish.month}' + ({_draw(seed, 4, days)})::integer as sales_date,
                {_draw(seed, 6, 9)} + 1 as quantity, {_draw(seed, 7, 1000)} as draw,
                case when {_draw(seed, 8, 1_000_000)} < {limit} then 1 + {_draw(seed, 9, 4)} else 0 end as fault
            from range({wish.rows}) numbers(i)),
        made as (
            select i, draw, fault, case fault when 1 then customer_id + 900000 else customer_id end as customer_id,
                store_id, case fault when 2 then 'unheard of' else {_format_list(names)}[product] end as product_name,
                case fault when 3 then '31.02.2025' else sales_date::varchar end as sales_date, sales_person_id,
                ({_format_list(prices)}[product])::decimal(18, 2) as price, quantity
            from drawn)
        select * exclude (i, draw, fault, total_cost){", total_cost" if "total_cost" in columns else ""}{further}
        from (select *, price * quantity + case fault when 4 then 1 else 0 end as total_cost from made) order by i""",
        path,
    )
    return path


def _draw(seed: int, number: int, below: int) -> str:
    """Return SQL of a random number from 0 to below `below`, another one for each row."""
    return f"(hash(i, {seed}, {number}) % {below})::bigint"


def _format_list(values: tuple[object, ...] | list[str]) -> str:
    return "[" + ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in values) + "]"


def _copy(query: str, path: Path) -> None:
    from systemscripts import duck
    from systemscripts.directory_management import explain_write_error

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(path.parent, error) from error
    with duck.open_session(path.with_suffix(".spill")) as connection:
        duck.run_statement(connection, f"copy ({query}) to {duck.quote_literal(str(path))} (format csv, header)", path)
