"""Distinguish the page of an event from pages that a site shows for all addresses: maintenance, login, captcha.

The phrases are searched for in the title and the headings, and in the whole text of a short page. A banner on a long
page does not count, and a page that offers its list is not checked (see `pages.read_page`).
"""

from __future__ import annotations

import hashlib
import re

from parsel import Selector

UNEXPECTED_PAGE, OTHER_ADDRESS, LOGIN_PAGE = "UnexpectedPage", "OtherAddress", "LoginPage"
MAINTENANCE_PAGE, CAPTCHA_PAGE, SAME_PAGE = "MaintenancePage", "CaptchaPage", "SamePage"
HINT = "Check the site in a browser. The results of this scan were discarded; the next run retries."
EXPLANATIONS = {
    UNEXPECTED_PAGE: "MeetMax answers with pages of another layout",
    OTHER_ADDRESS: "MeetMax redirects to pages that do not belong to the event",
    LOGIN_PAGE: "MeetMax answers with a login page",
    MAINTENANCE_PAGE: "MeetMax answers with a maintenance page",
    CAPTCHA_PAGE: "MeetMax answers with a captcha",
    SAME_PAGE: "MeetMax answers with the same page for many events",
}
# A notice has a few sentences. The page of an event, with its agenda or speakers, is longer.
MAX_NOTICE_LETTERS = 1500

# Phrases, not words: an event may be called "Aircraft Maintenance Summit", and may ask to "check back later".
MAINTENANCE = re.compile(
    r"""^(site\ |system\ )?maintenance$
    | \b(under|undergoing|performing|scheduled|planned|routine|emergency|system|site|server|(down|closed|offline)\ for)
      \ (\w+\ ){0,3}maintenance\b
    | \bmaintenance\ (mode|page|notice|work|in\ progress|is\ (under\ ?way|in\ progress))\b
    | \b(we|will|we['\u2019]ll|we\ (shall|will))\ be\ (right\ )?back\b
    | (?<!check\ )(?<!come\ )\bback\ (soon|shortly)\b
    | \btemporarily\ (unavailable|offline|closed|down|out\ of\ (service|order))\b
    | \b(site|system|service|server|meetmax)\ is\ (currently\ |temporarily\ |now\ )?(down|offline|unavailable)\b
    | \bis\ (currently\ |now\ )?being\ upgraded\b
    | \bservice\ unavailable\b""",
    re.VERBOSE,
)
CAPTCHA = re.compile(
    r"""captcha | \bare\ you\ (a\ )?(human|robot) | \bnot\ a\ robot\b | \byou\ are\ (a\ )?human\b | \bunusual\ traffic\b
    | \bchecking\ (your|the)\ (browser|site\ connection) | ^just\ a\ moment | ^attention\ required | ^security\ check
    | ^access\ (to\ this\ page\ has\ been\ )?denied | \brequest\ (was\ )?blocked\b""",
    re.VERBOSE,
)
LOGIN = re.compile(r"^(please |member |user |client |meetmax |secure )?(log ?in|log ?on|sign ?in|sign ?on)\b")


def find_foreign_kind(selector: Selector, title: str) -> str:
    """Return the status for a site-wide page, such as LOGIN_PAGE, or "" for a page that may belong to an event."""
    if selector.xpath("//input[@type='password' or @type='PASSWORD' or @type='Password']"):
        return LOGIN_PAGE
    lines = [title, *(heading.xpath("string()").get() or "" for heading in selector.xpath("//h1 | //h2 | //h3"))]
    text = visible_text(selector)
    if len(text) <= MAX_NOTICE_LETTERS:
        lines.append(text)
    for line in (" ".join(line.split()).casefold() for line in lines):
        for status, phrases in ((CAPTCHA_PAGE, CAPTCHA), (MAINTENANCE_PAGE, MAINTENANCE), (LOGIN_PAGE, LOGIN)):
            if phrases.search(line):
                return status
    return ""


def fingerprint(selector: Selector) -> str:
    """Return a hash of the text of a page without words that contain digits.

    It is equal for two requests of one site-wide page, which may show the requested id, the time or a request number.
    """
    words = [word for word in visible_text(selector).casefold().split() if not re.search(r"\d", word)]
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def visible_text(selector: Selector) -> str:
    """Return the text of a page on one line, beginning with its title, without scripts and styles."""
    texts = selector.xpath("//text()[not(ancestor::script or ancestor::style or ancestor::noscript)]").getall()
    return " ".join(" ".join(texts).split())
