"""One way to write the values of a column, and its test on a whole column by one expression."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from systemscripts.imports.suggest.null_marks import MARKS_PATTERN

# every blank that programs write inside and around numbers: Unicode's class Zs
BLANK = "[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"


@dataclass(frozen=True)
class Spelling:
    """A declaration that a column may have, with the pattern of the values that it reads.

    Patterns are narrower than the conversion: nothing with leading zeros is a number, there is no 31 February.
    """

    # unique in a column: what a reason calls it
    name: str
    pattern: str
    declared: dict[str, object] = field(compare=False)
    # more words for the reason
    note: str = field(default="", compare=False)
    # other spellings of the column that read all of these values as well
    wider: frozenset[str] = field(default=frozenset(), compare=False)
    # what digits mean besides a number or code: wider spellings do not count if enough values fit this one
    goes_first: bool = field(default=False, compare=False)
    # only where some rows are empty, which then mean no
    needs_empty: bool = field(default=False, compare=False)
    # the pattern of blanks around values, which a conversion ignores
    padding: str = field(default="", compare=False)
    # the mark before the decimals that values in this spelling prove, for neighbours that could be read in two ways
    decimal: str = field(default="", compare=False)

    @property
    def is_text(self) -> bool:
        """Return whether these values are codes, which stay text."""
        return self.declared["type"] == "text"

    @property
    def tests(self) -> Tests:
        """Return the compiled pattern."""
        return compile_tests(self.pattern, self.padding)


class Tests:
    """One spelling as expressions over a column whose values each end with a line feed, compiled when they are used."""

    def __init__(self, pattern: str, padding: str) -> None:
        self._value = rf"{padding}(?:{pattern}){padding}"
        self.value_or_empty = rf"(?:{self._value}|{padding})"
        # what fits, is empty or means no value
        self.either = rf"{padding}(?:{pattern}|{MARKS_PATTERN}|){padding}"

    @cached_property
    def one(self) -> re.Pattern[str]:
        """Return what matches one value."""
        return re.compile(self._value)

    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)

    @cached_property
    def all_filled(self) -> re.Pattern[str]:
        """Return what matches a column in which every row has a value that fits."""
        return re.compile(rf"(?:{self._value}\n|(?!))*+")

    @cached_property
    def all_or_empty(self) -> re.Pattern[str]:
        """Return what matches a column in which every value fits or is empty."""
        return re.compile(rf"(?:{self.value_or_empty}\n|(?!))*+")

    @cached_property
    def all_or_mark(self) -> re.Pattern[str]:
        """Return what matches a column in which every value fits, is empty or means no value."""
        return re.compile(rf"(?:{self.either}\n|(?!))*+")

    @cached_property
    def fitting(self) -> re.Pattern[str]:
        """Return what finds each value that fits, is empty or means no value."""
        return re.compile(rf"^{self.either}\n", re.MULTILINE)

    @cached_property
    def odd(self) -> re.Pattern[str]:
        """Return what finds a value that does not fit."""
        return re.compile(rf"^(?!{self.either}\n|\Z)", re.MULTILINE)


@lru_cache(maxsize=1000)
def compile_tests(pattern: str, padding: str) -> Tests:
    """Return the expressions of a pattern; columns often share them."""
    return Tests(pattern, padding)
