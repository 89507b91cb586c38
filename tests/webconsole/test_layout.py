"""Pages at the widths of a phone, a tablet, a desk and a wide screen, also from right to left."""

from __future__ import annotations

import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, Console

WIDTHS = (360, 768, 1280, 1920)
PATHS = (
    "/console/", "/console/runs", "/console/tables", "/console/tables/public.orders", "/console/reports",
    "/console/reports/weekly_summary", "/console/users", "/console/groups/default", "/console/account",
    "/console/configurations", "/console/datasets",
)  # fmt: skip
_STICKS_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width + 1) return [];
  return [...document.querySelectorAll('main *')].filter(box => {
    const place = box.getBoundingClientRect();
    return (place.right > width + 1 || place.left < -1) && !box.closest('.scroll, pre, nav, .hidden');
  }).slice(0, 5).map(box => box.outerHTML.slice(0, 120)).concat(['the page scrolls sideways']);
}"""


@pytest.fixture(scope="module")
def orders(console: Console) -> Console:
    console.load("orders", "orders_1.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.5\n2,x,2\n", **ORDERS)
    return console


def test_no_page_sticks_out_at_any_width_in_either_direction(orders: Console) -> None:
    faults = []
    with console_pages.start_browser() as browser, console_pages.open_person(browser, orders) as who:
        who.sign_in("anna")
        for path in PATHS:
            who.go(path)
            for direction in ("ltr", "rtl"):
                who.page.evaluate("direction => { document.documentElement.dir = direction }", direction)
                for width in WIDTHS:
                    who.page.set_viewport_size({"width": width, "height": 900})
                    faults += [(path, direction, width, fault) for fault in who.page.evaluate(_STICKS_OUT)]
        who.page.set_viewport_size({"width": 1280, "height": 900})
        box = who.page.locator(".side").bounding_box()
        # the menu moves to the other side
        assert box is not None and box["x"] > 640
    assert not faults
