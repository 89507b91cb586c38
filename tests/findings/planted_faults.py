"""What is wrong with a weekly file one day, with the rules that must find it; and in what good files differ."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.findings.weekly_series import Row, Series, write_csv

Change = Callable[[list[Row], Series, random.Random], list[Row]]


@dataclass(frozen=True)
class Fault:
    """One way in which a file is wrong. `change`: its rows; `spoil`: the bytes of the file.

    `rules`: those of which at least one must find it; empty: the file is refused, or a row of it rejected.
    """

    name: str
    rules: tuple[str, ...]
    change: Change | None = None
    spoil: Callable[[bytes], bytes] | None = None
    feeds: tuple[str, ...] = ("orders", "members")
    modes: tuple[str, ...] = ("snapshot", "append", "upsert", "new_rows")


def exchange(one: str, other: str) -> Change:
    """Return a fault that puts the values of two columns under each other's headers."""
    return lambda rows, series, chance: [{**row, one: row[other], other: row[one]} for row in rows]


def set_values(column: str, function: Callable[[str], str]) -> Change:
    """Return a fault that changes every value of a column."""
    return lambda rows, series, chance: [{**row, column: function(row[column]) if row[column] else ""} for row in rows]


def set_keys(function: Callable[[str], str]) -> Change:
    """Return a fault that changes every key."""
    return lambda rows, series, chance: set_values(series.key, function)(rows, series, chance)


def multiply(column: str, factor: float) -> Change:
    """Return a fault that multiplies a number."""
    return set_values(column, lambda value: f"{float(value) * factor:.{0 if '.' not in value else 2}f}")


def move_years(years: int, *columns: str) -> Change:
    """Return a fault that moves dates by years."""

    def move(value: str) -> str:
        moved = f"{int(value[:4]) + years}{value[4:]}"
        return moved.replace("-02-29", "-02-28")

    return lambda rows, series, chance: [{**row, **{name: move(row[name]) for name in columns}} for row in rows]


def exchange_day_month(*columns: str) -> Change:
    """Return a fault that writes days as months where that gives a date, as some programs do."""

    def turn(value: str) -> str:
        year, month, day = value.split("-")
        return f"{year}-{day}-{month}" if int(day) <= 12 else value

    return lambda rows, series, chance: [{**row, **{name: turn(row[name]) for name in columns}} for row in rows]


def double(share: float, times: int = 2) -> Change:
    """Return a fault that writes a share of the rows several times."""
    return lambda rows, series, chance: (
        rows + [row for row in rows if chance.random() < share for _ in range(times - 1)]
    )


def add_total(rows: list[Row], series: Series, chance: random.Random) -> list[Row]:
    """Add a row of totals without a word."""
    total = dict.fromkeys(rows[0], "")
    for name, declared in series.types.items():
        if declared in ("numeric", "integer"):
            total[name] = f"{sum(float(row[name]) for row in rows):.{2 if declared == 'numeric' else 0}f}"
    total[series.key] = "99999999"
    return [*rows, total]


def garble(encode: str, decode: str) -> Callable[[str], str]:
    """Return a function that reads text in another encoding than it was written in."""
    return lambda value: value.encode(encode, "replace").decode(decode, "replace")


def _on(*columns: str, change: Callable[[str], str]) -> Change:
    return lambda rows, series, chance: [{**row, **{name: change(row[name]) for name in columns}} for row in rows]


