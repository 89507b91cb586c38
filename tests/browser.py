"""Pages as people see them: Chromium, at the width of a desk and of a phone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
# the phone is the narrowest that is common
WIDTHS = {"desktop": 1280, "phone": 360}

# What is cut or sticks out: elements wider than the window, and texts that their box does not show whole.
_CUT = """() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push('the page scrolls sideways');
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > width + 1 || box.left < -1)) found.push('outside: ' + element.outerHTML.slice(0, 80));
    const style = getComputedStyle(element);
    const hides = style.overflow !== 'visible' || style.textOverflow === 'ellipsis';
    if (hides && element.scrollWidth > element.clientWidth + 1) found.push('cut: ' + element.outerHTML.slice(0, 80));
  }
  return found;
}"""
# Columns of tables in which every cell says the same.
_SAME = """() => {
  const found = [];
  for (const table of document.querySelectorAll('table')) {
    const rows = [...table.rows].filter(row => row.cells.length > 1 && row.querySelector('td'));
    if (rows.length < 3) continue;
    for (let i = 0; i < rows[0].cells.length; i++) {
      const texts = new Set(rows.map(row => (row.cells[i]?.innerText || '').trim()));
      if (texts.size === 1) found.push('column ' + i + ': ' + [...texts][0]);
    }
  }
  return found;
}"""


@contextlib.contextmanager
def open_page(width: int) -> Iterator[Page]:
    """An empty page in a window of this width; skips where there is no Chromium, unless services are required."""
    if not CHROMIUM.exists() and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        try:
            yield browser.new_page(viewport={"width": width, "height": 900})
        finally:
            browser.close()


def find_cut_elements(shown: Page) -> list[str]:
    """Everything on the page that is cut short or sticks out of the window."""
    places: Any = shown.evaluate(_CUT)
    return list(places)


def find_columns_of_one_value(shown: Page) -> list[str]:
    """Columns of tables that say the same in every row."""
    places: Any = shown.evaluate(_SAME)
    return list(places)


def find_top(shown: Page, selector: str) -> float:
    """How far down the first element of a selector begins."""
    box = shown.locator(selector).first.bounding_box()
    assert box is not None, f"{selector} is not to be seen"
    return box["y"]
