"""Exports as the programs of several countries write them, each with the typed table that it holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from openpyxl import Workbook

ROWS = 40
BEGIN = datetime(2026, 1, 5, 9, 7, 3)
# numbers that only name something: they may also stay text
NUMBER_OR_TEXT = "integer|bigint|text"
NAMES = ("Müller & Sons", "Anna Smith", "Özdemir GmbH", 'Bob "Bobby" Jones', "Lefèvre, Marc", "Zoë O'Hara")
MINUS = "-"


@dataclass(frozen=True)
class Export:
    """A file and its table: `columns` are header and type, `rows` the values of each row."""

    name: str
    file_name: str
    content: bytes
    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


def amount(number: int, negative_every: int = 5) -> Decimal:
    """Return amounts below and above a thousand, some of them negative."""
    cents = (number * number * 3719 + number * 47 + 199) % 389_317
    return Decimal(-cents if number % negative_every == 0 else cents) / 100


def write(value: Decimal, decimal: str = ".", thousands: str = ",") -> str:
    """Return an amount with two decimals."""
    return f"{value:,.2f}".replace(",", "T").replace(".", decimal).replace("T", thousands)


def moment(number: int) -> datetime:
    """Return moments of four months."""
    return BEGIN + timedelta(days=3 * number, minutes=47 * number)


def day(number: int) -> date:
    """Return days of four months."""
    return moment(number).date()


def name(number: int) -> str:
    """Return the name of a customer."""
    return NAMES[number % len(NAMES)]


def lines(rows: Sequence[Sequence[object]], delimiter: str = ",", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    """Return rows as delimited text."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def bank_statement() -> Export:
    """A German bank: the account and its balance above, amounts with decimal commas, a delimiter at every end."""
    columns = [
        ("Buchungstag", "date"), ("Wertstellung", "date"), ("Buchungstext", "text"),
        ("Auftraggeber / Begünstigter", "text"), ("Verwendungszweck", "text"), ("Kontonummer", "text"),
        ("BLZ", "text"), ("Betrag (EUR)", "numeric"), ("Kundenreferenz", "text"),
    ]  # fmt: skip
    rows = [
        (day(n), day(n + 1), ("Lastschrift", "Gutschrift")[n % 2], name(n), f"Rechnung {n + 1000}; danke",
         f"DE{n + 10:02}120300000012345{n:03}", "BYLADEM1001", amount(n, 2), None if n % 3 else f"{n:010}")
        for n in range(ROWS)
    ]  # fmt: skip
    written = [
        (f"{row[0]:%d.%m.%Y}", f"{row[1]:%d.%m.%Y}", *row[2:7], write(row[7], ",", "."), row[8] or "", "")
        for row in rows
    ]
    above = [
        ("Kontonummer:", "DE02120300000000202051 / Girokonto", ""), (), ("Von:", "01.01.2026", ""),
        ("Bis:", "30.04.2026", ""), ("Kontostand vom 30.04.2026:", "12.345,67 EUR", ""), (),
    ]  # fmt: skip
    header = [*(header for header, _ in columns), ""]
    text = lines([*above, header, *written], ";", csv.QUOTE_ALL)
    return Export("bank_statement", "Kontoauszug_20260430.csv", text.encode("cp1252"), columns, rows)


def polish_statement() -> Export:
    """A Polish bank: the client above, number signs before the names, accounts in apostrophes, the balance below."""
    columns = [
        ("#Data operacji", "date"), ("#Opis operacji", "text"), ("#Numer konta", "text"), ("#Kwota", "numeric"),
        ("#Saldo po operacji", "numeric"),
    ]  # fmt: skip
    rows = [
        (day(n), f"PRZELEW ZEWNĘTRZNY {n}", f"12345678901234567890123{n:03}", amount(n, 3), amount(n + 7, 9) + 500)
        for n in range(ROWS)
    ]
    written = [(*row[:2], f"'{row[2]}'", write(row[3], ",", " "), write(row[4], ",", " "), "") for row in rows]
    above = "mBank S.A. Bankowość Detaliczna;\nSkrytka Pocztowa 2108;\n\n#Klient;\nJAN KOWALSKI;\n\n"
    text = (
        above + lines([[*(header for header, _ in columns), ""], *written], ";") + "\n;;;#Saldo końcowe;8 499,12 PLN;\n"
    )
    return Export("polish_statement", "lista_operacji_260430_202604301205.csv", text.encode("cp1250"), columns, rows)


