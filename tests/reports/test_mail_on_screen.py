"""The MeetMax mail as a browser shows it, at the width of a desk and of a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browser
from tests.reports.conftest import MeetMax, part

LONG_NAME = "The Extraordinarily Long Named Holding Company of Northern and Southern Lands, Public Limited Company"
FIRST = "Company Name,Ticker,Cap,Note\nAlpha,A,1,x\nBeta,B,2,y\nGamma,,3,z\n"
LONG_WORD = "verylongword" * 12
SECOND = f'Company,Company Ticker,Cap,Note\nAlpha,A,1,{LONG_WORD}\nBeta & Sons,B,5,y\n"{LONG_NAME}",LNG,4,q\n'


@pytest.fixture
def mail(meetmax: MeetMax, tmp_path: Path) -> Path:
    """The HTML part of a mail that was really sent, with everything in it that such a mail can have."""
    there = {f"e{event}": f"1,False,1,200,Conference number {event} on Growth" for event in range(70001, 70006)}
    meetmax.load("20260302", dict.fromkeys(range(70001, 70005), FIRST))
    meetmax.check("20260302", **there)
    meetmax.send()
    meetmax.load("20260309", {70001: SECOND, 70002: "Company Name,Ticker\n", 70005: FIRST})
    meetmax.installation.drop("20260309T060000_MeetMax_70004.xls", b"\x00\x01 no workbook")
    meetmax.installation.run("generic_import", "meetmax_events")
    meetmax.check("20260309", **there | {"e70003": "0,True,0,200,", "e70004": ",,,TimeoutError,"})
    message = meetmax.send()
    assert message is not None
    path = tmp_path / "mail.html"
    path.write_text(part(message, "html"))
    return path


@pytest.mark.parametrize("device", browser.WIDTHS)
def test_the_mail_on_screen(mail: Path, tmp_path: Path, device: str) -> None:
    with browser.open_page(browser.WIDTHS[device]) as shown:
        shown.goto(mail.as_uri())
        assert browser.find_cut_elements(shown) == []
        assert browser.find_columns_of_one_value(shown) == []
        places = [browser.find_top(shown, name) for name in (".problems", ".numbers", ".gone", ".event", ".new")]
        assert places == sorted(places), "problems, numbers, gone, changed, new"
        assert shown.locator("img").count() == 0  # readable without images
        problems = shown.locator(".problems").inner_text()
        assert "event 70004" in problems
        assert "TimeoutError" in problems
        event = shown.locator("#event-70001").inner_text()
        assert LONG_NAME in event
        assert "LNG" in event
        assert "Cap: 2 → 5" in event
        assert LONG_WORD in event.replace("\n", "")
        assert float(shown.locator("#event-70001").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 13
        picture = tmp_path / f"{device}.png"
        shown.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
