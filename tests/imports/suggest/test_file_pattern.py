"""The proposed pattern fits the file, the next ones and copies, never the file of another client; it finds the date."""

from __future__ import annotations

import itertools
import re
from datetime import date

import pytest

from systemscripts.datasets import label_and_date
from systemscripts.datasets.label_and_date import Rule
from systemscripts.dates import calendar_names, date_formats
from systemscripts.imports.suggest.file_pattern import FilePattern, propose_pattern
from systemscripts.imports.suggest.month_names import find_month

pytestmark = pytest.mark.fast

TODAY = date(2026, 11, 29)
# name, a later name, the name of another client, the day that is read from the name
STYLES = [
    ("sales_20261105.csv", "sales_20261231.csv", "stock_20261105.csv", date(2026, 11, 5)),
    ("sales_05112026.csv", "sales_31122026.csv", "sales_eu_05112026.csv", date(2026, 11, 5)),
    ("sales_11302026.csv", "sales_12012026.csv", "sales11302026.csv", date(2026, 11, 30)),
    ("2026.11.05 sales.txt", "2026.12.01 sales.txt", "2026.11.05 sale.txt", date(2026, 11, 5)),
    ("sales 5.11.26.xls", "sales 12.12.26.xls", "sale 5.11.26.xls", date(2026, 11, 5)),
    ("sales 29.11.2026.xls", "sales 1.12.2026.xls", "sals 29.11.2026.xls", date(2026, 11, 29)),
    ("sales 11-29-26.xls", "sales 1-2-27.xls", "sales x 11-29-26.xls", date(2026, 11, 29)),
    ("sales_26-11-29.csv", "sales_26-12-01.csv", "tales_26-11-29.csv", date(2026, 11, 29)),
    ("sales_261129.csv", "sales_261130.csv", "tales_261129.csv", date(2026, 11, 29)),
    ("sales_300926.csv", "sales_011026.csv", "tales_300926.csv", date(2026, 9, 30)),
    ("20261129.csv", "20261130.csv", "x20261129.csv", date(2026, 11, 29)),
    ("sales20261129final.csv", "sales20261130final.csv", "sales20261129.csv", date(2026, 11, 29)),
    ("sales_2026-11-01_2026-11-30.csv", "sales_2026-12-01_2026-12-31.csv", "sales_2026-11-01.csv", date(2026, 11, 1)),
    ("sales-20261101-20261130.csv", "sales-20261201-20261231.csv", "tax-20261101-20261130.csv", date(2026, 11, 1)),
    ("sales_2026-11-01_to_2026-11-30.csv", "sales_2026-12-01_to_2026-12-31.csv", "a_2026-11-01_to_2026-11-30.csv",
     date(2026, 11, 1)),
    ("sales 2026-11.csv", "sales 2027-01.csv", "sales x 2026-11.csv", date(2026, 11, 1)),
    ("sales_9_2026.csv", "sales_12_2026.csv", "tales_9_2026.csv", date(2026, 9, 1)),
    ("112026 sales.csv", "122026 sales.csv", "112026 stock.csv", date(2026, 11, 1)),
    ("Sales Nov 2026.csv", "Sales Dec 2026.csv", "Sales All 2026.csv", date(2026, 11, 1)),
    ("sales_NOV26.csv", "sales_DEC26.csv", "sales_NEW26.csv", date(2026, 11, 1)),
    ("29-Nov-2026 sales.csv", "01-Dec-2026 sales.csv", "29-Nov-2026 stock.csv", date(2026, 11, 29)),
    ("November 29, 2026.csv", "December 1, 2026.csv", "Northern 29, 2026.csv", date(2026, 11, 29)),
    ("Verkäufe 29. November 2026.csv", "Verkäufe 1. Dezember 2026.csv", "Käufe 29. November 2026.csv",
     date(2026, 11, 29)),
    ("2026_noviembre_ventas.csv", "2026_diciembre_ventas.csv", "2026_noviembre_compras.csv", date(2026, 11, 1)),
    ("vendite_settembre_2026.csv", "vendite_ottobre_2026.csv", "vendite_tutte_2026.csv", date(2026, 9, 1)),
    ("vendas_março_2026.csv", "vendas_abril_2026.csv", "vendas_todas_2026.csv", date(2026, 3, 1)),
    ("omzet_maart_2026.csv", "omzet_mei_2026.csv", "omzet_alles_2026.csv", date(2026, 3, 1)),
    ("salg_5. maj 2026.csv", "salg_12. juni 2026.csv", "salg_5. dag 2026.csv", date(2026, 5, 5)),
    ("försäljning_augusti_2026.csv", "försäljning_september_2026.csv", "kund_augusti_2026.csv", date(2026, 8, 1)),
    ("sprzedaż 5 października 2026.csv", "sprzedaż 1 listopada 2026.csv", "zakup 5 października 2026.csv",
     date(2026, 10, 5)),
    ("sales_w48_2026.csv", "sales_w49_2026.csv", "sales_x48_2026.csv", date(2026, 11, 23)),
    ("sales 2026 KW 48.csv", "sales 2026 KW 53.csv", "sales 2026 MW 48.csv", date(2026, 11, 23)),
    ("Week 5 of 2026.csv", "Week 12 of 2026.csv", "Day 5 of 2026.csv", date(2026, 1, 26)),
    ("semaine_48_2026.csv", "semaine_49_2026.csv", "jour_48_2026.csv", date(2026, 11, 23)),
    ("sales_q4_2026.csv", "sales_q1_2027.csv", "sales_x4_2026.csv", date(2026, 10, 1)),
    ("sales 4Q26.csv", "sales 1Q27.csv", "sales 4X26.csv", date(2026, 10, 1)),
    ("Quartal 4 2026.csv", "Quartal 1 2027.csv", "Halbjahr 4 2026.csv", date(2026, 10, 1)),
    ("Monday 2026-11-30 sales.csv", "Tuesday 2026-12-01 sales.csv", "Monthly 2026-11-30 sales.csv",
     date(2026, 11, 30)),
    ("ventes_fevrier_2026.csv", "ventes_aout_2026.csv", "ventes_totales_2026.csv", date(2026, 2, 1)),
    ("Umsatz Maerz 2026.csv", "Umsatz April 2026.csv", "Umsatz Maerzen 2026.csv", date(2026, 3, 1)),
    ("sales_week48.csv", "sales_week49.csv", "sales_weekly.csv", None),
    ("sales_november.csv", "sales_december.csv", "sales_north.csv", None),
    ("FY2026 plan.csv", "FY2027 plan.csv", "CY2026 plan.csv", None),
    ("plan_2025-2026.csv", "plan_2026-2027.csv", "plan.csv", None),
    ("sales_0042.csv", "sales_10000.csv", "sales_x0042.csv", None),
    ("sales #7.csv", "sales #8.csv", "sales 7.csv", None),
    ("sales_20261129_001.csv", "sales_20261130_012.csv", "stock_20261129_001.csv", date(2026, 11, 29)),
    ("20261129_4711_sales.csv", "20261130_4711_sales.csv", "20261130_4712_sales.csv", date(2026, 11, 29)),
    ("sales_20261129_acme2.csv", "sales_20261130_acme2.csv", "sales_20261129_acme3.csv", date(2026, 11, 29)),
    ("sales_20261129_part12.csv", "sales_20261130_part3.csv", "sales_20261129_bart12.csv", date(2026, 11, 29)),
    ("sales_20261129_12.csv", "sales_20261130_100.csv", "stock_20261129_12.csv", date(2026, 11, 29)),
    ("4711_sales_20261129.csv", "4711_sales_20261130.csv", "4712_sales_20261129.csv", date(2026, 11, 29)),
    ("sales_client12_0007.csv", "sales_client12_0008.csv", "sales_client13_0007.csv", None),
    ("b2b_sales_20261129.csv", "b2b_sales_20261130.csv", "b3b_sales_20261129.csv", date(2026, 11, 29)),
    ("sales_20261129T0930.csv", "sales_20261130T2359.csv", "sales_20261129X0930.csv", date(2026, 11, 29)),
    ("sales 2026-11-29 at 09.30.05.csv", "sales 2026-11-30 at 23.59.59.csv", "sales 2026-11-29 09.30.05.csv",
     date(2026, 11, 29)),
    ("sales_20261129093005123.csv", "sales_20261130235959999.csv", "sale_20261129093005123.csv", date(2026, 11, 29)),
    ("sales_1795945805123.csv", "sales_1795945999999.csv", "sale_1795945805123.csv", None),
    ("Kopie von sales_20261129.csv", "sales_20261130.csv", "Kopie von stock_20261129.csv", date(2026, 11, 29)),
    ("sales_20261129 - Copy (2).csv", "sales_20261130.csv", "stock_20261129 - Copy (2).csv", date(2026, 11, 29)),
    ("sales_20261129_v2_final.csv", "sales_20261130_v3.csv", "stock_20261129_v2_final.csv", date(2026, 11, 29)),
    ("sales(copy).xlsx", "sales.xlsx", "salescopy.xlsx", None),
    ("SALES_20261129.XLSX", "SALES_20261130.xlsm", "STOCK_20261129.XLSX", date(2026, 11, 29)),
    ("sales_20261129.zip", "sales_20261130.csv.gz", "sales_20261130.pdf", date(2026, 11, 29)),
    ("sales_20261129", "sales_20261130", "sales_20261130.csv", date(2026, 11, 29)),
    ("sales_20261129.json", "sales_20261130.json.gz", "sales_20261130.csv", date(2026, 11, 29)),
]  # fmt: skip


