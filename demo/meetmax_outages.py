"""What a MeetMax site may show during an outage instead of its pages and lists, mostly with HTTP status 200."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

NOTICE = """<!DOCTYPE html><html><head><title>Scheduled Maintenance - MeetMax</title></head><body>
<table class=layout><tr><td><img src=/logo.png alt=MeetMax></td><td><h1>We'll be back soon</h1>
<p>MeetMax is undergoing scheduled maintenance until 14:30 UTC. Thank you for your patience.</p></td></tr></table>
</body></html>"""
FOREIGN_NOTICE = """<html><head><title>Nous revenons - MeetMax</title></head><body><table><tr><td>Logo</td>
<td><p>Le site est en travaux, demande {id}.</p></td></tr></table></body></html>"""
LOGIN = """<html><head><title>Welcome - MeetMax</title></head><body><form action=/login method=post><table>
<tr><td>User</td><td><input name=user></td></tr><tr><td>Password</td><td><input type=password name=pass></td></tr>
</table></form></body></html>"""
CAPTCHA = """<html><head><title>MeetMax Security - MeetMax</title></head><body><h2>One more step</h2>
<p>Please show that you are not a robot.</p><div class=g-recaptcha></div><p>Ray {id}f1</p></body></html>"""
LAYOUT = """<html><head><title>Industry Days - MeetMax</title></head><body><table><tr><th>Menu</th><th>Contact</th></tr>
<tr><td>Home</td><td>info@example.test</td></tr><tr><td>Agenda</td><td></td></tr></table></body></html>"""
UNKNOWN_ID = """<html><head><title> - MeetMax</title></head><body>
<div class="alert alert-danger">Invalid Event ID: {id}</div></body></html>"""


@dataclass(frozen=True)
class Shown:
    """One response: a page, or the address of a redirect."""

    body: bytes = b""
    redirect: str = ""


@dataclass
class Outage:
    """A page or a redirect for every path of an event that `hits` accepts, after the first `begins_at` requests.

    `{id}` in `page` and `redirect` is replaced with the id of the event.
    """

    page: str = ""
    redirect: str = ""
    hits: Callable[[str, int], bool] = lambda path, event_id: True
    begins_at: int = 0
    asked: int = field(default=0, init=False)

    def answer(self, path: str) -> Shown | None:
        """Return what is shown instead of a path, or None where the site works."""
        match = re.match(r"/sched/event_(\d+)/", path)
        if path == "/login":
            return Shown(LOGIN.encode())
        if not match or not self.hits(path, int(match[1])):
            return None
        self.asked += 1
        if self.asked <= self.begins_at:
            return None
        target = self.redirect.replace("{id}", match[1])
        if target and target != path:
            return Shown(redirect=target)
        return None if target else Shown(self.page.replace("{id}", match[1]).encode())


def _is_list(path: str, event_id: int) -> bool:
    return path.endswith(".xls")


def _is_even(path: str, event_id: int) -> bool:
    return event_id % 2 == 0


# name -> a function that makes a new outage, because an outage counts its requests
OUTAGES: dict[str, Callable[[], Outage]] = {
    "maintenance": lambda: Outage(NOTICE),
    "maintenance in another language": lambda: Outage(FOREIGN_NOTICE),
    "redirect to a login": lambda: Outage(redirect="/login"),
    "login in place": lambda: Outage(LOGIN),
    "redirect to another event": lambda: Outage(redirect="/sched/event_119179/__co-list_cp.html"),
    "one event's page for all": lambda: Outage("<title>Energy Days - MeetMax</title><p>Welcome</p>"),
    "captcha": lambda: Outage(CAPTCHA),
    "layout tables": lambda: Outage(LAYOUT),
    "layout tables for lists": lambda: Outage(LAYOUT, hits=_is_list),
    "lists of another event": lambda: Outage(redirect="/sched/event_119179/__co-list_cp.xls", hits=_is_list),
    "half of the pages": lambda: Outage(NOTICE, hits=_is_even),
    "half of the pages in another language": lambda: Outage(FOREIGN_NOTICE, hits=_is_even),
    "begins in mid scan": lambda: Outage(NOTICE, begins_at=9),
    "begins in mid scan in another language": lambda: Outage(FOREIGN_NOTICE, begins_at=12),
    "every id unknown": lambda: Outage(UNKNOWN_ID),
}