def _sap_rows() -> list[tuple[Any, ...]]:
    return [(1900000001 + n, day(n), amount(n, 3), "EUR", f"Miete {n + 1}/2026 Haus") for n in range(ROWS)]


SAP_COLUMNS = [
    ("Belegnr", NUMBER_OR_TEXT), ("Buch.datum", "date"), ("Betrag in HW", "numeric"), ("Währg", "text"),
    ("Text", "text"),
]  # fmt: skip


def _write_sap(value: Decimal) -> str:
    return write(abs(value), ",", ".") + (MINUS if value < 0 else " ")


def sap_list_pipes() -> Export:
    """A list of SAP saved as it is shown: pipes, lines of hyphens, the sign after the amount, a total."""
    rows = _sap_rows()
    rule = "-" * 76
    written = [f"|{r[0]:>10}|{r[1]:%d.%m.%Y}|{_write_sap(r[2]):>16}|{r[3]:<5}|{r[4]:<29}|" for r in rows]
    total = _write_sap(sum((row[2] for row in rows), Decimal(0)))
    head = f"|{'Belegnr':<10}|{'Buch.datum':<10}|{'Betrag in HW':>16}|{'Währg':<5}|{'Text':<29}|"
    end = f"|*{'':<9}|{'':<10}|{total:>16}|{'EUR':<5}|{'':<29}|"
    text = "\r\n".join(
        ["30.04.2026     Dynamische Listenausgabe     1", "", rule, head, rule, *written, rule, end, rule, ""]
    )
    return Export("sap_list_pipes", "FBL1N_20260430.txt", text.encode("cp1252"), SAP_COLUMNS, rows)


def sap_list_tabs() -> Export:
    """A list of SAP saved with tabs: each line begins with one."""
    rows = _sap_rows()
    written = ["\t".join(["", str(r[0]), f"{r[1]:%d.%m.%Y}", f"{_write_sap(r[2]):>16}", r[3], r[4]]) for r in rows]
    head = "\t".join(["", *(header for header, _ in SAP_COLUMNS)])
    text = "\r\n".join(["30.04.2026\t\tDynamische Listenausgabe\t\t1", "", head, "", *written, ""])
    return Export("sap_list_tabs", "ME2N 2026-04-30.xls", text.encode("cp1252"), SAP_COLUMNS, rows)


