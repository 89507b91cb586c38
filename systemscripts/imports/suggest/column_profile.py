"""Profile the values of a column: which spellings they fit, exactly, with every exception counted.

The first values choose the spellings that are worth a test. Each is tested by one expression over the joined column;
only if that fails are the exceptions counted and searched. A column that fits one spelling need not be tested for wider
ones. A column that leaves all of its spellings later is to be read again, with spellings of the values that left.
"""

from __future__ import annotations

import pickle
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from systemscripts.imports.suggest.list_spellings import has_padding, list_spellings
from systemscripts.imports.suggest.null_marks import FIND_MARKS, NULL_MARKS, is_mark
from systemscripts.imports.suggest.value_spellings import Spelling

# at least this share of the values must fit a proposed type; the others are shown
MIN_FITTING_SHARE = 0.99
# spellings that fit fewer are not counted further
_MIN_COUNTED_SHARE, _MIN_COUNTED_EXCEPTIONS = 0.8, 20
# enough to tell which spellings are worth testing on the rest of the file
FIRST_VALUES_COUNT = 2000
# how many exceptions are shown
MAX_SHOWN_EXCEPTIONS = 5
# enough of them to tell which other spelling they have
_MAX_ODD_VALUES = 500
_ZEROS = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_DIGITS = re.compile(r"^-?[0-9]{19,}$", re.MULTILINE)


