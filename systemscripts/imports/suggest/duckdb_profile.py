"""Let DuckDB test the spellings of the columns of a large plain file, with the same expressions, many times faster.

It only confirms: where it cannot read the file, or a column has values that fit none of its spellings, nothing is
changed and every value is looked at here, which also finds the lines of exceptions.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import duck
from systemscripts.duck import quote_literal
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.suggest.null_marks import NULL_MARKS
from systemscripts.imports.suggest.value_spellings import Spelling
from systemscripts.tables.model import Lines, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

logger = logging.getLogger(__name__)

# reading less takes no longer than importing DuckDB
MIN_BYTES = 8 * 2**20
# DuckDB's mark for a missing field, which no file contains
ABSENT = "\x01\x02"
# DuckDB's expressions (RE2) have neither possessive repeats, which only save time, nor looks around
_POSSESSIVE = re.compile(r"(\\.|\[\^?(?:\\.|[^\]\\])*\])|([*+?}])\+", re.DOTALL)
_LOOKS_AROUND = re.compile(r"\(\?<?[=!]")


def profile_file(profiles: Sequence[ColumnProfile], table: Table) -> int | None:
    """Complete the profiles of the first rows with all others; return the number of rows, None if that is impossible.

    `profiles`: of each column, with the spellings to test.
    """
    lines = table.lines() if len(profiles) > 1 else None
    if lines is None or lines.path.stat().st_size < MIN_BYTES or not _can_test(profiles):
        return None
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duck.open_session(Path(folder, "spill")) as connection:
        try:
            return _profile(connection, profiles, lines)
        except duckdb.Error as error:
            # rows of another width, stray quotes: only speed is lost
            logger.info("%s is profiled row by row: %s", lines.path.name, str(error).partition("\n")[0])
            return None


def _can_test(profiles: Sequence[ColumnProfile]) -> bool:
    patterns = [one.tests.either for seen in profiles for one in (seen.spellings or {}).values()]
    return not any(map(_LOOKS_AROUND.search, patterns))


def _profile(connection: DuckDBPyConnection, profiles: Sequence[ColumnProfile], lines: Lines) -> int | None:
    source = _build_source(lines, len(profiles))
    narrow = [_list_narrow(seen) for seen in profiles]
    # for each column: how many are empty, are different, are marks, and do not fit each of the narrow spellings
    counts = ["count(*)"]
    for index, seen in enumerate(profiles):
        counts.append(f"count(*) filter (c{index} = '')")
        counts.append(f"count(distinct c{index})" if seen.is_unique else "0")
        counts.append(_count_marks(index) if seen.marks else "null")
        tests = [one.tests.either if seen.marks else one.tests.value_or_empty for one in narrow[index]]
        counts += [_count_misfits(index, pattern) for pattern in tests]
    rows, *counted = _query(connection, counts, source)
    values = iter(counted)
    results = [_take_result(values, spellings) for spellings in narrow]
    if any(
        seen.spellings is None and rows - result.empty != seen.values
        for seen, result in zip(profiles, results, strict=True)
    ):
        # the first value comes late
        return None
    _test_again(connection, profiles, results, source)
    if any(_has_only_misfits(result.exceptions) for result in results):
        # each spelling has exceptions, which are to be shown with their lines
        return None
    for seen, result in zip(profiles, results, strict=True):
        seen.values, seen.empty = rows - result.empty, result.empty
        seen.exceptions, seen.marks = result.exceptions, result.marks
        if seen.is_unique and result.different < rows:
            seen.hashes = None
    return int(rows)


@dataclass
class _Result:
    """What was counted of one column."""

    empty: int
    different: int
    marks: Counter[str]
    exceptions: Counter[str]


def _take_result(values: Iterator[Any], spellings: Sequence[Spelling]) -> _Result:
    empty, different, marks = next(values), next(values), next(values)
    return _Result(empty, different, Counter(marks or {}), Counter({one.name: next(values) for one in spellings}))


def _has_only_misfits(exceptions: Counter[str]) -> bool:
    return bool(exceptions) and all(exceptions.values())


def _list_narrow(seen: ColumnProfile) -> list[Spelling]:
    """Return the spellings of a column that no other one includes."""
    spellings = (seen.spellings or {}).values()
    wider = frozenset[str]().union(*(one.wider for one in spellings))
    return [one for one in spellings if one.name not in wider]


def _test_again(
    connection: DuckDBPyConnection, profiles: Sequence[ColumnProfile], results: Sequence[_Result], source: str
) -> None:
    """Test all spellings, and with marks, of the columns whose narrow spellings all have exceptions."""
    doubtful = [index for index, result in enumerate(results) if _has_only_misfits(result.exceptions)]
    if not doubtful:
        return
    counts = []
    for index in doubtful:
        counts.append(_count_marks(index))
        counts += [_count_misfits(index, one.tests.either) for one in (profiles[index].spellings or {}).values()]
    values = iter(_query(connection, counts, source))
    for index in doubtful:
        results[index].marks = Counter(next(values) or {})
        results[index].exceptions = Counter({name: next(values) for name in profiles[index].spellings or {}})


def _count_marks(index: int) -> str:
    marks = ", ".join(map(quote_literal, sorted(NULL_MARKS)))
    return f"histogram(trim(c{index})) filter (trim(c{index}) in ({marks}))"


def _count_misfits(index: int, pattern: str) -> str:
    return f"count(*) filter (not regexp_full_match(c{index}, {quote_literal(f'(?:{translate_pattern(pattern)})')}))"


def _query(connection: DuckDBPyConnection, counts: list[str], source: str) -> list[Any]:
    row: Any = connection.execute(f"select {', '.join(counts)} from {source}").fetchone()
    return list(row)


def _build_source(lines: Lines, width: int) -> str:
    """Return the SQL that reads the records strictly: every one has all fields, and quotes enclose whole fields."""
    columns = ", ".join(f"'c{index}': 'varchar'" for index in range(width))
    return f"""read_csv({duck.quote_path(lines.path)}, auto_detect = false, header = false, skip = {lines.first - 1},
        delim = {quote_literal(lines.wire.delimiter)}, quote = {quote_literal(lines.wire.quote)},
        escape = {quote_literal(lines.wire.quote)}, nullstr = {quote_literal(ABSENT)}, strict_mode = true,
        hive_partitioning = false, columns = {{{columns}}})"""


def translate_pattern(pattern: str) -> str:
    """Return one of Python's expressions as RE2 reads it."""
    return _POSSESSIVE.sub(lambda match: match[1] or match[2], pattern)
