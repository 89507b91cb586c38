"""Totals, repeated headers and notes are found with a rule that skips them, and no record of this file or the next."""

from __future__ import annotations

import csv
import io

import pytest

from systemscripts.imports.suggest.report_rows import Rule, SkipProposal
from systemscripts.imports.suggest.skip_proposals import propose_rules
from systemscripts.imports.values import skip_rows

pytestmark = pytest.mark.fast

RECORDS = "".join(f"{n},R{n % 3},2026-01-{n % 28 + 1:02},{n * 1.5:.2f}\n" for n in range(1, 21))
HEADER = "id,region,day,amount\n"


def read(text: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(text))
    return header, [list(column) for column in zip(*rows, strict=True)]


def propose(text: str, at_end: bool = True) -> list[SkipProposal]:
    header, columns = read(text)
    return propose_rules(header, header, columns, range(2, len(columns[0]) + 2), at_end)


def find_skipped(rules: list[Rule], text: str) -> list[str]:
    """The first filled cell of each row of a file that the rules skip."""
    header, columns = read(text)
    rows = skip_rows.find_rows_to_skip(columns, skip_rows.compile_rules(rules, header))
    return [next((column[row] for column in columns if column[row]), "") for row in sorted(rows)]


@pytest.mark.parametrize(
    ("end", "skipped"),
    [
        ("Total,,,315.00\n", ["Total"]),
        ("TOTAL:,,,315.00\n", ["TOTAL:"]),
        (",Grand total,,315.00\n", ["Grand total"]),
        ("Summe,,,315.00\n", ["Summe"]),
        ("Sous-total,,,315.00\nTotal général,,,315.00\n", ["Sous-total", "Total général"]),
        ("Totale complessivo,,,315.00\n", ["Totale complessivo"]),
        ("Razem,,,315.00\n", ["Razem"]),
        ("I alt,,,315.00\n", ["I alt"]),
        ("*,,,315.00\n", ["*"]),
        (",,,315.00\n", ["315.00"]),
        ("Total,,,\n", ["Total"]),
        ("Total (20 rows),,,315.00\n", ["Total (20 rows)"]),
        ("Total,,,315.00\nPrepared by Bob,,,\n", ["Total", "Prepared by Bob"]),
        ("Prepared by Bob,,,\n", ["Prepared by Bob"]),
        (",,,\nTotal,,,315.00\n", ["", "Total"]),
        ("---,---,---,---\nTotal,,,315.00\n", ["---", "Total"]),
        ("Total,,,315.00\nAverage,,,15.75\n", ["Total", "Average"]),
        ("id,region,day,amount\n21,R1,2026-01-05,1\n", ["id"]),
        # records
        ("Total,R1,2026-01-05,7.00\n", []),
        (",,,7.00\n", []),
        (",R1,2026-01-05,315.00\n", []),
        ("21,,,\n", []),
    ],
)
def test_the_last_rows_are_skipped_where_they_are_not_records(end: str, skipped: list[str]) -> None:
    proposals = propose(HEADER + RECORDS + end)
    assert find_skipped([proposal.rule for proposal in proposals], HEADER + RECORDS + end) == skipped
    # the same words in rows that are filled are records of the next file
    later = "".join(f"{word.split()[0] if word else 'x'},R1,2026-02-05,9.00\n" for word in [*skipped, "Total", "Summe"])
    assert find_skipped([proposal.rule for proposal in proposals], HEADER + RECORDS + later) == []


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("region,product,amount\nN,A,1\nN,B,2\nTotal N,,3\nS,A,4\nS,B,5\nTotal S,,9\nGrand total,,12\n",
         "region,product,amount\nW,A,1\nTotal W,,1\nTotalEnergies,A,5\nTotal Gas,B,5\nGrand total,,11\n"),
        ("region,product,amount\nN,A,1\nN,B,2\nN Total,,3\nS,A,4\nS,B,5\nS Total,,9\nGrand Total,,12\n",
         "region,product,amount\nW,A,1\nW Total,,1\nGas Total,A,5\nEnergies,B,5\nGrand Total,,11\n"),
        ("region,product,amount\nN,A,1\nN,B,2\n,Zwischensumme,3\nS,A,4\nS,B,5\n,Zwischensumme,9\n,Gesamtsumme,12\n",
         "region,product,amount\nW,A,1\n,Zwischensumme,1\nS,Zwischensumme,5\nE,B,5\n,Gesamtsumme,11\n"),
    ],
)  # fmt: skip
def test_subtotals_of_other_names_are_skipped_next_time_and_clients_called_total_are_not(text: str, later: str) -> None:
    rules = [proposal.rule for proposal in propose(text)]
    assert len(find_skipped(rules, text)) == 3
    header, columns = read(later)
    kept = set(range(5)) - skip_rows.find_rows_to_skip(columns, skip_rows.compile_rules(rules, header))
    assert kept == {0, 2, 3}


@pytest.mark.parametrize(
    "amounts",
    [
        ["1,234.50", "(2.50)", "1.00", "1,233.00"],
        ["1.234,50 €", "-2,50 €", "1,00 €", "1.233,00 €"],
        ["$1,234.50", "$(2.50)", "$1.00", "$1,233.00"],
        ["1 234,50", "2,50-", "1,00", "1 233,00"],
        ["CHF 1'234.50", "CHF -2.50", "CHF 1.00", "CHF 1'233.00"],
        ["12,34,567.50", "-0.50", "1", "12,34,568.00"],
    ],
)
def test_sums_are_seen_in_every_spelling_of_amounts(amounts: list[str]) -> None:
    stream = io.StringIO()
    names = ["Shell", "BP", "Eni", "Total"]
    csv.writer(stream).writerows([["company", "amount"], *zip(names, amounts, strict=True)])
    (proposal,) = propose(stream.getvalue())
    assert proposal.rule == {"company": ["Total"]}
    assert proposal.reason.startswith("the sum of amount, row 5: Total | ")


def test_a_last_row_that_is_no_sum_is_a_question() -> None:
    (proposal,) = propose(HEADER + RECORDS + "Total,,,99.00\n")
    assert (proposal.rule["id"], proposal.is_sure) == (["Total"], False)
    assert proposal.reason.startswith("called a total, but its amounts are not a sum, row 22: Total | 99.00")


@pytest.mark.parametrize("parts", [("total", "male", "female"), ("male", "female", "total")])
def test_a_category_called_total_is_data(parts: tuple[str, ...]) -> None:
    amounts = {"total": 30, "male": 10, "female": 20}
    rows = [f"{region},{part},{amounts[part]}\n" for region in ("N", "S", "W") for part in parts]
    assert propose("region,sex,people\n" + "".join(rows)) == []


def test_a_company_called_total_is_a_record() -> None:
    assert propose("company,country,amount\nShell,NL,10\nTotal,FR,20\nTotal Gas,FR,5\nBP,UK,30\n") == []


def test_a_rule_needs_the_columns_that_it_names() -> None:
    with pytest.raises(Exception, match="there is no column 'other', which reading"):
        skip_rows.compile_rules([{"id": ["Total"], "other": [""]}], ["id"])
