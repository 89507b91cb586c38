"""Weekly files of a year as senders write them, and the faults that they come with one day.

A series has growth, a season, holiday weeks, noise, and now and then a new code. A fault changes the rows of a file, or
its bytes. Nothing here knows how faults are found.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

Row = dict[str, str]
FIRST_NAMES = (
    "Anna", "Jörg", "Käthe", "Björn", "Mia", "Ludwig", "Zoë", "Günther", "Sören", "Paula", "André", "Ines", "Tom",
    "Renée", "Hüseyin", "Marie", "Max", "Lena",
)  # fmt: skip
LAST_NAMES = (
    "Müller", "Schmidt", "Weiß", "Großmann", "Öztürk", "Kühn", "Bäcker", "Meier", "Schäfer", "Lange", "Vogel",
    "Fuchs", "Jäger", "Krüger", "Hahn", "Roth", "Böhm", "Kraus", "Winter", "Sommer", "Löwe", "Kaiser", "Brandt",
    "Haas", "Otto", "Pohl", "Engel", "Horn", "Busch", "Bergmann", "Thomas", "Sauer", "Arnold", "Wolff", "Pfeiffer",
)  # fmt: skip
CITIES = (
    "Köln",
    "Berlin",
    "München",
    "Hamburg",
    "Düsseldorf",
    "Mönchengladbach",
    "Ulm",
    "Saarbrücken",
    "Frankfurt am Main",
)
COUNTRIES = ("Germany", "Austria", "France", "Denmark", "Italy", "Luxembourg")
CATEGORIES = ("food", "tools", "books", "garden", "toys", "office")
STREETS = ("Hauptstraße", "Am Bäckerweg", "Lange Gasse", "Bahnhofstraße", "Zur alten Mühle", "Ring")
# Columns with their declared types; what is not here has the type text.
ORDERS = {
    "order_no": "text", "customer": "text", "city": "text", "category": "text", "quantity": "integer", "net": "numeric",
    "gross": "numeric", "ordered": "date", "shipped": "date", "is_paid": "boolean", "note": "text",
}  # fmt: skip
MEMBERS = {
    "member_no": "text", "first_name": "text", "last_name": "text", "street": "text", "country": "text",
    "status": "text", "balance": "numeric", "points": "integer", "born": "date", "joined": "date",
    "is_active": "boolean",
}  # fmt: skip
KEY_OF = {"orders": "order_no", "members": "member_no"}


@dataclass
class Series:
    """One feed over the weeks. `feed`: orders (each week others) or members (nearly the same list each week)."""

    seed: int
    feed: str = "orders"
    weeks: int = 52
    begin: date = date(2025, 1, 6)
    members: list[Row] = field(default_factory=list)

    @property
    def types(self) -> dict[str, str]:
        """The columns with their declared types."""
        return ORDERS if self.feed == "orders" else MEMBERS

    @property
    def key(self) -> str:
        """The column that names a row."""
        return KEY_OF[self.feed]

    def day(self, week: int) -> date:
        """The Monday of a week, by which its file is named."""
        return self.begin + timedelta(weeks=week)

    def list_weeks(self) -> Iterator[tuple[date, list[Row]]]:
        """Yield the day and rows of each week."""
        chance = random.Random(self.seed)
        base, growth = chance.randint(200, 260), chance.uniform(0.0, 0.4)
        number = chance.randint(1000, 50000)
        categories = list(CATEGORIES)
        for week in range(self.weeks):
            day = self.day(week)
            season = 1 + 0.10 * math.sin(2 * math.pi * (week + self.seed) / 52)
            holiday = 0.8 if week in (15, 20, 51) else 1.0
            count = round(base * (1 + growth * week / 52) * season * holiday * chance.uniform(0.96, 1.04))
            if week and chance.random() < 0.15:
                categories.append(f"line {len(categories)}")
            if self.feed == "orders":
                yield day, [self._make_order(chance, number + n, day, categories) for n in range(count)]
                number += count + chance.randint(0, 9)
            else:
                self._change_members(chance, count if week == 0 else 0, day)
                yield day, [dict(row) for row in self.members]

    def _make_order(self, chance: random.Random, number: int, day: date, categories: list[str]) -> Row:
        ordered = day - timedelta(days=chance.randint(1, 7))
        net = chance.lognormvariate(4, 0.9)
        is_new = len(categories) > len(CATEGORIES) and chance.random() < 0.02
        return {
            "order_no": f"{number:08d}",
            "customer": f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}",
            "city": chance.choices(CITIES, (9, 8, 7, 6, 5, 4, 3, 2, 1))[0],
            "category": categories[-1] if is_new else chance.choices(CATEGORIES, (6, 5, 4, 3, 2, 1))[0],
            "quantity": str(min(40, 1 + int(chance.expovariate(0.4)))),
            "net": f"{net:.2f}",
            "gross": f"{net * 1.19:.2f}",
            "ordered": ordered.isoformat(),
            "shipped": (ordered + timedelta(days=chance.choice((1, 1, 2, 2, 3, 4)))).isoformat(),
            "is_paid": "true" if chance.random() < 0.85 else "false",
            "note": chance.choice(("", "", "bitte läuten", "gift wrap", "Rückgabe möglich", "call before")),
        }

    def _change_members(self, chance: random.Random, join: int, day: date) -> None:
        """Let some members leave and join, and some figures change."""
        self.members = [row for row in self.members if chance.random() > 0.01]
        for row in self.members:
            if chance.random() < 0.3:
                row["balance"] = f"{max(0.5, float(row['balance']) * chance.uniform(0.8, 1.25)):.2f}"
                row["points"] = str(int(row["points"]) + chance.randint(0, 30))
        start = 1 + max((int(row["member_no"]) for row in self.members), default=4000 + self.seed * 1000)
        for n in range(join or chance.randint(1, 5)):
            self.members.append(
                {
                    "member_no": f"{start + n:07d}",
                    "first_name": chance.choice(FIRST_NAMES),
                    "last_name": chance.choice(LAST_NAMES),
                    "street": f"{chance.choice(STREETS)} {chance.randint(1, 120)}",
                    "country": chance.choices(COUNTRIES, (12, 5, 4, 3, 2, 1))[0],
                    "status": chance.choices(("active", "resting", "new"), (7, 2, 1))[0],
                    "balance": f"{chance.lognormvariate(5, 0.8):.2f}",
                    "points": str(chance.randint(10, 5000)),
                    "born": (date(1950, 1, 1) + timedelta(days=chance.randrange(20000))).isoformat(),
                    "joined": (day - timedelta(days=chance.randrange(1, 3650 if join else 7))).isoformat(),
                    "is_active": "true" if chance.random() < 0.8 else "false",
                }
            )


def write_csv(rows: list[Row], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    """Return rows as a CSV file in UTF-8."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


# Faults ---------------------------------------------------------------------------------------------------------------

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
        Fault("keys padded", ("keys_unknown",), set_values("order_no", lambda value: f"00{value}"), feeds=orders),
        Fault(
            "keys without zeros",
            ("keys_unknown",),
            set_values("member_no", lambda value: value.lstrip("0")),
            feeds=members,
        ),
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
