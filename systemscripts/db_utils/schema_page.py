"""Write docs/schema.md: the tables of dba, visits and sales, from the catalog, so that page and database agree.

Targets that imports created are left out: they belong to one installation.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from systemscripts import db_utils, settings
from systemscripts.db_utils import migrations

if TYPE_CHECKING:
    from systemscripts.db_utils.connection import Cursor

PAGE = settings.PROJECT / "docs" / "schema.md"
SCHEMAS = {"dba": "the suite's own ledgers", "visits": "visits to the website", "sales": "sales and their marts"}
HEAD = """# Schema

Generated from the database: `PYTHONPATH=. .venv/bin/python -m systemscripts.db_utils.schema_page` writes this page, and
a test compares the two. The states are explained in [architecture.md](architecture.md). An arrow is a foreign key; many
tables name a run or a dataset without one, because a log must never fail.
"""
_RELATIONS = """
    select c.oid, n.nspname, c.relname, c.relkind in ('v', 'm'), coalesce(obj_description(c.oid, 'pg_class'), '')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and n.nspname = any(%s)
        and not (n.nspname = 'dba' and exists (select from dba.timportconfig i
            where i.target_table in ('dba.' || c.relname, 'dba.' || regexp_replace(c.relname, '_current$', ''))))
    order by array_position(%s, n.nspname::text), c.relname collate "C"
"""
_COLUMNS = """
    select a.attname, replace(format_type(a.atttypid, null), ' with time zone', 'tz'), a.attnotnull,
        coalesce(col_description(a.attrelid, a.attnum), ''),
        'p' = any(k.types), 'f' = any(k.types)
    from pg_attribute a cross join lateral (
        select coalesce(array_agg(contype::text), '{}') as types from pg_constraint
        where conrelid = a.attrelid and a.attnum = any(conkey)) k
    where a.attrelid = %s and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_ARROWS = """
    select f.confrelid, f.conrelid, a.attname, a.attnotnull
    from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
    where f.contype = 'f'
    order by f.confrelid::regclass::text collate "C", f.conrelid::regclass::text collate "C", a.attname
"""


class Column(NamedTuple):
    """A column according to the catalog."""

    name: str
    type: str
    is_required: bool
    comment: str
    is_primary: bool
    is_foreign: bool

    @property
    def keys(self) -> str:
        """Return PK, FK or both, as Mermaid writes them."""
        return ", ".join(word for word, holds in (("PK", self.is_primary), ("FK", self.is_foreign)) if holds)


class Relation(NamedTuple):
    """A table or view with its columns."""

    oid: int
    schema: str
    name: str
    is_view: bool
    comment: str


def render_page(cursor: Cursor) -> str:
    """Return the whole text of the page, from the catalog of the database of the cursor."""
    names = list(SCHEMAS)
    cursor.execute(_RELATIONS, (names, names))
    relations = [Relation(*row) for row in cursor.fetchall()]
    columns = {relation.oid: _read_columns(cursor, relation.oid) for relation in relations if not relation.is_view}
    cursor.execute(_ARROWS)
    arrows = [row for row in cursor.fetchall() if row[0] in columns and row[1] in columns]
    parts = [HEAD]
    for schema, title in SCHEMAS.items():
        own = [relation for relation in relations if relation.schema == schema]
        tables = [relation for relation in own if not relation.is_view]
        parts.append(f"\n## {schema}: {title}\n\n")
        parts.append(_draw_diagram(tables, relations, columns, arrows))
        parts += [_describe_table(table, columns[table.oid]) for table in tables]
        views = [f"| `{view.name}` | {_escape_cell(view.comment)} |\n" for view in own if view.is_view]
        if views:
            parts.append("\n| view | what it shows |\n| --- | --- |\n" + "".join(views))
    return "".join(parts)


def _read_columns(cursor: Cursor, oid: int) -> list[Column]:
    cursor.execute(_COLUMNS, (oid,))
    return [Column(*row) for row in cursor.fetchall()]


def _draw_diagram(
    tables: list[Relation],
    relations: list[Relation],
    columns: dict[int, list[Column]],
    arrows: list[tuple[int, int, str, bool]],
) -> str:
    """Return a diagram: the keys of each table, and what refers to what; tables of other schemas by their names."""
    named = {relation.oid: relation for relation in relations}
    own = {table.oid for table in tables}
    lines = ["```mermaid", "erDiagram"]
    for parent, child, column, is_required in arrows:
        if child in own:
            end = "||" if is_required else "|o"
            lines.append(f"    {_format_entity(named[parent])} {end}--o{{ {_format_entity(named[child])} : {column}")
    for table in tables:
        keys = [column for column in columns[table.oid] if column.keys]
        lines += [
            f"    {_format_entity(table)} {{",
            *(f"        {_format_type(c)} {c.name} {c.keys}" for c in keys),
            "    }",
        ]
    return "\n".join([*lines, "```", ""])


def _format_entity(relation: Relation) -> str:
    return f'"{relation.schema}.{relation.name}"'


def _format_type(column: Column) -> str:
    return column.type.replace(" ", "_")


def _describe_table(table: Relation, columns: list[Column]) -> str:
    rows = []
    for column in columns:
        type_text = column.type if column.is_required else f"{column.type}, may be empty"
        rows.append(f"| `{column.name}` | {type_text} | {_escape_cell(column.comment)} |\n")
    head = (
        f"\n### {table.schema}.{table.name}\n\n{table.comment}\n\n| column | type | what it is |\n| --- | --- | --- |\n"
    )
    return head + "".join(rows)


def _escape_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page from the database of the settings, migrations applied."""

    with contextlib.closing(db_utils.connect(purpose="schema page")) as connection:
        migrations.apply_pending(connection)
        with db_utils.transaction(connection) as cursor:
            PAGE.write_text(render_page(cursor))


if __name__ == "__main__":
    main()
