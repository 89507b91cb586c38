"""Find the views that depend on a target: our own, which is recreated, and others, which block a change of type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class View:
    """A view, not our own, that depends on the target directly or through others (`depth`)."""

    name: str  # as SQL
    materialized: bool
    definition: str
    depth: int

    @property
    def kind(self) -> str:
        """Return the object type for DROP and CREATE."""
        return "materialized view" if self.materialized else "view"


def refuse_foreign_views(cursor: Cursor, schema: str, table: str, columns: list[str], command: str) -> None:
    """Raise ConfigurationError with the SQL to run when another view depends on some columns or on our view."""
    views = _find_foreign_views(cursor, schema, table, columns)
    if not views:
        return
    downwards = sorted(views, key=lambda view: -view.depth)
    drop = " ".join(f"drop {view.kind} {view.name};" for view in downwards)
    create = " ".join(f"create {view.kind} {view.name} as {view.definition}" for view in reversed(downwards))
    raise ConfigurationError(
        f"views depend on {schema}.{table}: {', '.join(view.name for view in downwards)}",
        f"Run: {drop} Then {command}, and then: {create}",
    )


def _find_foreign_views(cursor: Cursor, schema: str, table: str, columns: list[str]) -> list[View]:
    cursor.execute(
        _VIEWS, {"table": _to_regclass(cursor, schema, table), "own": _to_regclass(cursor, schema, f"{table}_current"),
                 "columns": columns}
    )  # fmt: skip
    return [View(*row) for row in cursor.fetchall()]


def _to_regclass(cursor: Cursor, schema: str, name: str) -> str:
    return sql.Identifier(schema, name).as_string(cursor)


@dataclass(frozen=True)
class ViewExtras:
    """The comment and grants of a view."""

    comment: str | None
    grants: list[tuple[str, str, bool]]  # role, privilege, with grant option


def load_view_extras(cursor: Cursor, schema: str, view: str) -> ViewExtras:
    """Return comment and grants of a view, to restore them after it was recreated."""
    name = _to_regclass(cursor, schema, view)
    cursor.execute("select obj_description(to_regclass(%s), 'pg_class')", (name,))
    comment = cursor.fetchone()
    cursor.execute(
        """select case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
                  a.privilege_type, a.is_grantable
           from pg_class c, aclexplode(c.relacl) a
           where c.oid = to_regclass(%s) and a.grantee <> c.relowner""",
        (name,),
    )
    return ViewExtras(comment[0] if comment else None, cursor.fetchall())


def build_restore_statements(schema: str, view: str, kept: ViewExtras) -> list[sql.Composed]:
    """Return the statements that restore the grants of a view."""
    return [
        sql.SQL(f"grant {privilege} on {{}} to {role}{' with grant option' if grantable else ''}").format(
            sql.Identifier(schema, view)
        )
        for role, privilege, grantable in kept.grants
    ]


_VIEWS = """
    with recursive standing as (
        select r.ev_class as oid, 1 as depth
        from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.refclassid = 'pg_class'::regclass
          and (d.refobjid = to_regclass(%(own)s)
               or d.refobjid = to_regclass(%(table)s) and a.attname = any(%(columns)s))
          and r.ev_class <> d.refobjid and r.ev_class is distinct from to_regclass(%(own)s)
        union
        select r.ev_class, s.depth + 1
        from standing s join pg_depend d on d.refobjid = s.oid and d.refclassid = 'pg_class'::regclass
        join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
        where r.ev_class <> s.oid)
    select c.oid::regclass::text, c.relkind = 'm', pg_get_viewdef(c.oid), max(s.depth)
    from standing s join pg_class c on c.oid = s.oid where c.relkind in ('v', 'm') group by c.oid, c.relkind"""
