"""The proposed pattern of file names matches today's file and the next one in every style, and no other sender's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from jobscripts.suggest_import import suggest_import
from systemscripts import configuration
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import label_and_date
from systemscripts.ingest.ingest_context import Context

pytestmark = pytest.mark.fast

FIFTH, FIRST, MONDAY = date(2026, 1, 5), date(2026, 1, 1), date(2026, 1, 26)
# day or month may come first: nothing in the name tells
UNKNOWN = "ambiguous"
# (today's name, names of the next files, names of other senders, the date of today's file)
STYLES = [
    ("orders_20260105.csv", ["orders_20260106.csv"], ["invoices_20260105.csv", "old_orders_20260105.csv"], FIFTH),
    ("orders-2026-01-05.csv", ["orders-2026-02-28.csv"], ["invoices-2026-01-05.csv"], FIFTH),
    ("Orders 05.01.2026.xlsx", ["Orders 31.12.2026.xlsx"], ["Invoices 05.01.2026.xlsx"], FIFTH),
    ("report_13-01-2026.csv", ["report_01-02-2026.csv"], ["summary_13-01-2026.csv"], date(2026, 1, 13)),
    ("report_01-13-2026.csv", ["report_12-31-2026.csv"], ["summary_01-13-2026.csv"], date(2026, 1, 13)),
    ("report_05-01-2026.csv", ["report_12-11-2026.csv"], ["summary_05-01-2026.csv"], UNKNOWN),
    ("orders_13012026.csv", ["orders_14012026.csv"], ["invoices_13012026.csv"], date(2026, 1, 13)),
    ("orders_260105.csv", ["orders_260106.csv"], ["invoices_260105.csv"], FIFTH),
    ("daily 2026.01.05.csv", ["daily 2026.01.06.csv"], ["hourly 2026.01.05.csv"], FIFTH),
    ("sales_2026_01.csv", ["sales_2026_02.csv", "sales_2026_12.csv"], ["costs_2026_01.csv"], FIRST),
    ("sales_202601.csv", ["sales_202602.csv"], ["costs_202601.csv"], FIRST),
    ("sales_01-2026.csv", ["sales_12-2026.csv"], ["costs_01-2026.csv"], FIRST),
    ("sales-jan-2026.csv", ["sales-feb-2026.csv", "sales-sep-2026.csv"], ["costs-jan-2026.csv"], FIRST),
    ("Sales January 2026.xlsx", ["Sales May 2026.xlsx", "Sales September 2026.xlsx"], ["Costs May 2026.xlsx"], FIRST),
    ("Umsatz Januar 2026.xlsx", ["Umsatz März 2026.xlsx"], ["Kosten Januar 2026.xlsx"], FIRST),
    ("Umsatz_Mai_2026.xlsx", ["Umsatz_Dezember_2026.xlsx"], ["Kosten_Mai_2026.xlsx"], date(2026, 5, 1)),
    ("ventes_janvier_2026.csv", ["ventes_février_2026.csv"], ["achats_janvier_2026.csv"], FIRST),
    ("ventas_enero_2026.csv", ["ventas_febrero_2026.csv"], ["compras_enero_2026.csv"], FIRST),
    ("sprzedaż_styczeń_2026.csv", ["sprzedaż_luty_2026.csv"], ["zakupy_styczeń_2026.csv"], FIRST),
    ("Salg_oktober_2026.xlsx", ["Salg_november_2026.xlsx"], ["Indkøb_oktober_2026.xlsx"], date(2026, 10, 1)),
    ("05Jan2026_positions.csv", ["06Feb2026_positions.csv"], ["05Jan2026_trades.csv"], FIFTH),
    ("positions 5 Jan 2026.csv", ["positions 12 Jan 2026.csv"], ["trades 5 Jan 2026.csv"], FIFTH),
    ("stock_2026-W05.csv", ["stock_2026-W06.csv", "stock_2026-W52.csv"], ["sales_2026-W05.csv"], MONDAY),
    ("KW05_2026_Lager.csv", ["KW06_2026_Lager.csv"], ["KW05_2026_Verkauf.csv"], MONDAY),
    ("week05_2026.csv", ["week06_2026.csv"], ["hotel05_2026.csv"], MONDAY),
    ("results_2026Q1.xlsx", ["results_2026Q2.xlsx"], ["plans_2026Q1.xlsx"], FIRST),
    ("results_Q1_2026.xlsx", ["results_Q4_2026.xlsx"], ["plans_Q1_2026.xlsx"], FIRST),
    ("budget_2026.xlsx", ["budget_2027.xlsx"], ["actuals_2026.xlsx"], None),
    ("batch_17.csv", ["batch_18.csv", "batch_100.csv"], ["lot_17.csv"], None),
    ("batch_99.csv", ["batch_100.csv"], ["lot_99.csv"], None),
    ("invoice-000123.csv", ["invoice-000124.csv"], ["credit-000123.csv"], None),
    ("export (1).csv", ["export (2).csv", "export.csv"], ["import (1).csv"], None),
    ("export - Copy.csv", ["export.csv", "export - Copy (2).csv"], ["import - Copy.csv"], None),
    ("Kundenliste - Kopie.xlsx", ["Kundenliste.xlsx"], ["Artikelliste - Kopie.xlsx"], None),
    ("prices_v1.xlsx", ["prices_v2.xlsx", "prices_v10.xlsx"], ["costs_v1.xlsx"], None),
    ("prices_v1.2.xlsx", ["prices_v1.3.xlsx"], ["costs_v1.2.xlsx"], None),
    ("prices final v3.xlsx", ["prices final v4.xlsx"], ["costs final v3.xlsx"], None),
    ("orders_20260105T143000.csv", ["orders_20260106T020005.csv"], ["invoices_20260105T143000.csv"], FIFTH),
    ("orders_20260105_143000.csv", ["orders_20260106_020005.csv"], ["invoices_20260105_143000.csv"], FIFTH),
    ("orders_20260105143000.csv", ["orders_20260106020005.csv"], ["invoices_20260105143000.csv"], FIFTH),
    ("orders_2026-01-05T14-30-00Z.csv", ["orders_2026-01-06T02-00-05Z.csv"], ["items_2026-01-05T14-30-00Z.csv"], FIFTH),
    ("orders_1767571200.csv", ["orders_1767657600.csv"], ["invoices_1767571200.csv"], None),
    ("2026-01-05_acme_orders.csv", ["2026-01-06_acme_orders.csv"], ["2026-01-05_globex_orders.csv"], FIFTH),
    ("acme.orders.20260105.csv", ["acme.orders.20260106.csv"], ["globex.orders.20260105.csv"], FIFTH),
    ("acme20260105.csv", ["acme20260106.csv"], ["globex20260105.csv"], FIFTH),
    ("ACME_ORDERS_20260105.CSV", ["ACME_ORDERS_20260106.CSV"], ["GLOBEX_ORDERS_20260105.CSV"], FIFTH),
    ("orders_20260105.csv.gz", ["orders_20260106.csv.gz"], ["invoices_20260105.csv.gz"], FIFTH),
    ("orders_20260105 (1).xlsx", ["orders_20260106.xlsx"], ["invoices_20260105 (1).xlsx"], FIFTH),
    ("export_8f14e45f-ceea-467f-a01d-2f3b2e5f0c11.csv", ["export_0cc175b9-c0f1-41a6-8313-e1a2b3c4d5e6.csv"],
     ["import_8f14e45f-ceea-467f-a01d-2f3b2e5f0c11.csv"], None),
    ("members_export_8f14e45fce.csv", ["members_export_a1b23cd4e5.csv"], ["unsubscribed_export_8f14e45fce.csv"], None),
    ("decade2026.csv", ["decade2027.csv"], ["facade2026.csv"], None),
    ("EXTF_Buchungsstapel_20260105_120000.csv", ["EXTF_Buchungsstapel_20260106_120000.csv"],
     ["EXTF_Debitoren_20260105_120000.csv"], FIFTH),
    ("clients.csv", ["clients.csv"], ["my_clients.csv", "clientsXcsv"], None),
]  # fmt: skip


def propose(path: Path) -> tuple[ImportConfig, str]:
    path.write_text("id,name\n" + "".join(f"{n},name {n}\n" for n in range(1, 30)))
    output = path.parent / "proposal.yaml"
    suggest_import.function(files=[path], name="files", output=output)
    document = configuration.read_document(output)
    return configuration.validate_document(document, ImportConfig, config_name="files"), output.read_text()


def read_date(config: ImportConfig, name: str) -> date | None:
    """The date that a load reads from a file name."""
    rule = Context(None, config, None, "").date_rule
    text = label_and_date.find_text_in_name(rule, name, config.delimiter)
    return label_and_date.build_identity(None, text, rule).date if text is not None else None


@pytest.mark.parametrize(("name", "following", "others", "day"), STYLES, ids=[style[0] for style in STYLES])
def test_the_pattern_matches_the_next_file_of_the_same_sender_alone(
    tmp_path: Path, name: str, following: list[str], others: list[str], day: date | str | None
) -> None:
    config, text = propose(tmp_path / name)
    pattern = compile_pattern(config.file_pattern)
    assert [other for other in (name, *following) if not pattern.fullmatch(other)] == [], config.file_pattern
    assert [other for other in others if pattern.fullmatch(other)] == [], config.file_pattern
    if day == UNKNOWN:
        assert "ambiguous" in text.lower()
        return
    assert read_date(config, name) == day
    if day is not None:
        dates = [read_date(config, other) for other in following]
        assert None not in dates
        assert len({day, *dates}) == 1 + len(following)
