"""A person at the console: a browser that records every error of a page and every request to another host."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browser import CHROMIUM
from tests.webconsole.conftest import PASSWORDS, Console

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"desktop": (1280, 860), "phone": (390, 844)}
ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run")


@contextlib.contextmanager
def start_browser() -> Iterator[Browser]:
    """Chromium without a window; skips where there is none, unless services are required."""
    if not CHROMIUM.exists() and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Person:
    """A person with a browser at the console."""

    console: Console
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[int, ...] = ()  # statuses that the page is meant to answer with

    def listen(self) -> None:
        host = urlsplit(self.console.url).netloc
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
        self.page.on("console", self._note)
        self.page.on(
            "request",
            lambda request: (
                urlsplit(request.url).netloc == host
                or request.url.startswith(("data:", "blob:"))
                or self.complaints.append(f"request to {request.url}")
            ),
        )

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            meant = any(f"status of {status}" in message.text for status in self.expected)
            if not meant:
                self.complaints.append(f"console: {message.text}")

    def go(self, path: str) -> None:
        self.page.goto(self.console.url + path)

    def sign_in(self, name: str, password: str = "") -> None:
        self.go("/console/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password or PASSWORDS[name])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def confirm(self, label: str, button: str) -> None:
        """Open a button that asks first, and press what it asks for."""
        self.page.locator("summary", has_text=label).first.click()
        self.page.get_by_role("button", name=button).click()

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def link(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def faults(self) -> list[str]:
        """Serious accessibility faults of the page (axe-core)."""
        self.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
        violations = self.page.evaluate("axe.run()")["violations"]
        return [
            f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for violation in violations
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def sticks_out(self) -> bool:
        """Whether the page scrolls sideways, or a text leaves its box."""
        is_wide: bool = self.page.evaluate(
            """document.documentElement.scrollWidth > innerWidth + 1 ||
            [...document.querySelectorAll('table.cards td, .facts > div, dd')]
              .some(box => box.scrollWidth > box.clientWidth + 1)"""
        )
        return is_wide


@contextlib.contextmanager
def open_person(
    browser: Browser, console: Console, width: str = "desktop", scheme: str = "light", **more: Any
) -> Iterator[Person]:
    """Open a browser for one person; fail at the end if a page had errors."""
    size = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, has_touch=width == "phone",
        is_mobile=width == "phone", timezone_id=more.pop("zone", "Europe/Berlin"), locale="en-GB", **more,
    )  # type: ignore[arg-type]  # fmt: skip
    context.set_default_timeout(45_000)
    someone = Person(console, context.new_page())
    someone.listen()
    try:
        yield someone
        assert not someone.complaints, someone.complaints
    finally:
        context.close()
