"""Generates reports of website visits as the mail platform writes them, and the expected results."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

HEADER = (
    "email,jyv,Badmail,Baja,Fecha envio,Fecha open,Opens,Opens virales,Fecha click,Clicks,Clicks virales,"
    "Links,IPs,Navegadores,Plataformas"
)
OTHER_HEADER = "email,jyv,Badmail,Baja,Fecha envio,Fecha open,Opens,Links"
DAYS = (date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1))
NAMES = ("ana", "luis", "maria", "jose", "carmen", "pablo", "lucia", "diego", "sofia", "raul")
BROWSERS, PLATFORMS = ("Chrome", "Firefox", "Safari", "Edge"), ("Windows", "Android", "iOS", "Linux")


@dataclass
class Report:
    """One file and the expected result of its rows."""

    name: str
    content: bytes
    # email as written, sending date
    good: list[tuple[str, datetime]] = field(default_factory=list)
    rejected: int = 0
    refused: bool = False


def make_row(generator: random.Random, day: date, name: str) -> tuple[str, datetime]:
    """Return one good row and its sending date."""
    sent = datetime.combine(day, datetime.min.time()) + timedelta(minutes=generator.randrange(24 * 60))
    opens = generator.randrange(4)
    clicks = generator.randrange(opens + 1)
    opened = f"{sent + timedelta(minutes=30):%d/%m/%Y %H:%M}" if opens else "-"
    clicked = f"{sent + timedelta(minutes=35):%d/%m/%Y %H:%M}" if clicks else "-"
    links = f'"https://example.test/{name},https://example.test/offers"' if clicks > 1 else "-"
    browsers = f'"{",".join(generator.sample(BROWSERS, 2))}"' if opens > 1 else generator.choice(BROWSERS)
    fields = (
        f"{name}@example.test", "", "-", "-", f"{sent:%d/%m/%Y %H:%M}", opened, opens, 0, clicked, clicks, 0, links,
        f"192.0.2.{generator.randrange(1, 255)}", browsers, generator.choice(PLATFORMS),
    )  # fmt: skip
    return ",".join(map(str, fields)), sent


def make_report(number: int, day: date, rows: int, *, end: str = "\n") -> Report:
    """Return a report of good rows."""
    generator = random.Random(number)
    lines, good = [], []
    for _ in range(rows):
        name = generator.choice(NAMES)
        if generator.random() < 0.2:
            # the same person
            name = name.upper()
        line, sent = make_row(generator, day, name)
        lines.append(line)
        good.append((f"{name}@example.test", sent))
    return Report(f"report_{number}.txt", (end.join([HEADER, *lines]) + end).encode(), good)


def spoil_rows(report: Report, email: int, dates: int, no_date: int) -> Report:
    """Return the report with some bad rows: a bad email, a bad date, no sending date."""
    header, *lines = report.content.decode().splitlines()
    for number, line in enumerate(lines):
        fields = line.split(",")
        if number < email:
            fields[0] = "not an email"
        elif number < email + dates:
            fields[4] = "31/02/2026 10:00"
        elif number < email + dates + no_date:
            fields[4] = "-"
        lines[number] = ",".join(fields)
    bad = email + dates + no_date
    return Report(report.name, ("\n".join([header, *lines]) + "\n").encode(), report.good[bad:], rejected=bad)


def add_accents(report: Report) -> Report:
    """Return the report in Latin-1 with accents in its header and in a value."""
    text = report.content.decode().replace("Fecha envio", "Fecha envío").replace("Windows", "Windows (español)")
    return Report(report.name, text.encode("latin-1"), report.good)


def make_reports(day: date) -> Iterator[Report]:
    """Yield the reports that appear on one of DAYS; their numbers continue from day to day."""
    first = 1 + 6 * DAYS.index(day)
    yield make_report(first, day, 40)
    yield make_report(first + 1, day, 25, end="\r\n")
    yield spoil_rows(make_report(first + 2, day, 30), email=2, dates=1, no_date=1)
    yield add_accents(make_report(first + 3, day, 20))
    if day == DAYS[1]:
        yield Report(
            f"report_{first + 4}.txt", f"{OTHER_HEADER}\nana@example.test,,-,-,-,-,1,-\n".encode(), refused=True
        )
