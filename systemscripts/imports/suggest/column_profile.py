"""Profile the values of a column: which types they fit, exactly, with every misfit counted.

A type is tested by one expression over the joined column; only if that fails are the misfits counted and the first one
searched. A column that fits one type need not be tested for wider ones.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import NoneType

# up to this share of the values may not fit a proposed type; they are shown
MAX_ODD_SHARE = 0.001
# enough to tell which types are worth testing on the rest of the file
FIRST_VALUES_COUNT = 2000
DATE_FORMATS = (
    "yyyy-MM-dd", "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy", "dd-MM-yyyy", "yyyy/MM/dd", "yyyyMMdd",
)  # fmt: skip
TIME_SUFFIXES = ("", " HH:mm", " HH:mm:ss")
NULL_MARKS = frozenset({"-", "n/a", "N/A", "NULL", "null", "NA", "#N/A", "nan", "NaN", "None", "."})
_BOOLEAN = {"true", "false", "yes", "no", "TRUE", "FALSE", "True", "False", "Yes", "No"}
_FIELD = {"yyyy": "[0-9]{4}", "MM": "(?:0[1-9]|1[0-2])", "dd": "(?:0[1-9]|[12][0-9]|3[01])",
          "HH": "(?:[01][0-9]|2[0-3])", "mm": "[0-5][0-9]", "ss": "[0-5][0-9]"}  # fmt: skip


def _build_date_pattern(pattern: str) -> str:
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|.", pattern, re.DOTALL)
    return "".join(_FIELD.get(part, re.escape(part)) for part in parts)


DATES = {
    f"{day}{time}": _build_date_pattern(f"{day}{time}") for day in DATE_FORMATS for time in TIME_SUFFIXES
} | {"yyyy-MM-ddTHH:mm:ss": _build_date_pattern("yyyy-MM-ddTHH:mm:ss")}  # fmt: skip
_PATTERNS = {
    "integer": r"-?(?:0|[1-9][0-9]{0,8}+)",
    "bigint": r"-?(?:0|[1-9][0-9]{0,17}+)",
    "numeric": r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?",
    "comma": r"-?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?",
    "boolean": "|".join(sorted(_BOOLEAN)),
    **DATES,
}
# values of the first type also fit the others, which are tested only if the first does not fit
_WIDER = {"integer": ("bigint", "numeric", "comma"), "bigint": ("numeric", "comma")}
# values of these types have neither leading zeros nor too many digits for a number
_SHORT = {"integer", "bigint", "boolean", *DATES} - {"yyyyMMdd"}
_MARK = "|".join(map(re.escape, sorted(NULL_MARKS)))
_MARKS = re.compile(rf"^(?:{_MARK})$", re.MULTILINE)
_ZEROS = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_DIGITS = re.compile(r"^-?[0-9]{19,}$", re.MULTILINE)


@dataclass(frozen=True)
class _Tests:
    """One type as expressions over a column whose values each end with a line feed."""

    # matches one value
    one: re.Pattern[str]
    # matches a column in which every row has a value that fits
    all_filled: re.Pattern[str]
    # matches a column in which every value fits or is empty
    all: re.Pattern[str]
    # finds each value that fits or is empty
    fitting: re.Pattern[str]
    # finds a value that does not fit
    odd: re.Pattern[str]


def _compile_tests(pattern: str) -> _Tests:
    either = rf"(?:{pattern}|{_MARK}|)"
    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
    return _Tests(
        re.compile(pattern),
        re.compile(rf"(?:(?:{pattern})\n|(?!))*+"),
        re.compile(rf"(?:{either}\n|(?!))*+"),
        re.compile(rf"^{either}\n", re.MULTILINE),
        re.compile(rf"^(?!{either}\n)", re.MULTILINE),
    )


_TESTS = {type_name: _compile_tests(pattern) for type_name, pattern in _PATTERNS.items()}


@dataclass
class ColumnProfile:
    """What was seen of one column; `types`: those that are still possible."""

    values: int = 0
    empty: int = 0
    marks: int = 0
    zeros: int = 0
    digits: int = 0
    # type -> how many values do not fit; None before the first value
    types: dict[str, int] | None = None
    # type -> first value that does not fit, its line
    misfits: dict[str, tuple[str, int]] = field(default_factory=dict)
    # None once a value was repeated
    hashes: set[int] | None = field(default_factory=set)

    @property
    def is_unique(self) -> bool:
        """Return whether every row has a value, and no value is repeated."""
        return self.hashes is not None and not self.empty

    def add_values(self, values: Sequence[str], lines: Sequence[int]) -> None:
        """Add more values; `lines`: the line of each in the file."""
        empty = values.count("")
        self.values, self.empty = self.values + len(values) - empty, self.empty + empty
        self._add_hashes(values)
        if self.types is None:
            self.types = _match_types(values)
        if self.types and empty < len(values):
            self._test_types("\n".join(values) + "\n", values, lines)

    def _add_hashes(self, values: Sequence[str]) -> None:
        if self.hashes is None:
            return
        before = len(self.hashes)
        self.hashes.update(map(hash, values))
        if len(self.hashes) != before + len(values):
            self.hashes = None

    def _test_types(self, joined: str, values: Sequence[str], lines: Sequence[int]) -> None:
        assert self.types is not None
        if joined.count("\n") != len(values):
            # line feeds inside values, which fit no type
            joined = "\n".join(value.replace("\n", "\r") for value in values) + "\n"
        filled, fitting = False, set[str]()
        for type_name in list(self.types):
            if type_name in fitting:
                continue
            if _TESTS[type_name].all_filled.fullmatch(joined):
                filled = True
            elif filled or not _TESTS[type_name].all.fullmatch(joined):
                self._count_misfits(type_name, joined, values, lines)
                continue
            fitting |= {type_name, *_WIDER.get(type_name, ())}
        self.marks += 0 if filled else len(_MARKS.findall(joined))
        if not fitting & _SHORT:
            self.digits += len(_DIGITS.findall(joined))
            self.zeros += 0 if "numeric" in fitting else len(_ZEROS.findall(joined))

    def _count_misfits(self, type_name: str, joined: str, values: Sequence[str], lines: Sequence[int]) -> None:
        assert self.types is not None
        self.types[type_name] += len(values) - len(_TESTS[type_name].fitting.findall(joined))
        if type_name not in self.misfits and (match := _TESTS[type_name].odd.search(joined)):
            index = joined.count("\n", 0, match.start())
            self.misfits[type_name] = (values[index], lines[index])
        if self.types[type_name] > max(self.values * MAX_ODD_SHARE * 10, 10):
            del self.types[type_name]

    def make_empty_copy(self) -> ColumnProfile:
        """Return a profile without values that tests the same types."""
        types = None if self.types is None else dict.fromkeys(self.types, 0)
        return ColumnProfile(types=types, hashes=None if self.hashes is None else set())

    def export_state(self) -> tuple[object, ...]:
        """Return everything as values that `marshal` accepts, for another process."""
        hashes = None if self.hashes is None else array("q", self.hashes).tobytes()
        counts = (self.values, self.empty, self.marks, self.zeros, self.digits)
        return (*counts, self.types, self.misfits, hashes)

    def add_state(self, state: tuple[object, ...]) -> None:
        """Add what another process has seen of other rows of the column: the result of `export_state`."""
        *counts, types, misfits, hashes = state
        for name, count in zip(("values", "empty", "marks", "zeros", "digits"), counts, strict=True):
            setattr(self, name, getattr(self, name) + count)
        assert isinstance(types, dict | NoneType) and isinstance(misfits, dict)
        if self.types is None or types is None:
            self.types = types if self.types is None else self.types
        else:
            self.types = {
                type_name: odd + types[type_name] for type_name, odd in self.types.items() if type_name in types
            }
        for type_name, (value, line) in misfits.items():
            if type_name not in self.misfits or line < self.misfits[type_name][1]:
                self.misfits[type_name] = (value, line)
        others = array("q", hashes) if isinstance(hashes, bytes) else None
        if others is None or self.hashes is None or not self.hashes.isdisjoint(others):
            self.hashes = None


def _match_types(values: Sequence[str]) -> dict[str, int] | None:
    """Return the types that half of the first values fit: others are not tested on the rest of the file."""
    sample = [value for value in values[:FIRST_VALUES_COUNT] if value and value not in NULL_MARKS]
    if not sample:
        return None
    share = {
        type_name: sum(map(bool, map(tests.one.fullmatch, sample))) / len(sample) for type_name, tests in _TESTS.items()
    }
    return {type_name: 0 for type_name in _TESTS if share[type_name] > 0.5}
