"""Add a file in the browser: it is read, shown, corrected, tried and loaded, without YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import Console
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