def read_day(proposed: FilePattern, name: str) -> date | None:
    if not proposed.date_format:
        return None
    assert date_formats.find_fault(proposed.date_format) == ""
    rule = Rule("filename", "date", proposed.date_format, pattern=proposed.pattern)
    return label_and_date.build_identity(None, label_and_date.find_text_in_name(rule, name, "_"), rule).date


@pytest.mark.parametrize(("name", "later", "other", "day"), STYLES, ids=[style[0] for style in STYLES])
def test_a_name_of_each_style_is_known_again_in_the_next_file(
    name: str, later: str, other: str, day: date | None
) -> None:
    proposed = propose_pattern([name], TODAY)
    stem, dot, suffix = name.partition(".csv")
    copies = [f"{stem} (1){dot}{suffix}", f"{stem} - Copy{dot}{suffix}", f"{stem}_v2{dot}{suffix}"] if dot else []
    for fitting in (name, later, *copies, *proposed.examples):
        assert re.fullmatch(proposed.pattern, fitting), (fitting, proposed.pattern)
    assert not re.fullmatch(proposed.pattern, other), proposed.pattern
    assert read_day(proposed, name) == day
    if day:
        assert read_day(proposed, later) > day  # type: ignore[operator]


def test_one_name_has_one_date_and_the_other_is_asked_about() -> None:
    proposed = propose_pattern(["sales_05-11-2026.csv"], TODAY)
    assert proposed.question.startswith("AMBIGUOUS: 05-11-2026 in the name is 2026-11-05 or 2026-05-11?")
    assert propose_pattern(["sales_05-11-2026.csv"], TODAY, is_month_first=True).date_format == "MM-dd-yyyy"
    clear = propose_pattern(["sales_05-11-2026.csv", "sales_11-30-2026.csv"], TODAY)
    assert (clear.date_format, clear.question) == ("MM-dd-yyyy", "")
    assert propose_pattern(["data_set_2026.csv"], TODAY).question.startswith("AMBIGUOUS: is 'set' in the name a month?")


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (["sales_acme_20261105.csv", "sales_globex_20261105.csv"], "sales_initech_20261201.csv"),
        (["acme sales 2026-11.xlsx", "globex sales 2026-10.xlsx"], "initech sales 2026-12.xlsx"),
        (["acme client1 sales.csv", "acme client12 sales.csv"], "acme client3 sales.csv"),
        (["sales_20261105.csv", "sales_20261106 (1).xlsx"], "sales_20261107.csv"),
        (["Sales_1.csv", "sales_12.csv"], "sales_13.csv"),
        (["Sales Mai 2026.csv", "Sales Dezember 2026.csv"], "Sales März 2026.csv"),
        (["sales_20261105.csv", "weekly-report.csv"], "sales_20261106.csv"),
    ],
)
def test_several_names_have_one_pattern_that_fits_all_of_them(names: list[str], later: str) -> None:
    proposed = propose_pattern(names, TODAY)
    assert all(re.fullmatch(proposed.pattern, name) for name in (*names, later)), proposed.pattern
    assert proposed.has_label == ("acme" in names[0])
    assert not re.fullmatch(proposed.pattern, "other sales.csv")


def test_no_name_of_a_month_means_two_months_in_common_languages() -> None:
    words = {word for language in calendar_names.COMMON_LANGUAGES for word in calendar_names.load_months(language)}
    for word in words:
        months = {find_month(word, language) for language in calendar_names.COMMON_LANGUAGES}
        assert len(months - {None}) == 1, word


def test_any_name_fits_its_own_pattern() -> None:
    pieces = ["", "a", "é.", "2026", "[x]", "(1)", "5", "05-11", "W4", "Q5", "mar", "v1", " - ", "_", "%", "20261131"]
    for parts in itertools.product(pieces, repeat=3):
        name = f"n{''.join(parts)}.csv"
        assert re.fullmatch(propose_pattern([name], TODAY).pattern, name), name