def list_faults() -> list[Fault]:
    """Return every fault that is planted, of what holds and of what warns."""
    orders, members = ("orders",), ("members",)
    whole = ("snapshot", "append")
    faults = [
        Fault("exchanged texts", ("columns_exchanged",), exchange("customer", "city"), feeds=orders),
        Fault("exchanged codes", ("columns_exchanged",), exchange("city", "category"), feeds=orders),
        Fault("exchanged names", ("columns_exchanged",), exchange("first_name", "last_name"), feeds=members),
        Fault("exchanged numbers", ("columns_exchanged",), exchange("net", "gross"), feeds=orders),
        Fault("exchanged dates", ("columns_exchanged",), exchange("ordered", "shipped"), feeds=orders),
        Fault("exchanged figures", ("columns_exchanged",), exchange("born", "joined"), feeds=members),
        Fault("emptied text", ("emptied",), set_values("city", lambda _: ""), feeds=orders),
        Fault("emptied number", ("emptied",), set_values("net", lambda _: ""), feeds=orders),
        Fault("emptied date", ("emptied",), set_values("joined", lambda _: ""), feeds=members),
        Fault(
            "half emptied",
            ("share_empty",),
            lambda rows, _, chance: [{**r, "city": r["city"] if chance.random() < 0.5 else ""} for r in rows],
            feeds=orders,
        ),
        Fault("constant code", ("constant",), set_values("category", lambda _: "food"), feeds=orders),
        Fault("constant number", ("constant",), set_values("net", lambda _: "1.00"), feeds=orders),
        Fault("constant date", ("constant",), set_values("born", lambda _: "1970-01-01"), feeds=members),
        Fault("cut text", ("lengths_cut",), set_values("customer", lambda value: value[:10]), feeds=orders),
        Fault("cut street", ("lengths_cut",), set_values("street", lambda value: value[:12]), feeds=members),
        Fault("cut city", ("lengths_cut",), set_values("city", lambda value: value[:6]), feeds=orders),
        Fault("times 100", ("scale_moved",), multiply("net", 100), feeds=orders),
        Fault("times 1000", ("scale_moved",), multiply("balance", 1000), feeds=members),
        Fault("times 10", ("scale_moved",), multiply("points", 10), feeds=members),
        Fault("a hundredth", ("scale_moved",), multiply("gross", 0.01), feeds=orders),
        Fault("negated", ("scale_moved",), multiply("net", -1), feeds=orders),
        Fault("negated balance", ("scale_moved",), multiply("balance", -1), feeds=members),
        Fault(
            "decimal mark lost", ("scale_moved",), set_values("net", lambda value: value.replace(".", "")), feeds=orders
        ),
        Fault("year before", ("dates_moved",), move_years(-1, "ordered", "shipped"), feeds=orders),
        Fault("year after", ("dates_moved", "dates_to_come"), move_years(1, "ordered", "shipped"), feeds=orders),
        Fault("year off in a list", ("dates_moved",), move_years(-1, "joined"), feeds=members),
        Fault("day and month", ("day_month_exchanged",), exchange_day_month("ordered", "shipped"), feeds=orders),
        Fault("dates to come", ("dates_to_come",), move_years(60, "joined"), feeds=members),
        Fault(
            "codes replaced",
            ("new_codes",),
            set_values("category", lambda value: f"K{len(value):02d}"),
            feeds=orders,
            modes=whole,
        ),
        Fault(
            "codes of another list",
            ("new_codes",),
            set_values("country", lambda value: value[:2].upper()),
            feeds=members,
            modes=whole,
        ),
        Fault("codes in capitals", ("codes_respelled",), set_values("category", str.upper), feeds=orders),
        Fault("status in capitals", ("codes_respelled",), set_values("status", str.title), feeds=members),
        Fault(
            "booleans flipped",
            ("shares_flipped",),
            set_values("is_paid", lambda value: "false" if value == "true" else "true"),
            feeds=orders,
        ),
        Fault(
            "active flipped",
            ("shares_flipped",),
            set_values("is_active", lambda value: "false" if value == "true" else "true"),
            feeds=members,
        ),
        Fault("keys padded", ("keys_unknown",), set_keys(lambda value: f"00{value}")),
        Fault("keys without zeros", ("keys_unknown",), set_keys(lambda value: value.lstrip("0"))),
        Fault(
            "keys repeated",
            ("key_not_unique",),
            lambda rows, series, chance: [{**row, series.key: rows[n // 2][series.key]} for n, row in enumerate(rows)],
        ),
        Fault("rows doubled", ("rows_doubled",), double(1.0)),
        Fault("rows tripled", ("rows_doubled",), double(1.0, 3)),
        Fault("rows doubled in part", ("rows_doubled",), double(0.6), modes=("snapshot",)),
        Fault("last record cut", ("last_record",), spoil=lambda data: data[:-9]),
        Fault("total row", ("total_row",), add_total),
        Fault(
            "few rows", ("few_rows",), lambda rows, series, chance: rows[: int(len(rows) * 0.6)], modes=("snapshot",)
        ),
    ]
    spoiled = {
        "UTF-8 as Windows": garble("utf-8", "cp1252"),
        "replaced letters": lambda value: "".join(c if c.isascii() else "\ufffd" for c in value),
        "UTF-8 as DOS": garble("utf-8", "cp437"),
        "twice encoded": lambda value: garble("utf-8", "cp1252")(garble("utf-8", "cp1252")(value)),
        "question marks": lambda value: "".join(c if c.isascii() else "?" for c in value),
        "UTF-8 as Macintosh": garble("utf-8", "mac_roman"),
        "DOS as Windows": garble("cp850", "latin-1"),
    }
    for name, change in spoiled.items():
        faults.append(Fault(f"mojibake: {name}", ("garbled",), _on("customer", "city", change=change), feeds=orders))
        faults.append(
            Fault(f"mojibake in a list: {name}", ("garbled",), _on("last_name", "street", change=change), feeds=members)
        )
    return faults


def make_faulty(fault: Fault, rows: list[Row], series: Series, chance: random.Random) -> bytes:
    """Return the file that a fault makes of the rows of a week; the same as the good one where it changes nothing."""
    data = write_csv(fault.change(rows, series, chance) if fault.change else rows)
    return fault.spoil(data) if fault.spoil else data


def list_harmless() -> dict[str, Callable[[list[Row], Series, random.Random], bytes]]:
    """Return ways in which a file differs that are right."""
    return {
        "sorted": lambda rows, series, chance: write_csv(sorted(rows, key=lambda row: list(row.values())[1])),
        "quoted": lambda rows, series, chance: write_csv(rows, quoting=csv.QUOTE_ALL),
        "other delimiter": lambda rows, series, chance: write_csv(rows, delimiter=";"),
        "columns in another order": lambda rows, series, chance: write_csv([_turn(row) for row in rows]),
        "header in capitals": lambda rows, series, chance: write_csv([_write_large(row) for row in rows]),
        "grown by 5 %": lambda rows, series, chance: write_csv(_grow(rows, series, 1.05)),
        "three new codes": lambda rows, series, chance: write_csv(_add_codes(rows, series)),
        "holiday week": lambda rows, series, chance: write_csv(rows[: int(len(rows) * 0.8)]),
            }  # fmt: skip


def _turn(row: Row) -> Row:
    return dict(reversed(row.items()))


def _write_large(row: Row) -> Row:
    return {name.upper(): value for name, value in row.items()}


def _grow(rows: list[Row], series: Series, factor: float) -> list[Row]:
    more = rows[: round(len(rows) * (factor - 1))]
    return rows + [{**row, series.key: f"{9_000_000 + n:0{len(row[series.key])}d}"} for n, row in enumerate(more)]


def _add_codes(rows: list[Row], series: Series) -> list[Row]:
    name = "category" if series.feed == "orders" else "country"
    return [{**row, name: f"new {n % 3}"} if n % 40 == 0 else row for n, row in enumerate(rows)]
