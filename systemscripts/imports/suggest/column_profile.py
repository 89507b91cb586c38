"""What the values of a column say about its type, a whole column at once and exactly: every misfit counts.

A kind is tested by one expression over the joined column; only where that fails are the misfits counted and the first
one looked for. A column in which one kind fits need not be tested for the kinds that are wider.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import NoneType

MAX_ODD_SHARE = 0.001  # of the values: so many may not fit, and are shown
FIRST_VALUES_COUNT = 2000
DATE_FORMATS = (
    "yyyy-MM-dd", "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy", "dd-MM-yyyy", "yyyy/MM/dd", "yyyyMMdd",
)  # fmt: skip
TIME_ENDINGS = ("", " HH:mm", " HH:mm:ss")
NULL_MARKS = frozenset({"-", "n/a", "N/A", "NULL", "null", "NA", "#N/A", "nan", "NaN", "None", "."})
_BOOLEAN = {"true", "false", "yes", "no", "TRUE", "FALSE", "True", "False", "Yes", "No"}
_FIELD = {"yyyy": "[0-9]{4}", "MM": "(?:0[1-9]|1[0-2])", "dd": "(?:0[1-9]|[12][0-9]|3[01])",
          "HH": "(?:[01][0-9]|2[0-3])", "mm": "[0-5][0-9]", "ss": "[0-5][0-9]"}  # fmt: skip


def _build_date_pattern(pattern: str) -> str:
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|.", pattern, re.DOTALL)
    return "".join(_FIELD.get(part, re.escape(part)) for part in parts)


DATES = {
    f"{day}{time}": _build_date_pattern(f"{day}{time}") for day in DATE_FORMATS for time in TIME_ENDINGS
} | {"yyyy-MM-ddTHH:mm:ss": _build_date_pattern("yyyy-MM-ddTHH:mm:ss")}  # fmt: skip
_KINDS = {
    "integer": r"-?(?:0|[1-9][0-9]{0,8}+)",
    "bigint": r"-?(?:0|[1-9][0-9]{0,17}+)",
    "numeric": r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?",
    "comma": r"-?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?",
    "boolean": "|".join(sorted(_BOOLEAN)),
    **DATES,
}
# what fits the first fits the others: tested only where the first does not fit
_WIDER = {"integer": ("bigint", "numeric", "comma"), "bigint": ("numeric", "comma")}
# values of these kinds have neither leading zeros nor more digits than a number holds
_SHORT = {"integer", "bigint", "boolean", *DATES} - {"yyyyMMdd"}
_MARK = "|".join(map(re.escape, sorted(NULL_MARKS)))
_MARKS = re.compile(rf"^(?:{_MARK})$", re.MULTILINE)
_ZEROS = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_DIGITS = re.compile(r"^-?[0-9]{19,}$", re.MULTILINE)


@dataclass(frozen=True)
class _Tests:
    """One kind as expressions over a column whose values end with a line feed each."""

    one: re.Pattern[str]  # a value
    all_filled: re.Pattern[str]  # every value
    all: re.Pattern[str]  # every value that is there
    fitting: re.Pattern[str]  # finds each value that fits, or is none
    odd: re.Pattern[str]  # finds one that does not


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


_TESTS = {kind: _compile_tests(pattern) for kind, pattern in _KINDS.items()}


@dataclass
class ColumnProfile:
    """What was seen of one column; `kinds` are those that are still possible."""

    values: int = 0
    empty: int = 0
    marks: int = 0
    zeros: int = 0
    digits: int = 0
    kinds: dict[str, int] | None = None  # kind -> values without it; None before the first value
    misfits: dict[str, tuple[str, int]] = field(default_factory=dict)  # kind -> first value without it, its line
    hashes: set[int] | None = field(default_factory=set)  # None once a value came twice

    @property
    def unique(self) -> bool:
        """Whether every row has a value and none comes twice."""
        return self.hashes is not None and not self.empty

    def see(self, values: Sequence[str], lines: Sequence[int]) -> None:
        """Look at more values; `lines`: where each stands."""
        empty = values.count("")
        self.values, self.empty = self.values + len(values) - empty, self.empty + empty
        self._see_twins(values)
        if self.kinds is None:
            self.kinds = _match_types(values)
        if self.kinds and empty < len(values):
            self._see_kinds("\n".join(values) + "\n", values, lines)

    def _see_twins(self, values: Sequence[str]) -> None:
        if self.hashes is None:
            return
        before = len(self.hashes)
        self.hashes.update(map(hash, values))
        if len(self.hashes) != before + len(values):
            self.hashes = None

    def _see_kinds(self, joined: str, values: Sequence[str], lines: Sequence[int]) -> None:
        assert self.kinds is not None
        if joined.count("\n") != len(values):  # line feeds inside values, which no kind has
            joined = "\n".join(value.replace("\n", "\r") for value in values) + "\n"
        filled, fitting = False, set[str]()
        for kind in list(self.kinds):
            if kind in fitting:
                continue
            if _TESTS[kind].all_filled.fullmatch(joined):
                filled = True
            elif filled or not _TESTS[kind].all.fullmatch(joined):
                self._count_misfits(kind, joined, values, lines)
                continue
            fitting |= {kind, *_WIDER.get(kind, ())}
        self.marks += 0 if filled else len(_MARKS.findall(joined))
        if not fitting & _SHORT:
            self.digits += len(_DIGITS.findall(joined))
            self.zeros += 0 if "numeric" in fitting else len(_ZEROS.findall(joined))

    def _count_misfits(self, kind: str, joined: str, values: Sequence[str], lines: Sequence[int]) -> None:
        assert self.kinds is not None
        self.kinds[kind] += len(values) - len(_TESTS[kind].fitting.findall(joined))
        if kind not in self.misfits and (found := _TESTS[kind].odd.search(joined)):
            place = joined.count("\n", 0, found.start())
            self.misfits[kind] = (values[place], lines[place])
        if self.kinds[kind] > max(self.values * MAX_ODD_SHARE * 10, 10):
            del self.kinds[kind]

    def fresh(self) -> ColumnProfile:
        """Nothing seen yet, but the kinds to look for are known."""
        kinds = None if self.kinds is None else dict.fromkeys(self.kinds, 0)
        return ColumnProfile(kinds=kinds, hashes=None if self.hashes is None else set())

    def state(self) -> tuple[object, ...]:
        """All of it in what `marshal` takes, for another process."""
        hashes = None if self.hashes is None else array("q", self.hashes).tobytes()
        counts = (self.values, self.empty, self.marks, self.zeros, self.digits)
        return (*counts, self.kinds, self.misfits, hashes)

    def add(self, state: tuple[object, ...]) -> None:
        """Add what another process has seen of other rows of the column, as `state` gave it."""
        *counts, kinds, misfits, hashes = state
        for name, count in zip(("values", "empty", "marks", "zeros", "digits"), counts, strict=True):
            setattr(self, name, getattr(self, name) + count)
        assert isinstance(kinds, dict | NoneType) and isinstance(misfits, dict)
        if self.kinds is None or kinds is None:
            self.kinds = kinds if self.kinds is None else self.kinds
        else:
            self.kinds = {kind: odd + kinds[kind] for kind, odd in self.kinds.items() if kind in kinds}
        for kind, (value, line) in misfits.items():
            if kind not in self.misfits or line < self.misfits[kind][1]:
                self.misfits[kind] = (value, line)
        others = array("q", hashes) if isinstance(hashes, bytes) else None
        if others is None or self.hashes is None or not self.hashes.isdisjoint(others):
            self.hashes = None


def _match_types(values: Sequence[str]) -> dict[str, int] | None:
    """The kinds that half of the first values have: the others are not tried on the rest of the file."""
    sample = [value for value in values[:FIRST_VALUES_COUNT] if value and value not in NULL_MARKS]
    if not sample:
        return None
    share = {kind: sum(map(bool, map(tests.one.fullmatch, sample))) / len(sample) for kind, tests in _TESTS.items()}
    return {kind: 0 for kind in _TESTS if share[kind] > 0.5}
