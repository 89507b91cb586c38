"""Count and hash the rows of every table, so that a restored database can be compared with the one it came from."""

from __future__ import annotations

from psycopg2 import sql

from systemscripts.db_utils import Cursor

# schema.table -> number of rows, and a sum of their hashes that does not depend on their order
Fingerprints = dict[str, tuple[str, str]]
# How a row looks as text depends on these.
FORMS = (
    "set local time zone 'UTC'", "set local datestyle = 'ISO, YMD'", "set local intervalstyle = 'postgres'",
    "set local extra_float_digits = 1", "set local bytea_output = 'hex'", "set local lc_monetary = 'C'",
    # only the operator's patience limits it
    "set local statement_timeout = 0",
)  # fmt: skip


def compute_fingerprints(cursor: Cursor) -> Fingerprints:
    """Return the fingerprint of every table that is not PostgreSQL's own, within the cursor's transaction."""
    for statement in FORMS:
        cursor.execute(statement)
    cursor.execute(
        """select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname <> 'information_schema'
             and n.nspname not like 'pg\\_%' order by 1, 2"""
    )
    fingerprints: Fingerprints = {}
    for schema, table in cursor.fetchall():
        # the name of the row is not that of a column, which would be hashed instead
        cursor.execute(
            sql.SQL(
                """select count(*), coalesce(sum(hashtextextended("the whole row"::text, 0)::numeric), 0)
                   from only {} "the whole row" """
            ).format(sql.Identifier(schema, table))
        )
        rows, digest = cursor.fetchone() or (0, 0)
        fingerprints[f"{schema}.{table}"] = str(rows), str(digest)
    return fingerprints


def find_differences(expected: Fingerprints, actual: Fingerprints) -> list[str]:
    """Return a sentence for each table that is missing, additional, or has other rows than expected."""
    faults = [f"the table {name} is missing" for name in expected.keys() - actual.keys()]
    faults += [f"the table {name} should not be there" for name in actual.keys() - expected.keys()]
    for name in expected.keys() & actual.keys():
        (rows, digest), (actual_rows, actual_digest) = expected[name], actual[name]
        if rows != actual_rows:
            faults.append(f"the table {name} has {actual_rows} rows, expected were {rows}")
        elif digest != actual_digest:
            faults.append(f"the table {name} has other values in its {rows} rows")
    return sorted(faults)
