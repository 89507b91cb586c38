"""The main paths of both roles in Firefox."""

from __future__ import annotations

from pathlib import Path

from tests.webconsole.conftest import ORDERS, PASSWORDS, Console
from tests.webconsole.firefox import Firefox, start_firefox


def sign_in(browser: Firefox, console: Console, name: str) -> None:
    browser.go(f"{console.url}/console/sign-in")
    browser.fill("user_name", name)
    browser.fill("password", PASSWORDS[name])
    browser.click("Sign in")
    assert "Sign out" in browser.text()


def test_analyst_and_operator_find_their_way_in_firefox(console: Console, tmp_path: Path) -> None:
    console.load("orders", "orders_1.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.5\n2,x,2\n", **ORDERS)
    with start_firefox(tmp_path) as browser:
        sign_in(browser, console, "ben")
        for page, says in (("Lists", "Lists"), ("Tables", "orders"), ("Reports", "Weekly summary")):
            browser.click(page)
            assert says in browser.text()
        browser.click("Weekly summary")
        browser.wait_for("document.querySelector('table.data')")
        browser.go(f"{console.url}/console/tables/public.orders")
        assert "2026-01-05" in browser.text()
        browser.click("Sign out")
        sign_in(browser, console, "anna")
        for page in ("Runs", "Datasets", "Rejects", "Schedules", "Configurations", "Users", "Log"):
            browser.click(page)
            assert browser.run("document.querySelector('[aria-current=page]').innerText") == page
            assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1")
        assert not browser.errors