def shopify_orders() -> Export:
    """Orders of a shop: moments with an offset, fields of the order only on its first line, notes of several lines."""
    zone = timezone(timedelta(hours=-5))
    columns = [
        ("Name", "text"), ("Email", "text"), ("Financial Status", "text"), ("Paid at", "timestamptz"),
        ("Accepts Marketing", "boolean"), ("Currency", "text"), ("Subtotal", "numeric"), ("Taxes", "numeric"),
        ("Total", "numeric"), ("Created at", "timestamptz"), ("Lineitem quantity", "integer"),
        ("Lineitem name", "text"), ("Lineitem price", "numeric"), ("Lineitem sku", "text"),
        ("Lineitem requires shipping", "boolean"), ("Billing Name", "text"), ("Billing Zip", "text"),
        ("Billing Phone", "text"), ("Notes", "text"), ("Cancelled at", "text"), ("Id", NUMBER_OR_TEXT),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for n in range(ROWS):
        at, total = moment(n).replace(tzinfo=zone), abs(amount(n))
        item = (1 + n % 3, f'Poster 8" x {n}", large', Decimal(n * 150 + 999) / 100, f"SKU-{n:04}", n % 4 != 0)
        note = "Please ring twice,\nthen wait" if n % 7 == 0 else None
        rows.append((
            f"#{1001 + n}", f"buyer{n}@example.com", "paid", at, n % 3 == 0, "USD", total, total / 10, total, at, *item,
            name(n), f"'0{2100 + n}", f"(555) 010-{1000 + n}", note, None, 5551234567890 + n * 32768,
        ))  # fmt: skip
        if n % 5 == 0:
            more = (
                f"#{1001 + n}",
                f"buyer{n}@example.com",
                *[None] * 7,
                at,
                1,
                "Frame",
                Decimal("12.00"),
                "FR-1",
                True,
            )
            rows.append((*more, *[None] * 6))

    def write_value(value: Any, header: str) -> object:
        if isinstance(value, bool):
            return ("yes" if value else "no") if header == "Accepts Marketing" else str(value).lower()
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S %z")
        return f"{value:.2f}" if isinstance(value, Decimal) else "" if value is None else value

    headers = [header for header, _ in columns]
    rows = [tuple(round(v, 2) if isinstance(v, Decimal) else v for v in row) for row in rows]
    written = [[write_value(value, header) for value, header in zip(row, headers, strict=True)] for row in rows]
    return Export("shopify_orders", "orders_export_1.csv", lines([headers, *written]).encode(), columns, rows)


def ads_report() -> Export:
    """A report of advertisements: two lines of title, percent, ` --` for nothing, totals below."""
    columns = [
        ("Campaign status", "text"), ("Campaign", "text"), ("Budget", "numeric"), ("Currency code", "text"),
        ("Impr.", "integer"), ("Clicks", "integer"), ("CTR", "numeric"), ("Avg. CPC", "numeric"), ("Cost", "numeric"),
        ("Conversions", "numeric"),
    ]  # fmt: skip
    rows = [
        ("Enabled" if n % 3 else "Paused", f"Brand, region {n}", Decimal("20.00") + n, "USD", n * 731, n * 31,
         Decimal(424 + n) / 100 if n else None, Decimal(n + 35) / 100 if n else None,
         Decimal(n * n * 1117) / 100, Decimal(n * 25) / 10)
        for n in range(ROWS)
    ]  # fmt: skip
    written = [
        (*row[:2], f"{row[2]:.2f}", row[3], f"{row[4]:,}", f"{row[5]:,}", f"{row[6]:.2f}%" if row[6] else " --",
         f"{row[7]:.2f}" if row[7] else " --", f"{row[8]:,.2f}", f"{row[9]:.2f}")
        for row in rows
    ]  # fmt: skip
    sums = (f"{sum(r[4] for r in rows):,}", f"{sum(r[5] for r in rows):,}", "4.24%", "0.55")
    cost = (f"{sum(r[8] for r in rows):,.2f}", f"{sum(r[9] for r in rows):.2f}")
    totals = [(title, "", "", "USD", *sums, *cost) for title in ("Total: Campaigns", "Total: Account")]
    above = "Campaign report\nJanuary 1, 2026 - April 30, 2026\n"
    text = above + lines([[header for header, _ in columns], *written, *totals])
    return Export("ads_report", "Campaign report (1).csv", text.encode("utf-8-sig"), columns, rows)


def datev_bookings() -> Export:
    """Bookings for DATEV: a line of the format above the header, days without a year, accounts."""
    columns = [
        ("Umsatz (ohne Soll/Haben-Kz)", "numeric"), ("Soll/Haben-Kennzeichen", "text"), ("WKZ Umsatz", "text"),
        ("Kurs", "text"), ("Konto", NUMBER_OR_TEXT), ("Gegenkonto (ohne BU-Schlüssel)", NUMBER_OR_TEXT),
        ("BU-Schlüssel", NUMBER_OR_TEXT), ("Belegdatum", "text"), ("Belegfeld 1", "text"), ("Buchungstext", "text"),
    ]  # fmt: skip
    rows = [
        (abs(amount(n)), "SH"[n % 2], "EUR", None, 8400, 10001 + n % 7, 9 if n % 4 == 0 else None,
         f"{day(n):%d%m}", f"RE-{n + 1000}", name(n))
        for n in range(ROWS)
    ]  # fmt: skip
    written = [(str(row[0]).replace(".", ","), *("" if value is None else value for value in row[1:])) for row in rows]
    first = (
        '"EXTF";700;21;"Buchungsstapel";13;20260430120000000;;"RE";"";"";29098;55003;20260101;4;20260101;20260430;'
        '"Buchungen April";"WD";1;0;0;"EUR";;"";;;"03";;;"";""\n'
    )
    text = first + lines([[header for header, _ in columns], *written], ";")
    return Export("datev_bookings", "EXTF_Buchungsstapel_20260430_120000.csv", text.encode("cp1252"), columns, rows)


def _sheet(
    name_of_export: str, file_name: str, headers: tuple[str, str, str, str, str], encoding: str, delimiter: str,
    write_date: Callable[[date], str], write_amount: Callable[[Decimal], str], words: tuple[str, str],
    write_share: Callable[[Decimal], str], total: str,
) -> Export:  # fmt: skip
    """Return a list that Excel saved as CSV in one country, with a row of the total."""
    columns = list(zip(headers, ("date", "text", "numeric", "boolean", "numeric"), strict=True))
    rows = [(day(n), name(n), amount(n, 4), n % 3 == 0, Decimal(n * 35 + 5) / 10) for n in range(ROWS)]
    customers = [(row[0], row[1].encode(encoding, "replace").decode(encoding).replace("?", "e")) for row in rows]
    rows = [(*pair, *row[2:]) for pair, row in zip(customers, rows, strict=True)]
    written = [
        (write_date(row[0]), row[1], write_amount(row[2]), words[not row[3]], write_share(row[4])) for row in rows
    ]
    end = (total, "", write_amount(sum((row[2] for row in rows), Decimal(0))), "", "")
    text = lines([headers, *written, end], delimiter)
    return Export(name_of_export, file_name, text.encode(encoding), columns, rows)


def excel_us() -> Export:
    """Dollars with the sign, negative ones in brackets, blanks around; month first."""
    return _sheet(
        "excel_us", "Invoices January 2026.csv", ("Invoice Date", "Customer", "Amount Due", "Paid", "Discount"),
        "utf-8", ",", lambda d: f"{d.month}/{d.day}/{d.year}",
        lambda v: f" $({-v:,.2f})" if v < 0 else f" ${v:,.2f} ", ("Y", "N"), lambda v: f"{v}%", "Total",
    )  # fmt: skip


def excel_france() -> Export:
    """No-break blanks between thousands, a decimal comma, the currency behind."""
    return _sheet(
        "excel_france", "factures_janvier_2026.csv", ("Date de facture", "Client", "Montant TTC", "Payé", "Remise"),
        "cp1252", ";", lambda d: f"{d:%d/%m/%Y}", lambda v: f"{write(v, ',', chr(160))} €", ("Oui", "Non"),
        lambda v: f"{v} %".replace(".", ","), "Total",
    )  # fmt: skip


def excel_switzerland() -> Export:
    """Apostrophes between thousands, a decimal point, the code of the currency in front."""
    return _sheet(
        "excel_switzerland", "Rechnungen KW05 2026.csv", ("Rechnungsdatum", "Kunde", "Betrag", "Bezahlt", "Rabatt"),
        "cp1252", ";", lambda d: f"{d:%d.%m.%Y}", lambda v: f"CHF {write(v, '.', chr(39))}", ("Ja", "Nein"),
        lambda v: f"{v}%", "Summe",
    )  # fmt: skip


def excel_brazil() -> Export:
    """Points between thousands, the sign before the currency."""
    return _sheet(
        "excel_brazil", "faturas_2026_01.csv", ("Data da fatura", "Cliente", "Valor", "Pago", "Desconto"), "cp1252",
        ";", lambda d: f"{d:%d/%m/%Y}", lambda v: f"{'-' if v < 0 else ''}R$ {write(abs(v), ',', '.')}", ("Sim", "Não"),
        lambda v: f"{v}%".replace(".", ","), "Total",
    )  # fmt: skip


def excel_poland() -> Export:
    """The Windows letters of Central Europe, blanks between thousands."""
    return _sheet(
        "excel_poland", "faktury-2026-01-31.csv", ("Data faktury", "Klient", "Kwota", "Zapłacono", "Rabat"), "cp1250",
        ";", lambda d: f"{d:%d.%m.%Y}", lambda v: f"{write(v, ',', chr(160))} zł", ("Tak", "Nie"),
        lambda v: f"{v}%".replace(".", ","), "Razem",
    )  # fmt: skip


def excel_workbook() -> Export:
    """A German workbook: a title, cells of every type in their formats, a sum."""
    columns = [("Datum", "date"), ("PLZ", "text"), ("Menge", "integer"), ("Preis", "numeric"), ("Anteil", "numeric"),
               ("Geändert", "timestamp")]  # fmt: skip
    rows = [
        (day(n), f"{n + 1067:05}", n * 13 + 1, abs(amount(n)), Decimal(n * 25 + 5) / 1000, moment(n))
        for n in range(ROWS)
    ]
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Lagerliste Januar 2026"])
    sheet.append([])
    sheet.append([header for header, _ in columns])
    for row in rows:
        sheet.append([float(value) if isinstance(value, Decimal) else value for value in row])
    formats = ("dd.mm.yyyy", "@", "#,##0", '#,##0.00 "€"', "0.0%", "dd.mm.yyyy hh:mm")
    for line in sheet.iter_rows(min_row=4):
        for cell, style in zip(line, formats, strict=True):
            cell.number_format = style
    sheet.append(["Summe", None, sum(row[2] for row in rows), float(sum(row[3] for row in rows)), None, None])
    stream = io.BytesIO()
    book.save(stream)
    return Export("excel_workbook", "Lagerliste v2.xlsx", stream.getvalue(), columns, rows)


def registrations() -> Export:
    """People who registered for an event: a twelve-hour clock, phone numbers, zip codes, two spellings of nothing."""
    columns = [
        ("Registration #", "integer"), ("Registered On", "timestamp"), ("First Name", "text"), ("Birth Date", "date"),
        ("Phone", "text"), ("Zip", "text"), ("T-Shirt", "text"), ("Amount Paid", "numeric"), ("Checked In?", "boolean"),
        ("Dietary needs", "text"), ("Guests", "integer"),
    ]  # fmt: skip
    rows = [
        (n + 1, moment(n).replace(second=0), name(n).split()[0], date(1950 + n, 1 + n % 12, 1 + (n * 7) % 28),
         f"(555) 010-{1000 + n}", f"{2100 + n:05}", "SMLX"[n % 4], Decimal(n * 15 + 120), n % 2 == 0,
         "none" if n % 3 else "vegan, no nuts", n % 4 if n % 9 else None)
        for n in range(ROWS)
    ]  # fmt: skip
    written = [
        (row[0], f"{row[1]:%b} {row[1].day}, {row[1]:%Y} {row[1].hour % 12 or 12}:{row[1]:%M %p}", row[2],
         f"{row[3]:%m/%d/%Y}", *row[4:7], f"${row[7]:.2f}", "Yes" if row[8] else "No", row[9],
         "N/A" if row[10] is None else row[10])
        for row in rows
    ]  # fmt: skip
    text = lines([[header for header, _ in columns], *written])
    return Export("registrations", "Spring-Gala-2026-Q1.csv", text.encode("utf-8-sig"), columns, rows)


def paypal_activity() -> Export:
    """A German statement of PayPal: decimal commas between commas, all quoted, day and time apart."""
    columns = [
        ("Datum", "date"), ("Uhrzeit", "time"), ("Zeitzone", "text"), ("Name", "text"), ("Typ", "text"),
        ("Status", "text"), ("Währung", "text"), ("Brutto", "numeric"), ("Gebühr", "numeric"), ("Netto", "numeric"),
        ("Transaktionscode", "text"), ("Guthaben", "numeric"),
    ]  # fmt: skip
    rows, balance = [], Decimal("1500.00")
    for n in range(ROWS):
        gross = amount(n, 4)
        fee = round(-abs(gross) / 40, 2)
        balance += gross + fee
        rows.append((
            day(n), moment(n).time(), "CET", name(n), "Website-Zahlung", "Abgeschlossen", "EUR", gross, fee,
            gross + fee, f"9X{n:02}K123456{n:03}7L", balance,
        ))  # fmt: skip
    written = [
        (f"{row[0]:%d.%m.%Y}", f"{row[1]:%H:%M:%S}", *row[2:7], *(write(value, ",", ".") for value in row[7:10]),
         row[10], write(row[11], ",", "."))
        for row in rows
    ]  # fmt: skip
    text = lines([[header for header, _ in columns], *written], ",", csv.QUOTE_ALL)
    return Export("paypal_activity", "Download-20260430.CSV", text.encode("utf-8-sig"), columns, rows)


def amazon_settlement() -> Export:
    """A settlement of Amazon: tabs, the totals of the period only in its first row, moments with `UTC`."""
    columns = [
        ("settlement-id", NUMBER_OR_TEXT), ("settlement-start-date", "timestamptz"), ("deposit-date", "timestamptz"),
        ("total-amount", "numeric"), ("currency", "text"), ("transaction-type", "text"), ("order-id", "text"),
        ("amount-description", "text"), ("amount", "numeric"), ("posted-date", "date"),
        ("posted-date-time", "timestamptz"), ("order-item-code", "text"), ("quantity-purchased", "integer"),
    ]  # fmt: skip
    id_of_all = 19845632101
    whole = sum((amount(n) for n in range(ROWS)), Decimal(0))
    start, deposit = (moment(n).replace(tzinfo=UTC) for n in (5, 9))
    rows: list[tuple[Any, ...]] = [(id_of_all, start, deposit, whole, "EUR", *[None] * 8)]
    for n in range(ROWS):
        at = moment(n).replace(tzinfo=UTC)
        order = f"303-{1234567 + n * 7919}-{7654321 - n * 3571}"
        rows.append((
            id_of_all, None, None, None, None, "Order" if n % 5 else "Refund", order, ("Principal", "Tax")[n % 2],
            amount(n), at.date(), at, f"{60000000000000 + n * 999331:015}", 1 + n % 2 if n % 3 else None,
        ))  # fmt: skip

    def write_value(value: object) -> str:
        if isinstance(value, datetime):
            return value.strftime("%d.%m.%Y %H:%M:%S UTC")
        if isinstance(value, date):
            return value.strftime("%d.%m.%Y")
        return str(value).replace(".", ",") if isinstance(value, Decimal) else "" if value is None else str(value)

    text = "\n".join(
        "\t".join(fields) for fields in [[header for header, _ in columns], *(map(write_value, r) for r in rows)]
    )
    return Export("amazon_settlement", f"{id_of_all}.txt", f"{text}\n".encode(), columns, rows)


def stripe_payments() -> Export:
    """Payments of Stripe: ISO moments, lower-case currencies, columns that are always empty."""
    columns = [
        ("id", "text"), ("Created date (UTC)", "timestamp"), ("Amount", "numeric"), ("Amount Refunded", "numeric"),
        ("Currency", "text"), ("Captured", "boolean"), ("Fee", "numeric"), ("Seller Message", "text"),
        ("Card ID", "text"), ("Customer Description", "text"), ("Card Last4", "text"), ("Transfer", "text"),
    ]  # fmt: skip
    rows = [
        (f"ch_3P{n:03}abcDEF{n * 37:05}", moment(n).replace(second=0), abs(amount(n)),
         Decimal("0.00") if n % 6 else Decimal("5.00"), "usd", n % 8 != 0, Decimal(n * 7 + 30) / 100,
         "Payment complete.", f"card_1Q{n:04}", None, f"{(n * 1237) % 10000:04}", None)
        for n in range(ROWS)
    ]  # fmt: skip
    written = [
        (row[0], f"{row[1]:%Y-%m-%d %H:%M}", *(f"{v:.2f}" for v in row[2:4]), row[4], str(row[5]).upper(),
         f"{row[6]:.2f}", *("" if value is None else value for value in row[7:]))
        for row in rows
    ]  # fmt: skip
    text = lines([[header for header, _ in columns], *written])
    return Export("stripe_payments", "unified_payments-17.csv", text.encode(), columns, rows)


EXPORTS = [
    bank_statement(), polish_statement(), sap_list_pipes(), sap_list_tabs(), shopify_orders(), ads_report(),
    datev_bookings(), excel_us(), excel_france(), excel_switzerland(), excel_brazil(), excel_poland(), excel_workbook(),
    registrations(), paypal_activity(), amazon_settlement(), stripe_payments(),
]  # fmt: skip
