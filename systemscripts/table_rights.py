"""Which tables and columns a user of the console may see: the groups of dba.tusergroup, and `personal` in a schema.

A view may be seen if everything it reads may be seen, or if a group names it. In a view that reads personal columns
only those columns are shown that have the name of a column that is not personal: any other may be made from one.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from systemscripts.db_utils.reader_rights import CLOSED_VIEWS

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# the group of users in no group
DEFAULT_GROUP = "default"
# in place of a name: every table that an import fills
TARGETS = "targets"
# what is shown instead of a value
MASK = "•••"
Name = tuple[str, str]
# a view that restricts a table to its current rows reads them
_NEUTRAL: frozenset[Name] = frozenset({("dba", "v_current_dataset"), ("dba", "tdataset")})
# they quote the file, so they hold personal values where any schema declares one
_QUOTED = {("dba", "trejectedrow"): frozenset({"value", "reason", "raw_row"})}
# what a count, a flag or a date of a view has; the values of other types may have been made from several columns
_PLAIN_TYPES = ("smallint", "integer", "bigint", "numeric", "boolean", "date", "timestamp", "double", "real")


@dataclass(frozen=True)
class View:
    """What a view reads (table -> the columns that it uses) and its columns with their types."""

    sources: Mapping[Name, frozenset[str]]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Catalog:
    """The tables of the database as far as visibility depends on them."""

    targets: frozenset[Name] = frozenset()
    personal: Mapping[Name, frozenset[str]] = field(default_factory=dict)
    views: Mapping[Name, View] = field(default_factory=dict)
    # of the tables that views read
    columns: Mapping[Name, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grants:
    """What the groups of a user name, all together."""

    tables: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    reports: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Visibility:
    """What one user may see. Without anything given: nothing."""

    sees_everything: bool = False
    grants: Grants = Grants()
    catalog: Catalog = Catalog()

    def may_see(self, schema: str, table: str) -> bool:
        """Return whether the user may see rows of a table or view; its masked columns are another question."""
        return self.sees_everything or self._may_see((schema, table), frozenset())

    def may_see_list(self, import_name: str, schema: str, table: str) -> bool:
        """Return whether the user may see the lists of an import, with the masked columns of its table."""
        return self.may_see(schema, table) or _matches_any(import_name, self.grants.lists)

    def is_report_granted(self, report_name: str) -> bool:
        """Return whether a group names a report; others may be read if everything they read may be seen."""
        return self.sees_everything or _matches_any(report_name, self.grants.reports)

    def masked_columns(self, schema: str, table: str) -> frozenset[str]:
        """Return the columns of a table or view whose values the user may not see, filter by or sort by."""
        return frozenset() if self.sees_everything else self._find_masked((schema, table), frozenset())

    def judge_query(self, query: View) -> tuple[bool, frozenset[str]]:
        """Return whether everything that the query of a report reads may be seen, and which columns are masked.

        A report may also read the views of dba, which have runs, files and counts, and no rows of tables.
        """
        if self.sees_everything:
            return True, frozenset()
        rest = View({name: used for name, used in query.sources.items() if not _is_ledger_view(name)}, query.columns)
        may_read = self._may_read(rest, frozenset()) if rest.sources else bool(query.sources)
        return may_read, self._mask_view(query, frozenset())

    def _may_see(self, name: Name, above: frozenset[Name]) -> bool:
        if self._is_named(name, self.grants.tables):
            return True
        view = self.catalog.views.get(name)
        return view is not None and name not in above and self._may_read(view, above | {name})

    def _may_read(self, view: View, above: frozenset[Name]) -> bool:
        sources = view.sources.keys() - _NEUTRAL
        # without a source it may call a function, which may read anything
        return bool(sources) and all(self._may_see(source, above) for source in sources)

    def _is_named(self, name: Name, patterns: frozenset[str]) -> bool:
        return (TARGETS in patterns and name in self.catalog.targets) or _matches_any(".".join(name), patterns)

    def _find_masked(self, name: Name, above: frozenset[Name]) -> frozenset[str]:
        # without personal columns nothing is masked, however many views there are
        if not self.catalog.personal:
            return frozenset()
        if view := self.catalog.views.get(name):
            masked = frozenset(view.columns) if name in above else self._mask_view(view, above | {name})
            return frozenset() if masked and self._is_named(name, self.grants.personal) else masked
        personal = self.catalog.personal.get(name, frozenset())
        if name in _QUOTED:
            personal |= _QUOTED[name]
        return frozenset() if personal and self._is_named(name, self.grants.personal) else personal

    def _mask_view(self, view: View, above: frozenset[Name]) -> frozenset[str]:
        masked_by_source = {source: self._find_masked(source, above) for source in view.sources}
        masked = frozenset().union(*masked_by_source.values())
        if not masked:
            return frozenset()
        is_personal_used = any(view.sources[source] & masked_by_source[source] for source in view.sources)
        known = frozenset().union(*(self.catalog.columns.get(source, frozenset()) for source in view.sources))
        return frozenset(
            column
            for column, column_type in view.columns.items()
            if column in masked
            or (column not in known and (is_personal_used or not column_type.startswith(_PLAIN_TYPES)))
        )


def _is_ledger_view(name: Name) -> bool:
    return name[0] == "dba" and name[1].startswith("v_") and name[1] not in CLOSED_VIEWS


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns if pattern != TARGETS)


def read_visibility(cursor: Cursor, user_name: str, sees_everything: bool = False) -> Visibility:
    """Return what a user may see; `sees_everything`: an operator. `cursor`: of the login etl."""
    if sees_everything:
        return Visibility(sees_everything=True)
    return Visibility(grants=_read_grants(cursor, user_name), catalog=read_catalog(cursor))


def _read_grants(cursor: Cursor, user_name: str) -> Grants:
    cursor.execute(
        """select g.tables, g.lists, g.reports, g.personal from dba.tusergroup g
           where g.group_name in (select m.group_name from dba.tgroupmember m where m.user_name = %(user)s)
              or (g.group_name = %(default)s
                  and not exists (select from dba.tgroupmember m where m.user_name = %(user)s))""",
        {"user": user_name, "default": DEFAULT_GROUP},
    )
    groups: list[Any] = cursor.fetchall()
    return Grants(*(frozenset(pattern for group in groups for pattern in group[index]) for index in range(4)))


def read_catalog(cursor: Cursor) -> Catalog:
    """Return the targets, the personal columns and the views of the database."""
    cursor.execute(
        """select target_table from dba.timportconfig union
           select target_table from dba.tdataset where status = 'active'"""
    )
    targets = frozenset(_split_name(name) for (name,) in cursor.fetchall())
    personal = read_personal_columns(cursor)
    sources = _read_view_sources(cursor)
    columns = _read_columns(
        cursor, {*sources, *(name for used in sources.values() for name in used)} if personal else set()
    )
    views = {name: View(used, columns.get(name, {})) for name, used in sources.items()}
    return Catalog(targets, personal, views, {name: frozenset(types) for name, types in columns.items()})


def read_personal_columns(cursor: Cursor) -> dict[Name, frozenset[str]]:
    """Return the personal columns of each target by the schemas of its imports, also the copies of such columns."""
    cursor.execute(
        """select target_table, schema from dba.timportconfig
           where jsonb_path_exists(schema, '$.*.personal ? (@ == true)')"""
    )
    personal: dict[Name, frozenset[str]] = {}
    for table, schema in cursor.fetchall():
        name = _split_name(table)
        personal[name] = personal.get(name, frozenset()) | find_personal(schema)
    return personal


def find_personal(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the names in the target of the personal columns of a schema, as it is stored in dba.timportconfig."""
    declared = {key: value for key, value in schema.items() if isinstance(value, dict)}
    keys = {key for key, value in declared.items() if value.get("personal") is True}
    while copies := {key for key, value in declared.items() if value.get("from") in keys} - keys:
        keys |= copies
    return frozenset(declared[key].get("rename") or key for key in keys)


