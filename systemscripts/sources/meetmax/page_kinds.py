"""Tell an event's page from the pages that a whole site shows instead: maintenance, login, captcha.

The words are looked for where such a page has them: in its title, in its headings, and anywhere in a page of few words.
A banner on a long page does not count, and a page that offers its list is never asked (see `pages.read_page`).
"""

from __future__ import annotations

import hashlib
import re

from parsel import Selector

UNEXPECTED_PAGE, OTHER_ADDRESS, LOGIN_PAGE = "UnexpectedPage", "OtherAddress", "LoginPage"
MAINTENANCE_PAGE, CAPTCHA_PAGE, SAME_PAGE = "MaintenancePage", "CaptchaPage", "SamePage"
HINT = "Look at the site in a browser; nothing of this scan is kept, the next run asks again."
EXPLANATIONS = {
    UNEXPECTED_PAGE: "MeetMax answers with pages of another layout",
    OTHER_ADDRESS: "MeetMax redirects to pages that are not the event's",
    LOGIN_PAGE: "MeetMax answers with a login page",
    MAINTENANCE_PAGE: "MeetMax answers with a maintenance page",
    CAPTCHA_PAGE: "MeetMax answers with a captcha",
    SAME_PAGE: "MeetMax answers with one and the same page for many events",
}
MAX_NOTICE_LETTERS = 1500  # a notice is a few sentences; the page of an event with its agenda or speakers is longer

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
    """Return the kind of site-wide page that this is, or "" for a page that may be an event's."""
    if selector.xpath("//input[@type='password' or @type='PASSWORD' or @type='Password']"):
        return LOGIN_PAGE
    lines = [title, *(heading.xpath("string()").get() or "" for heading in selector.xpath("//h1 | //h2 | //h3"))]
    text = visible_text(selector)
    if len(text) <= MAX_NOTICE_LETTERS:
        lines.append(text)
    for line in (" ".join(line.split()).casefold() for line in lines):
        for kind, words in ((CAPTCHA_PAGE, CAPTCHA), (MAINTENANCE_PAGE, MAINTENANCE), (LOGIN_PAGE, LOGIN)):
            if words.search(line):
                return kind
    return ""


def fingerprint(selector: Selector) -> str:
    """Return what is equal for two showings of one page: a hash of its text without words that contain digits.

    A site-wide page may show the id that was asked for, the time, or the number of the request.
    """
    words = [word for word in visible_text(selector).casefold().split() if not re.search(r"\d", word)]
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def visible_text(selector: Selector) -> str:
    """Return the text of a page on one line, its title first, without scripts and styles."""
    texts = selector.xpath("//text()[not(ancestor::script or ancestor::style or ancestor::noscript)]").getall()
    return " ".join(" ".join(texts).split())