@dataclass
class ColumnProfile:
    """What was seen of one column."""

    header: str = ""
    values: int = 0
    empty: int = 0
    # mark that means no value -> how often
    marks: Counter[str] = field(default_factory=Counter)
    zeros: int = 0
    digits: int = 0
    # by name those that are still possible; None before the first value
    spellings: dict[str, Spelling] | None = None
    # name of a spelling -> how many values do not fit
    exceptions: Counter[str] = field(default_factory=Counter)
    # name of a spelling -> the first values that do not fit, with their lines
    shown: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    # the first values, and later ones that fit no spelling
    sample: list[str] = field(default_factory=list)
    odd_values: list[str] = field(default_factory=list)
    # None once a value was repeated
    hashes: set[int] | None = field(default_factory=set)

    @property
    def is_unique(self) -> bool:
        """Return whether every row has a value, and no value is repeated."""
        return self.hashes is not None and not self.empty

    @property
    def is_filled(self) -> bool:
        """Return whether every row has a value."""
        return self.values > 0 and not self.empty and not self.marks

    def add_values(self, values: Sequence[str], lines: Sequence[int]) -> None:
        """Add more values; `lines`: the line of each in the file."""
        empty = values.count("")
        self.values, self.empty = self.values + len(values) - empty, self.empty + empty
        self._add_hashes(values)
        if self.spellings is None:
            self._choose_spellings(values)
        if self.spellings and empty < len(values):
            self._test_spellings("\n".join(values) + "\n", values, lines, empty > 0)

    def _add_hashes(self, values: Sequence[str]) -> None:
        if self.hashes is None:
            return
        before = len(self.hashes)
        self.hashes.update(map(hash, values))
        if len(self.hashes) != before + len(values):
            self.hashes = None

    def _choose_spellings(self, values: Sequence[str]) -> None:
        """Choose what half of the first values fit: nothing else is tested on the rest of the file."""
        filled = (value for value in filter(str.strip, values) if value not in NULL_MARKS)
        self.sample = list(islice(filled, FIRST_VALUES_COUNT))
        if not all(map(is_mark, self.sample)):
            self.spellings = {spelling.name: spelling for spelling in list_spellings(self.sample, self.header)}

    def _test_spellings(self, joined: str, values: Sequence[str], lines: Sequence[int], has_empty: bool) -> None:
        assert self.spellings is not None
        if joined.count("\n") != len(values):
            # line feeds inside values, which fit no spelling
            joined = "\n".join(value.replace("\n", "\r") for value in values) + "\n"
        has_no_marks, fitting, tested = False, set[str](), list(self.spellings.values())
        for spelling in tested:
            if spelling.name in fitting:
                continue
            tests = spelling.tests
            if (tests.all_or_empty if has_empty else tests.all_filled).fullmatch(joined):
                has_no_marks = True
            elif has_no_marks or not tests.all_or_mark.fullmatch(joined):
                self._count_exceptions(spelling, joined, values, lines)
                continue
            fitting |= {spelling.name, *spelling.wider}
        if not has_no_marks:
            self.marks.update(FIND_MARKS.findall(joined))
        if not fitting:
            self._keep_odd_values(values, tested)
            self.digits += len(_DIGITS.findall(joined))
            self.zeros += len(_ZEROS.findall(joined))

    def _count_exceptions(self, spelling: Spelling, joined: str, values: Sequence[str], lines: Sequence[int]) -> None:
        assert self.spellings is not None
        name, tests = spelling.name, spelling.tests
        self.exceptions[name] += len(values) - len(tests.fitting.findall(joined))
        shown = self.shown.setdefault(name, [])
        position = index = 0
        while len(shown) < MAX_SHOWN_EXCEPTIONS and (match := tests.odd.search(joined, position)):
            index += joined.count("\n", position, match.start())
            shown.append((lines[index], values[index]))
            position, index = joined.index("\n", match.start()) + 1, index + 1
        if self.exceptions[name] > max(self.values * (1 - _MIN_COUNTED_SHARE), _MIN_COUNTED_EXCEPTIONS):
            del self.spellings[name]

    def _keep_odd_values(self, values: Sequence[str], spellings: list[Spelling]) -> None:
        """Keep values that fit none of the spellings, for another choice."""
        tests = [spelling.tests.one for spelling in spellings]
        for value in values:
            if len(self.odd_values) >= _MAX_ODD_VALUES:
                break
            if value.strip() and value not in NULL_MARKS and not any(test.fullmatch(value) for test in tests):
                self.odd_values.append(value)

    def choose_again(self) -> ColumnProfile | None:
        """Return an empty profile with other spellings if the column has left those of its first values, else None."""
        if self.spellings is None or not self.odd_values or self.find_fitting():
            return None
        spellings = {spelling.name: spelling for spelling in list_spellings(self.sample + self.odd_values, self.header)}
        is_padded_later = has_padding(self.odd_values) and not has_padding(self.sample)
        if not is_padded_later and not spellings.keys() - self.exceptions.keys() - self.spellings.keys():
            return None
        return ColumnProfile(self.header, spellings=spellings, sample=self.sample, hashes=None)

    def find_fitting(self) -> list[Spelling]:
        """Return the spellings that enough values fit, those with the fewest exceptions first."""
        fitting = [spelling for spelling in (self.spellings or {}).values() if self._fits(spelling)]
        return sorted(fitting, key=lambda spelling: self.exceptions[spelling.name])

    def _fits(self, spelling: Spelling) -> bool:
        count = self.values + (self.empty if spelling.needs_empty else 0)
        return self.exceptions[spelling.name] <= count * (1 - MIN_FITTING_SHARE)

    def make_empty_copy(self) -> ColumnProfile:
        """Return a profile without values that tests the same spellings."""
        spellings = None if self.spellings is None else dict(self.spellings)
        return ColumnProfile(self.header, spellings=spellings, hashes=None if self.hashes is None else set())

    def export_state(self) -> bytes:
        """Return everything as bytes, for another process."""
        state = vars(self) | {"hashes": None if self.hashes is None else array("q", self.hashes)}
        return pickle.dumps(state)

    def add_state(self, state: bytes) -> None:
        """Add what another process has seen of other rows of the column: the result of `export_state`."""
        other = ColumnProfile(**pickle.loads(state))
        for name in ("values", "empty", "zeros", "digits"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.marks.update(other.marks)
        self.exceptions.update(other.exceptions)
        for name, shown in other.shown.items():
            self.shown[name] = sorted(self.shown.get(name, []) + shown)[:MAX_SHOWN_EXCEPTIONS]
        if self.spellings is None or other.spellings is None:
            self.spellings = other.spellings if self.spellings is None else self.spellings
        else:
            # what only one of them has tested is not known of all values
            self.odd_values += [] if self.spellings.keys() & other.spellings.keys() else other.sample
            self.spellings = {name: one for name, one in self.spellings.items() if name in other.spellings}
        self.sample = self.sample or other.sample
        self.odd_values = (self.odd_values + other.odd_values)[: 2 * _MAX_ODD_VALUES]
        if other.hashes is None or self.hashes is None or not self.hashes.isdisjoint(other.hashes):
            self.hashes = None