def _read_view_sources(cursor: Cursor) -> dict[Name, dict[Name, frozenset[str]]]:
    cursor.execute(f"{_SOURCES} where v.relkind in ('v', 'm') and vn.nspname !~ '^pg_' group by 1, 2, 3, 4")
    return _group_sources(cursor.fetchall())


def _group_sources(rows: Iterable[tuple[Any, ...]]) -> dict[Name, dict[Name, frozenset[str]]]:
    sources: dict[Name, dict[Name, frozenset[str]]] = {}
    for schema, view, source_schema, source, columns in rows:
        used = sources.setdefault((schema, view), {})
        if source is not None:
            used[(source_schema, source)] = frozenset(columns or ())
    return sources


# for each view (n, v) each relation (sn, s) that its rule depends on, with the columns
_SOURCES = """
    select vn.nspname, v.relname, sn.nspname, s.relname,
        array_agg(distinct a.attname::text) filter (where a.attname is not null)
    from pg_class v join pg_namespace vn on vn.oid = v.relnamespace and vn.nspname <> 'information_schema'
    join pg_rewrite r on r.ev_class = v.oid
    left join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
    left join pg_class s on s.oid = d.refobjid
    left join pg_namespace sn on sn.oid = s.relnamespace
    left join pg_attribute a on a.attrelid = s.oid and a.attnum = d.refobjsubid and d.refobjsubid > 0"""


def read_query_view(cursor: Cursor, statement: str) -> View:
    """Return what a query reads, for `Visibility.judge_query`; nothing is run and nothing stays.

    `cursor`: of the login etl, in a transaction that may write; raises psycopg2.Error if the query is wrong.
    """
    cursor.execute("savepoint judged")
    try:
        cursor.execute(f"create temp view judged_query as {statement}")
        cursor.execute(f"{_SOURCES} where v.oid = 'pg_temp.judged_query'::regclass group by 1, 2, 3, 4")
        ((_, sources),) = _group_sources(cursor.fetchall()).items()
        cursor.execute(
            """select attname, format_type(atttypid, atttypmod) from pg_attribute
               where attrelid = 'pg_temp.judged_query'::regclass and attnum > 0"""
        )
        return View(sources, dict(cursor.fetchall()))
    finally:
        cursor.execute("rollback to savepoint judged")


def _read_columns(cursor: Cursor, names: set[Name]) -> dict[Name, dict[str, str]]:
    if not names:
        return {}
    cursor.execute(
        """select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
           from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
           where (n.nspname::text, c.relname::text) in (select * from unnest(%s::text[], %s::text[]))
             and a.attnum > 0 and not a.attisdropped""",
        ([schema for schema, _ in names], [table for _, table in names]),
    )
    columns: dict[Name, dict[str, str]] = {}
    for schema, table, column, column_type in cursor.fetchall():
        columns.setdefault((schema, table), {})[column] = column_type
    return columns


def _split_name(full_name: str) -> Name:
    schema, _, table = full_name.partition(".")
    return schema, table
