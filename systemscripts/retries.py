"""When to ask a server again after a failure, and how long to wait first: one rule for HTTP, SFTP and MeetMax."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tenacity

logger = logging.getLogger(__name__)

# a server that is down for longer is left to a later run
MAX_PAUSE_SECONDS = 60.0
# a site that asks for more in Retry-After is asked again after an hour
MAX_REQUESTED_SECONDS = 3600.0
# clients that failed together must not all come back at the same moment
JITTER_SHARE = 0.25
TOO_MANY_REQUESTS = 429
# draft-ietf-httpapi-ratelimit-headers-07, and what most APIs send
RATE_LIMIT_PREFIXES = ("RateLimit", "X-RateLimit", "X-Rate-Limit")
# a greater number is a moment since 1970, not a duration; this one is in 2001
MIN_EPOCH_SECONDS = 1e9
# of a moment: one that is further away has a unit that we do not know, and must not stop a source
MAX_AHEAD_SECONDS = 86400.0
# of any pause that is asked for: a year, so that its end is a date
LONGEST_SECONDS = 366 * 86400.0
# 2 to this power is beyond every pause; higher powers would overflow
MAX_DOUBLINGS = 30


class TemporaryError(Exception):
    """A failure that may pass; `requested_seconds` is the time the server asked to wait, 0 for none."""

    def __init__(self, message: str, requested_seconds: float = 0) -> None:
        super().__init__(message)
        self.requested_seconds = requested_seconds


def compute_pause(failed_attempts: int, first_pause: float, max_pause: float = MAX_PAUSE_SECONDS) -> float:
    """Return the pause in seconds: `first_pause`, doubled for each of the attempts that failed before."""
    return float(min(first_pause * 2 ** min(failed_attempts, MAX_DOUBLINGS), max_pause))


def choose_pause(failed_attempts: int, first_pause: float, requested_seconds: float = 0) -> float:
    """Return the pause in seconds: up to a quarter longer than computed, and never shorter than the server asked."""
    pause = compute_pause(failed_attempts, first_pause) * random.uniform(1.0, 1 + JITTER_SHARE)
    return max(pause, requested_seconds)


def find_requested_pause(status: int, get_header: Callable[[str], str | None]) -> float:
    """Return the seconds that an answer asks to wait: by Retry-After, else after 429 by a rate limit that is used up.

    Such a limit has the headers ...Remaining and ...Reset, of which many APIs send only one. 0 for none.
    """
    requested = get_header("Retry-After")
    if requested is not None or status != TOO_MANY_REQUESTS:
        return parse_retry_after(requested)
    for prefix in RATE_LIMIT_PREFIXES:
        reset, remaining = get_header(f"{prefix}-Reset"), get_header(f"{prefix}-Remaining")
        # another limit was reached than the one that has some requests left
        if reset is not None and _parse_number(remaining) in (None, 0):
            return _parse_reset(reset)
    return 0.0


def _parse_reset(text: str) -> float:
    """Return the seconds until a rate limit ends, given as seconds, as a moment since 1970, or as a date."""
    number = _parse_number(text)
    if number is not None:
        return _measure_pause(number)
    seconds = parse_retry_after(text)
    return seconds if seconds <= MAX_AHEAD_SECONDS else 0.0


def _measure_pause(number: float) -> float:
    """Return the seconds that a number means: a duration, or a moment since 1970 in seconds, or down to nanoseconds.

    0 for a moment that is past or too far away.
    """
    if number < MIN_EPOCH_SECONDS:
        return min(number, LONGEST_SECONDS)
    # milliseconds, microseconds, nanoseconds
    for _ in range(3):
        if number >= MIN_EPOCH_SECONDS * 1000:
            number /= 1000
    seconds = number - datetime.now(UTC).timestamp()
    return seconds if 0 < seconds <= MAX_AHEAD_SECONDS else 0.0


def _parse_number(text: str | None) -> float | None:
    """Return the number at the beginning of a header, which may go on with parameters (`5;w=60`), None for none."""
    found = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:[;,]|$)", text or "")
    return float(found[1]) if found else None


def parse_retry_after(value: str | None) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date), 0 for none.

    Some servers send a moment since 1970 as the number.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return _measure_pause(float(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_SECONDS)


def build_attempts(
    subject: str, attempts: int, first_pause: float, is_temporary: Callable[[BaseException], bool]
) -> tenacity.Retrying:
    """Return attempts for `for attempt in ...: with attempt:`; the error of the last one is raised as it is.

    `is_temporary` says which errors are worth another attempt; `subject` names what is tried in the log.
    """
    import tenacity

    def find_error(state: tenacity.RetryCallState) -> BaseException | None:
        return state.outcome.exception() if state.outcome else None

    def pause(state: tenacity.RetryCallState) -> float:
        requested = getattr(find_error(state), "requested_seconds", 0.0)
        return choose_pause(state.attempt_number - 1, first_pause, requested)

    def log_pause(state: tenacity.RetryCallState) -> None:
        logger.info("%s: %s; retrying in %.1f s", subject, find_error(state), state.upcoming_sleep)

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(max(1, attempts)),
        wait=pause,
        retry=tenacity.retry_if_exception(is_temporary),
        before_sleep=log_pause,
        reraise=True,
    )
