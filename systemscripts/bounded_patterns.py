"""Compare the regular expressions of a configuration with what strangers send: names and values, in bounded time.

An expression such as `(a+)+` takes longer than anyone waits for a text that nearly matches it. One that cannot be slow
is compared by Python's own module; every other by the package regex, which can be stopped.
"""

from __future__ import annotations

import functools
import logging
import re
import time
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from systemscripts.errors import BadDataError

logger = logging.getLogger(__name__)

# A longer value has no agreed form; its time grows with the square of its length.
MAX_VALUE_LETTERS = 10_000
# For one comparison. The package looks at the clock now and then only, so it may take three times as long.
MATCH_SECONDS = 1.0
# For all slow comparisons of one expression in one run: a file of such values must not take days.
MAX_SLOW_SECONDS = 30.0
# A comparison that takes longer counts as slow.
SLOW_SECONDS = 0.1
# The time grows with the length of a text to the power of how many parts have no fixed length. Values may be long, and
# names have at most 255 letters.
MAX_OPEN_PARTS, MAX_OPEN_PARTS_OF_NAME = 1.5, 3.5
# Each alternative doubles the time at most, so that five count as one part of no fixed length.
ALTERNATIVE = 0.2
# {1,5} within {1,5} is 25 letters at most, but this many are as good as without limit.
MANY_TIMES = 10

Pattern = re.Pattern[str]


class SlowMatchError(ValueError):
    """A comparison was stopped, or would take too long."""


def is_quick(pattern: str, most_parts: float = MAX_OPEN_PARTS) -> bool:
    """Return whether an expression has so few parts of no fixed length that comparing is always quick."""
    parts = _count_open_parts(parser.parse(pattern))
    return parts is not None and parts <= most_parts


def describe_risk(pattern: str) -> str:
    """Return a warning about an expression that repeats what itself repeats, "" if it does not."""
    try:
        is_nested = _count_open_parts(parser.parse(pattern)) is None
    # its own check tells
    except (re.error, RecursionError, OverflowError):
        return ""
    return (
        "repeats a part that itself repeats, such as (a+)+, which can take very long: write it without one of the two "
        "repetitions"
        if is_nested
        else ""
    )


def _count_open_parts(tree: Any, is_repeated: bool = False) -> float | None:
    """Return how many parts of an expression have no fixed length; None if one of them is within a repetition."""
    total = 0.0
    for code, value in tree:
        contents, is_repeating = _list_contents(code, value), is_repeated
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            least, most, content = value
            is_open = most - least >= MANY_TIMES
            # a repeated alternative can read the same text in several ways: (a|aa)+, (a?){30}
            if (is_open and is_repeated) or (most >= MANY_TIMES and _has_alternative(content)):
                return None
            is_repeating = is_repeated or most >= MANY_TIMES
            total += 1 if is_open else ALTERNATIVE * (most > least)
        elif code is codes.BRANCH:
            total += ALTERNATIVE
        elif code is codes.GROUPREF:
            total += 1
        for content in contents:
            inner = _count_open_parts(content, is_repeating)
            if inner is None:
                return None
            total += inner
    return total


def _has_alternative(tree: Any) -> bool:
    """Return whether a part of an expression can match texts of different length, or in several ways."""
    return any(
        code is codes.BRANCH
        or (code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and value[0] != value[1])
        or any(_has_alternative(content) for content in _list_contents(code, value))
        for code, value in tree
    )


def _list_contents(code: Any, value: Any) -> list[Any]:
    """Return the parts within one part of an expression, as Python's parser has them."""
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [value[2]]
    if code is codes.BRANCH:
        return list(value[1])
    if code is codes.SUBPATTERN:
        return [value[3]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    if code is codes.GROUPREF_EXISTS:
        return [part for part in value[1:] if part is not None]
    if code is codes.ATOMIC_GROUP:
        return [value]
    return []


class StoppablePattern:
    """An expression that may be slow, with the methods of re.Pattern that we use."""

    def __init__(self, text: str, flags: int = 0) -> None:
        # late: hardly any configuration needs it
        import regex

        self.pattern = text
        self.groupindex = re.compile(text, flags).groupindex
        self._pattern = regex.compile(text, flags | regex.VERSION0)
        self._slow_seconds = 0.0

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of a whole text; raises SlowMatchError, BadDataError once too many were slow."""
        if len(text) > MAX_VALUE_LETTERS:
            raise SlowMatchError(f"has more than {MAX_VALUE_LETTERS:,} letters")
        begun = time.monotonic()
        try:
            match: re.Match[str] | None = self._pattern.fullmatch(text, timeout=MATCH_SECONDS)
            return match
        except TimeoutError:
            raise SlowMatchError(f"takes more than {MATCH_SECONDS:g} s to compare") from None
        finally:
            self._count(time.monotonic() - begun)

    def _count(self, seconds: float) -> None:
        if seconds < SLOW_SECONDS:
            return
        self._slow_seconds += seconds
        if self._slow_seconds > MAX_SLOW_SECONDS:
            raise BadDataError(
                f"comparing with the regular expression {self.pattern} took more than {MAX_SLOW_SECONDS:g} s",
                "Make it simpler: it must not repeat a part that itself repeats, such as (a+)+.",
            )


def compile_value_pattern(text: str) -> Pattern | StoppablePattern:
    """Return the expression for the values of a column; raises re.error."""
    return re.compile(text) if is_quick(text) else StoppablePattern(text)


def match_value(pattern: Pattern | StoppablePattern, value: str) -> bool:
    """Return whether a value has a form; raises SlowMatchError with the reason why it is not compared."""
    if len(value) > MAX_VALUE_LETTERS:
        raise SlowMatchError(f"has more than {MAX_VALUE_LETTERS:,} letters")
    return pattern.fullmatch(value) is not None


class SlowNamePattern(StoppablePattern):
    """An expression for names that may be slow: a name that takes too long does not match, with a warning."""

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of a whole name, None if it does not match or takes too long."""
        try:
            return super().fullmatch(text)
        except (SlowMatchError, BadDataError):
            logger.warning(
                "the name %s takes too long to compare with the pattern %s, and is not taken", text, self.pattern,
                extra={"code": "slow_pattern"},
            )  # fmt: skip
            return None

    def _count(self, seconds: float) -> None:
        """Let each name have its time: there are few, and each is warned of."""


NamePattern = Pattern | SlowNamePattern


# Every run compares every waiting file with every pattern; the cache of re itself is smaller than the imports may be.
@functools.cache
def compile_pattern(text: str, flags: int = 0) -> NamePattern:
    """Return a compiled file_pattern, with the methods of re.Pattern; raises re.error."""
    return re.compile(text, flags) if is_quick(text, MAX_OPEN_PARTS_OF_NAME) else SlowNamePattern(text, flags)
