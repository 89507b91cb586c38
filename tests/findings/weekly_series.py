"""Weekly files of a year as senders write them: growth, a season, holiday weeks, noise, now and then a new code."""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterator
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
