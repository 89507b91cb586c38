"""The marts once more in plain Python, from the rows of the files, by the words of the specification."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

HEADER = ["customer_id", "store_id", "product_name", "sales_date", "sales_person_id", "price", "quantity", "total_cost"]
CENT = Decimal("0.01")
CUSTOMERS, STORES, PERSONS = range(1, 13), (121, 122, 123), range(1, 10)
PRODUCTS = {
    "quaker oats": "212.00", "sugar": "50.00", "maida": "20.00", "besan": "52.00", "refined oil": "110.00",
    "clinic plus": "1.50", "dantkanti": "100.00", "nutrella": "40.00",
}  # fmt: skip


def random_file(chance: random.Random, months: list[date], rows: int) -> str:
    """A sales file of any quality: ties, unknown keys, wrong totals, unparseable values, perhaps further columns."""
    extra = chance.random() < 0.3
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER + ["note"] * extra)
    for _ in range(rows):
        product = chance.choice(list(PRODUCTS))
        quantity = chance.randint(-2, 3)
        price = Decimal(PRODUCTS[product]) if chance.random() < 0.5 else Decimal(chance.randint(1, 30000)) / 100
        month = chance.choice(months)
        row = [
            str(chance.choice(CUSTOMERS)), str(chance.choice(STORES)), product,
            str(month.replace(day=chance.randint(1, 28))), str(chance.choice(PERSONS)), str(price), str(quantity),
            str(price * quantity),
        ]  # fmt: skip
        fault = chance.random()
        if fault < 0.03:
            row[chance.choice([0, 1, 4])] = chance.choice(["999", "x", "", " "])
        elif fault < 0.06:
            row[7] = str(price * quantity + chance.choice([CENT, -CENT, 5]))
        elif fault < 0.08:
            row[3] = chance.choice(["2025-02-30", "1.2.2025", ""])
        elif fault < 0.09:
            row[2] = "unheard of"
        writer.writerow(row + ["a note, with a comma"] * extra)
    return out.getvalue()


def accepted(text: str) -> list[dict[str, Any]]:
    """The rows of a file that may be loaded."""
    actual = []
    for row in csv.DictReader(io.StringIO(text)):
        try:
            result = {
                "customer_id": int(row["customer_id"]), "store_id": int(row["store_id"]),
                "sales_person_id": int(row["sales_person_id"]), "sales_date": date.fromisoformat(row["sales_date"]),
                "total": Decimal(row["total_cost"]),
            }  # fmt: skip
            right = result["total"] == Decimal(row["price"]) * int(row["quantity"])
        except (ValueError, InvalidOperation):
            continue
        known = (
            result["customer_id"] in CUSTOMERS and result["store_id"] in STORES and result["sales_person_id"] in PERSONS
        )
        if known and right and row["product_name"] in PRODUCTS:
            actual.append(result)
    return actual


def customers_mart(rows: Iterable[dict[str, Any]]) -> dict[tuple[int, date], Decimal]:
    """customer, month -> total_sales."""
    totals: dict[tuple[int, date], Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["customer_id"], row["sales_date"].replace(day=1)] += row["total"]
    return dict(totals)


def team_mart(rows: Iterable[dict[str, Any]]) -> dict[tuple[int, int, date], tuple[Decimal, Decimal]]:
    """store, person, month -> total_sales, incentive."""
    totals: dict[tuple[int, int, date], Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["store_id"], row["sales_person_id"], row["sales_date"].replace(day=1)] += row["total"]
    best: dict[tuple[int, date], Decimal] = {}
    for (store, _, month), total in totals.items():
        best[store, month] = max(total, best.get((store, month), total))
    return {
        (store, person, month): (
            total,
            (total / 100).quantize(CENT, ROUND_HALF_UP) if total == best[store, month] else Decimal("0.00"),
        )
        for (store, person, month), total in totals.items()
    }
