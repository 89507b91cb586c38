"""Let DuckDB test the spellings of the columns of a large plain file, with the same expressions, many times faster.

It only confirms: where it cannot read the file, or a column has values that fit none of its spellings, nothing is
changed and every value is looked at here, which also finds the lines of exceptions.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
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
    # for each column: how many are empty, are different, and do not fit each of the narrow spellings
    counts = ["count(*)"]
    for index, seen in enumerate(profiles):
        counts.append(f"count(*) filter (c{index} = '')")
        counts.append(f"count(distinct c{index})" if seen.is_unique else "0")
        counts += [_count_misfits(index, one.tests.value_or_empty) for one in narrow[index]]
    rows, *counted = _query(connection, counts, source)
    counted_values = iter(counted)
    results = [
        (next(counted_values), next(counted_values), [next(counted_values) for _ in spellings]) for spellings in narrow
    ]
    exceptions: list[Counter[str]] = []
    for seen, spellings, (empty, _, misfits) in zip(profiles, narrow, results, strict=True):
        if seen.spellings is None and rows - empty != seen.values:
            # the first value comes late
            return None
        exceptions.append(Counter(dict(zip((one.name for one in spellings), misfits, strict=True))))
    marks = _count_marks(connection, profiles, exceptions, source)
    if any(map(_has_only_misfits, exceptions)):
        # each spelling has exceptions, which are to be shown with their lines
        return None
    for index, (seen, (empty, different, _)) in enumerate(zip(profiles, results, strict=True)):
        seen.values, seen.empty, seen.exceptions, seen.marks = rows - empty, empty, exceptions[index], marks[index]
        if seen.is_unique and different < rows:
            seen.hashes = None
    return int(rows)


def _has_only_misfits(exceptions: Counter[str]) -> bool:
    return bool(exceptions) and all(exceptions.values())


def _list_narrow(seen: ColumnProfile) -> list[Spelling]:
    """Return the spellings of a column that no other one includes."""
    spellings = (seen.spellings or {}).values()
    wider = frozenset[str]().union(*(one.wider for one in spellings))
    return [one for one in spellings if one.name not in wider]


def _count_marks(
    connection: DuckDBPyConnection, profiles: Sequence[ColumnProfile], exceptions: list[Counter[str]], source: str
) -> list[Counter[str]]:
    """Count the marks of the columns whose narrow spellings all have exceptions, and test all spellings of these."""
    doubtful = [index for index, misfits in enumerate(exceptions) if _has_only_misfits(misfits)]
    marks = [Counter[str]() for _ in profiles]
    if not doubtful:
        return marks
    texts, counts = sorted(NULL_MARKS), []
    for index in doubtful:
        counts += [_count_misfits(index, one.tests.either) for one in (profiles[index].spellings or {}).values()]
        counts += [f"histogram(trim(c{index})) filter (trim(c{index}) in ({', '.join(map(quote_literal, texts))}))"]
    counted_values = iter(_query(connection, counts, source))
    for index in doubtful:
        exceptions[index] = Counter({name: next(counted_values) for name in profiles[index].spellings or {}})
        marks[index] = Counter(next(counted_values) or {})
    return marks


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
