"""Write the rows of a view as Parquet: DuckDB reads them as texts and stores each column in its own type."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from systemscripts import duck

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# no text of a file contains it: XML and our loader refuse the letter
NULL_TEXT = "\x1aNULL"
# PostgreSQL's name of a type -> DuckDB's; a numeric without digits gets those that its values need
_TYPES = {
    "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "real": "FLOAT", "double precision": "DOUBLE",
    "boolean": "BOOLEAN", "date": "DATE", "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ", "uuid": "UUID",
}  # fmt: skip
MAX_DIGITS = 38


def write_parquet(
    stream: IO[bytes], header: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[object]], folder: Path
) -> None:
    """Write rows of texts; `types`: of the columns as PostgreSQL names them, `folder`: for what lies between."""
    names = _make_unique(header)
    with tempfile.TemporaryDirectory(dir=folder, prefix="parquet_") as name:
        texts, target = Path(name) / "rows.csv", Path(name) / "rows.parquet"
        # DuckDB drops one byte order mark, which otherwise would be the first letter of a text
        with texts.open("w", encoding="utf-8-sig", errors="replace", newline="") as text_stream:
            csv.writer(text_stream).writerows([NULL_TEXT if cell is None else cell for cell in row] for row in rows)
        with duck.open_session(Path(name) / "spill") as connection, duck.translate_errors(target):
            _convert(connection, names, types, texts, target)
        with target.open("rb") as made:
            shutil.copyfileobj(made, stream)


def _convert(
    connection: DuckDBPyConnection, names: Sequence[str], types: Sequence[str], texts: Path, target: Path
) -> None:
    columns = ", ".join(f"{duck.quote_literal(f'c{index}')}: 'VARCHAR'" for index in range(len(names)))
    connection.execute(
        f"""create temp view texts as select * from read_csv({duck.quote_literal(str(texts))}, header = false,
            auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = {duck.quote_literal(NULL_TEXT)},
            max_line_size = 1000000000, columns = {{{columns}}})"""
    )
    wanted = [_find_type(connection, f"c{index}", type_name) for index, type_name in enumerate(types)]
    selected = ", ".join(
        f"cast(c{index} as {kind}) as {duck.quote_identifier(name)}"
        for index, (name, kind) in enumerate(zip(names, wanted, strict=True))
    )
    connection.execute(
        f"copy (select {selected} from texts) to {duck.quote_literal(str(target))} (format parquet, compression zstd)"
    )


def _find_type(connection: DuckDBPyConnection, column: str, type_name: str) -> str:
    """Return DuckDB's type for a column; VARCHAR where a value would not fit it exactly."""
    kind = _TYPES.get(type_name, "VARCHAR")
    if type_name.startswith("numeric"):
        digits = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_name)
        kind = f"DECIMAL({digits[1]}, {digits[2]})" if digits else _measure_digits(connection, column)
    if kind == "VARCHAR":
        return kind
    try:
        unfit = connection.execute(
            f"select count(*) from texts where {column} is not null and try_cast({column} as {kind}) is null"
        ).fetchone()
    except Exception:
        return "VARCHAR"
    return "VARCHAR" if unfit is None or unfit[0] else kind


def _measure_digits(connection: DuckDBPyConnection, column: str) -> str:
    found = connection.execute(
        f"""select max(length(split_part(ltrim({column}, '-'), '.', 1))), max(length(split_part({column}, '.', 2)))
            from texts"""
    ).fetchone()
    before, after = found or (None, None)
    if before is None:
        return "DECIMAL(18, 0)"
    return f"DECIMAL({MAX_DIGITS}, {after})" if before + after <= MAX_DIGITS else "VARCHAR"


def _make_unique(header: Sequence[str]) -> list[str]:
    """Return the names; DuckDB compares them without case."""
    names: list[str] = []
    for name in header:
        taken = {known.casefold() for known in names}
        number, unique = 2, name or "column"
        while unique.casefold() in taken:
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return names
