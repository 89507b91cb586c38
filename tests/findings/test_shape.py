"""The columns of a file against the configuration and the last good file: missing, renamed, new, moved, respelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from systemscripts.configuration import ImportConfig
from systemscripts.findings.finding import Finding
from systemscripts.findings.known_shape import LastFile
from systemscripts.findings.shape import FileShape, judge_columns

SCHEMA = {"customer_id": "integer", "name": "text", "amount": "numeric", "city": "text"}
VALUES = {
    "customer_id": [str(1000 + number) for number in range(40)],
    "name": [f"Name {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
    "amount": [f"{number}.50" for number in range(10, 50)],
    "city": ["Bonn", "Ulm", "Köln", "Trier"],
}
LAST = LastFile(7, {name: name for name in VALUES}, {name: index for index, name in enumerate(VALUES)})


def judge(named: dict[str, str], last: LastFile | None = LAST, **config: Any) -> list[Finding]:
    """Judge a file; `named`: header -> the column whose values it has."""
    from systemscripts.tables.column_names import make_column_names

    headers = list(named)
    names = make_column_names(headers)
    values = dict(zip(names, named.values(), strict=True))
    options = {"schema": SCHEMA, "key_columns": ["customer_id"], **config}
    made = ImportConfig(config_name="orders", file_pattern="x", target_table="public.orders", **options)
    shape = FileShape(names, headers, lambda name: VALUES.get(values[name], []))
    return judge_columns(made, shape, last, lambda name: VALUES[name])


def severities(findings: list[Finding]) -> set[tuple[str, str, str | None]]:
    return {(finding.rule, finding.severity, finding.column) for finding in findings}


SAME = {name: name for name in VALUES}


def replace_header(old: str, new: str) -> dict[str, str]:
    return {new if name == old else name: name for name in VALUES}


def test_the_same_columns_are_no_finding() -> None:
    assert judge(SAME) == []
    assert judge(SAME, last=None) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("amount", "Amount EUR"),
        ("amount", "Betrag"),
        ("customer_id", "Cust. No."),
        ("city", "Ort"),
        ("name", "Full Name"),
    ],
)
def test_a_renamed_declared_column_holds_with_the_right_proposal(old: str, new: str) -> None:
    (finding,) = judge(replace_header(old, new))
    assert (finding.rule, finding.severity, finding.column) == ("column_renamed", "hold", old)
    assert finding.detail["renamed_to"] == new
    assert VALUES[old][0] in finding.text


def test_a_missing_declared_column_holds_and_a_missing_key_refuses() -> None:
    without = {name: name for name in VALUES if name != "city"}
    assert severities(judge(without)) == {("column_missing", "hold", "city")}
    assert severities(judge(without, last=None)) == {("column_missing", "hold", "city")}
    assert severities(judge(without, importstrategyid=3)) == {("column_missing", "refuse", "city")}
    keyless = {name: name for name in VALUES if name != "customer_id"}
    assert severities(judge(keyless)) == {("column_missing", "refuse", "customer_id")}


def test_what_the_last_good_file_lacked_too_is_no_news() -> None:
    last = LastFile(7, {name: name for name in VALUES if name != "city"}, {})
    assert judge({name: name for name in VALUES if name != "city"}, last=last) == []


def test_two_new_columns_alike_are_no_proposal() -> None:
    named = {"customer_id": "customer_id", "name": "name", "city": "city", "value_1": "amount", "value_2": "amount"}
    findings = judge(named)
    assert ("column_missing", "hold", "amount") in severities(findings)
    assert "column_renamed" not in {finding.rule for finding in findings}


def test_undeclared_columns_come_and_go_freely() -> None:
    config: dict[str, Any] = {"schema": {}, "key_columns": []}
    findings = judge({"customer_id": "customer_id", "remark": ""}, **config)
    assert {finding.severity for finding in findings} == {"inform"}


@pytest.mark.parametrize(("policy", "severity"), [("warn", "warn"), ("refuse", "refuse"), ("take", "inform")])
def test_a_policy_of_the_configuration_decides(policy: str, severity: str) -> None:
    without = {name: name for name in VALUES if name != "city"}
    assert severities(judge(without, columns={"missing": policy})) == {("column_missing", severity, "city")}
    new = judge({**SAME, "remark": ""}, columns={"new": policy})
    assert severities(new) == {("column_new", severity, None)}


def orders() -> Iterator[dict[str, str]]:
    yield dict(reversed(SAME.items()))
    yield {name.upper(): name for name in VALUES}
    yield {f" {name.replace('_', ' ')} ": name for name in VALUES}


@pytest.mark.parametrize("named", list(orders()))
def test_another_order_or_spelling_is_only_information(named: dict[str, str]) -> None:
    assert {finding.severity for finding in judge(named)} <= {"inform"}
