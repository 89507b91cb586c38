"""Map declared types to DuckDB's, and build the SQL that casts a text: a checked one, or one as it is in the file.

A text as it is in the file must be written just as DuckDB writes the value: `1e3`, ` 5` and `2025-1-5`, which DuckDB
accepts, fail this test, and the checked path decides about them (DuckDB manual, "Casting").
"""

from __future__ import annotations

from systemscripts.configuration.column_schema import Column

# digits after the point where none are declared
DEFAULT_SCALE = 10
_TYPES = {
    "text": "varchar", "integer": "integer", "bigint": "bigint", "boolean": "boolean", "date": "date", "time": "time",
    "timestamp": "timestamp", "timestamptz": "timestamptz", "text[]": "varchar[]", "jsonb": "varchar",
}  # fmt: skip
CASTABLE_AS_IS = ("text", "integer", "bigint", "date", "numeric")


def set_default_scale(column: Column) -> Column:
    """Return a column with the scale that a Parquet decimal needs; longer values are rejected, not rounded."""
    if column.type != "numeric" or column.scale is not None:
        return column
    return column.model_copy(update={"scale": DEFAULT_SCALE})


def to_duckdb_type(column: Column) -> str:
    """Return DuckDB's name of a declared type."""
    if column.type == "numeric":
        return f"decimal({column.max_digits}, {column.scale})"
    return _TYPES[column.type]


def cast_checked(text: str, column: Column) -> str:
    """Return the SQL that casts the checked text of a value ("" for no value) to its type."""
    if column.type == "text[]":
        return f"case when {text} <> '' then try_cast('[' || {text}[2:-2] || ']' as varchar[]) end"
    return f"nullif({text}, '')" if column.type == "text" else f"try_cast({text} as {to_duckdb_type(column)})"


def is_castable_as_is(column: Column) -> bool:
    """Return whether the test in SQL can replace the declared checks."""
    checks = column.checks
    has_checks = checks.email or checks.regex or checks.range or checks.one_of
    has_spelling = column.formats or column.null or column.values or column.has_number_spelling
    lookup_fits = not checks.lookup or column.type in ("text", "integer", "bigint", "date")
    plain = column.default is None and lookup_fits and not (has_checks or has_spelling)
    return bool(plain and column.type in CASTABLE_AS_IS)


def cast_as_is(text: str, value: str, column: Column) -> tuple[str, str]:
    """Return the SQL for the value of a text, and for the test that DuckDB would write the value just so.

    `text`, `value`: the names of the two columns that the test is about.
    """
    empty = "false" if column.required else f"{text} = ''"
    if column.type == "text":
        return f"nullif({text}, '')", f"{text} <> ''" if column.required else "true"
    cast = f"try_cast({text} as {to_duckdb_type(column)})"
    written = f"{value}::varchar = {text}"
    if column.type == "numeric":
        # 12.5 and 7 are as good as 12.50 and 7.00; the pattern is tested only for texts in another form
        scale = column.scale or 0
        fraction = f"(\\.[0-9]{{1,{scale}}})?" if scale else ""
        digits = f"regexp_full_match({text}, '[+-]?[0-9]{{1,{column.max_digits - scale}}}{fraction}')"
        return cast, f"(case when {written} then true when {empty} then true else {digits} end)"
    # without what only DuckDB accepts: infinity, years before 1000 and after 9999
    if column.type == "date":
        written = f"strlen({text}) = 10 and {text} >= '1' and {written}"
    return cast, f"(case when {written} then true else {empty} end)"
