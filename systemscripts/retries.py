"""When to ask a server again after a failure, and how long to wait first: one rule for HTTP, SFTP and MeetMax."""

from __future__ import annotations

import logging
import random
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


def parse_retry_after(value: str | None) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date), 0 for none."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


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
