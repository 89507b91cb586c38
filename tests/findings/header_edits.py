"""Weekly files of twenty kinds and what clients do to their headers, from a seed; knows nothing of the findings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# column: type, other spellings that clients use, translations
COLUMNS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "customer_id": ("id", ("Cust ID", "CustomerNo", "customer number", "Client ID"), ("Kundennummer", "N° client")),
    "order_id": ("id", ("Order No.", "OrderNumber", "order ref"), ("Bestellnummer", "Numéro de commande")),
    "sku": ("code", ("SKU Code", "Item SKU", "article"), ("Artikelnummer", "Référence")),
    "isin": ("code", ("ISIN Code", "Security ISIN", "isin_no"), ("Wertpapierkennung", "Código ISIN")),
    "name": ("name", ("Full Name", "Customer name", "Name of customer"), ("Nachname", "Nombre")),
    "company": ("name", ("Company Name", "Organisation", "firm"), ("Firma", "Société")),
    "city": ("city", ("City/Town", "town", "Place"), ("Ort", "Ville")),
    "country": ("country", ("Country Code", "ctry", "Nation"), ("Land", "Pays")),
    "amount": ("money", ("Amount EUR", "Total amount", "amt"), ("Betrag", "Montant")),
    "price": ("money", ("Unit Price", "price_eur", "List price"), ("Preis", "Prix")),
    "quantity": ("count", ("Qty", "quantity_ordered", "pieces"), ("Menge", "Quantité")),
    "stock": ("count", ("Stock level", "in stock", "on hand"), ("Bestand", "Stock disponible")),
    "ordered_on": ("date", ("Order Date", "date ordered", "OrderedOn"), ("Bestelldatum", "Date de commande")),
    "shipped_on": ("date", ("Ship Date", "shipping date", "Shipped"), ("Versanddatum", "Date d'envoi")),
    "email": ("email", ("E-Mail", "email address", "Mail"), ("E-Mail-Adresse", "Courriel")),
    "status": ("status", ("Order Status", "State", "status_code"), ("Zustand", "Statut")),
    "phone": ("phone", ("Phone No", "telephone", "Tel."), ("Telefonnummer", "Téléphone")),
    "rate": ("rate", ("VAT rate", "tax_rate", "Rate %"), ("Steuersatz", "Taux")),
}
CITIES = ("Bonn", "Ulm", "Trier", "Köln", "Lyon", "Nice", "Porto", "Leeds", "Graz", "Basel", "Turin", "Gent")
NAMES = ("Abel", "Berg", "Costa", "Dahl", "Egger", "Frei", "Garcia", "Hahn", "Ito", "Jung", "Klein", "Lopez", "Maier")
EDITS = ("rename", "translate", "split", "join", "drop", "add", "case", "reorder", "swap")


@dataclass(frozen=True)
class Edit:
    """One file as a client sends it after some good ones. `renamed`: column -> its new header, of pure renames.

    `is_lost`: a declared column is no longer there under a name that the import knows. `is_swapped`: two columns stand
    under each other's headers. `rows`: the values of the declared columns of each good file, and last of this one.
    """

    kind: str
    schema: dict[str, str]
    weeks: tuple[str, ...]
    text: str
    renamed: dict[str, str]
    is_lost: bool
    rows: list[list[list[str]]]

    @property
    def is_swapped(self) -> bool:
        return self.kind == "swap"


def make_value(kind: str, random_: random.Random, number: int, week: int) -> str:
    """Return one value of a column; names, cities and codes come again each week, numbers do not."""
    values = {
        "id": lambda: str(100_000 + number * 7 + week),
        "code": lambda: f"{random_.choice('ABDE')}{random_.randrange(100, 999)}-{random_.randrange(10, 99)}",
        "name": lambda: f"{random_.choice(NAMES)} {random_.choice(NAMES)}",
        "city": lambda: random_.choice(CITIES),
        "country": lambda: random_.choice(("DE", "FR", "IT", "AT", "CH")),
        "money": lambda: f"{random_.lognormvariate(4, 0.7):.2f}",
        "count": lambda: str(random_.randrange(1, 60)),
        "date": lambda: f"2026-{week + 1:02d}-{random_.randrange(1, 28):02d}",
        "email": lambda: f"{random_.choice(NAMES).lower()}{random_.randrange(99)}@example.com",
        "status": lambda: random_.choice(("open", "paid", "shipped", "cancelled")),
        "phone": lambda: f"+49 {random_.randrange(100, 999)} {random_.randrange(10_000, 99_999)}",
        "rate": lambda: random_.choice(("0.19", "0.07", "0.00")),
    }
    return values[kind]()


TYPES = {"id": "integer", "count": "integer", "money": "numeric", "rate": "numeric", "date": "date"}


def make_edits(seed: int, count: int) -> Iterator[Edit]:
    """Make `count` edits of files of twenty kinds."""
    random_ = random.Random(seed)
    pool = list(COLUMNS)
    kinds = [["customer_id", *random_.sample(pool[1:], random_.randrange(4, 8))] for _ in range(20)]
    for number in range(count):
        columns = kinds[number % len(kinds)]
        yield _make_edit(random_, EDITS[number // len(kinds) % len(EDITS)], columns)


def _make_edit(random_: random.Random, kind: str, columns: list[str]) -> Edit:
    # the rules on values need three files
    rows = [_rows(random_, columns, week) for week in range(4 if kind == "swap" else 3)]
    headers, values = list(columns), rows[-1]
    renamed: dict[str, str] = {}
    index = random_.randrange(len(columns))
    name = columns[index]
    if kind in ("rename", "translate"):
        headers[index] = random_.choice(COLUMNS[name][1 if kind == "rename" else 2])
        renamed = {name: headers[index]}
    elif kind == "split":
        headers[index : index + 1] = [f"{name} 1", f"{name} 2"]
        values = [[*row[:index], row[index][:3], row[index][3:], *row[index + 1 :]] for row in values]
    elif kind == "join":
        index = min(max(index, 1), len(columns) - 2)
        headers[index : index + 2] = [f"{columns[index]} / {columns[index + 1]}"]
        values = [[*row[:index], f"{row[index]} / {row[index + 1]}", *row[index + 2 :]] for row in values]
    elif kind == "drop":
        del headers[index]
        values = [[*row[:index], *row[index + 1 :]] for row in values]
    elif kind == "add":
        headers.append("remark")
        values = [[*row, random_.choice(("", "urgent", "call back"))] for row in values]
    elif kind == "case":
        headers = [random_.choice((str.upper, str.title))(header.replace("_", " ")) for header in headers]
    elif kind == "reorder":
        order = random_.sample(range(len(columns)), len(columns))
        headers, values = [columns[place] for place in order], [[row[place] for place in order] for row in values]
    elif kind == "swap":
        other = random_.choice([place for place in range(len(columns)) if _differ(columns[place], name)])
        headers[index], headers[other] = headers[other], headers[index]
    schema = {column: TYPES.get(COLUMNS[column][0], "text") for column in columns}
    weeks = tuple(_text(columns, week) for week in rows[:-1])
    is_lost = kind not in ("add", "case", "reorder", "swap")
    return Edit(kind, schema, weeks, _text(headers, values), renamed, is_lost, rows)


def _differ(one: str, other: str) -> bool:
    """Whether a person sees that the values of two columns have changed places."""
    return COLUMNS[one][0] != COLUMNS[other][0]


def _rows(random_: random.Random, columns: list[str], week: int) -> list[list[str]]:
    return [[make_value(COLUMNS[column][0], random_, number, week) for column in columns] for number in range(40)]


def _text(headers: list[str], rows: list[list[str]]) -> str:
    return "\n".join([";".join(headers), *(";".join(row) for row in rows), ""])
