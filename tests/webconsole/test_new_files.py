"""Add a file in the browser: it is read, shown, corrected, tried and loaded, without YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, Console
from tests.webconsole.console_pages import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CLEAN = "order_id,ordered_at,amount,who\n" + "".join(
    f"{number},2026-01-{number % 28 + 1:02d},{number}.50,Ann {number}\n" for number in range(1, 41)
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def operator(browser: Browser, console: Console) -> Iterator[Person]:
    with console_pages.open_person(browser, console) as person:
        person.sign_in("anna")
        yield person


def choose_file(person: Person, name: str, content: str | bytes, **more: Any) -> None:
    data = content.encode() if isinstance(content, str) else content
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    person.page.locator("input[type=file]").set_input_files(files=file)  # type: ignore[arg-type]


def test_a_clean_file_is_added_and_loaded_in_three_clicks(operator: Person) -> None:
    page, clicks = operator.page, 0
    operator.link("Add a file")
    clicks += 1
    choose_file(operator, "orders_20260105.csv", CLEAN)
    clicks += 1
    page.get_by_role("button", name="Save and load").click()
    clicks += 1
    page.get_by_text("40 rows loaded").wait_for()
    assert clicks <= 8
    assert "orders_20260106.csv" in operator.text()
    rows = operator.console.installation.sql("select order_id, ordered_at::text, amount from public.orders order by 1")
    assert len(rows) == 40 and str(rows[0][2]) == "1.50" and rows[0][1] == "2026-01-02"


def hold_renamed(console: Console, name: str) -> int:
    """A held file of an import: its column amount is called Betrag."""
    console.load(name, f"{name}_1.csv", CLEAN, **ORDERS)
    console.load(name, f"{name}_2.csv", CLEAN.replace("amount", "Betrag").replace(".50", ".75"))
    return console.dataset(name, "held")


def test_a_renamed_column_is_reviewed_and_accepted_in_two_clicks(operator: Person) -> None:
    page, console = operator.page, operator.console
    dataset_id = hold_renamed(console, "renamed")
    operator.go(f"/console/review/dataset/{dataset_id}")
    text = operator.text()
    assert "amount" in text and "Betrag" in text and "% sure" in text
    assert not operator.faults() and not operator.sticks_out()
    page.get_by_role("button", name="Accept as renamed").click()
    page.get_by_text("accepted and loaded as dataset").first.wait_for()
    amounts = console.installation.sql("select distinct right(amount::text, 3) from public.renamed_current")
    assert amounts == [(".75",)]
    decided = console.installation.sql(
        "select distinct decided_by from dba.tfinding where dataset_id = %s and decision is not null", (dataset_id,)
    )
    assert decided == [("anna",)]


def test_a_held_file_brings_new_columns_with_types(operator: Person) -> None:
    page, console = operator.page, operator.console
    dataset_id = hold_renamed(console, "widened")
    operator.go(f"/console/review/dataset/{dataset_id}")
    page.get_by_role("button", name="Add as new columns").click()
    page.get_by_text("New in the schema").wait_for()
    assert page.get_by_label("Type of betrag").input_value() == "numeric"
    assert page.get_by_label("Type of order_id").input_value() == "integer"
    page.get_by_label("Type of who").select_option("integer")
    page.get_by_text("is not a whole number").first.wait_for()
    page.get_by_label("Type of who").select_option("text")
    page.get_by_role("button", name="Save and load").click()
    page.get_by_text("accepted and loaded as dataset").first.wait_for()
    assert console.installation.sql("select distinct amount, pg_typeof(betrag)::text from public.widened_current") == [
        (None, "numeric")
    ]
    version = (
        "select changed_by, source from dba.tconfighistory where config_name = 'widened' and content::text ~ 'betrag'"
    )
    assert console.installation.sql(version)[0] == ("anna", "row")
