"""Show the lists: what each has now, what changed, and how it was on earlier dates."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from systemscripts import settings
from webconsole import connections, freshness, list_changes, send_file
from webconsole.dataset_diff import find_key_columns
from webconsole.pages.table_pages import MAX_CELL_LETTERS, MAX_COLUMNS, make_arguments, read_rows
from webconsole.queries import configurations, lists, relations, table_views, tables, titles, value_counts
from webconsole.queries.lists import Version
from webconsole.queries.tables import TableQuery
from webconsole.query_arguments import parse_day, parse_table_query
from webconsole.security import access, visibility

blueprint = Blueprint("lists", __name__, url_prefix="/console/lists")
# of one page; the search narrows it down
MAX_LISTS = 200
# of each kind of change on a page; the file has all
MAX_CHANGES = 200
SUFFIX = "<any(csv, xlsx, parquet):suffix>"


@dataclass(frozen=True)
class Row:
    """One list on the page of all lists."""

    version: Version
    title: str
    counts: lists.Counts | None


@blueprint.get("")
@access.allow("user")
def show_lists() -> str:
    """Show every list by import, as it is now or was on a day."""
    day, search = parse_day(request.args, "day"), " ".join(request.args.get("search", "").split())
    with connections.read_as_etl() as cursor:
        versions = [version for version in lists.list_current(cursor, day) if _may_see(version)]
        declared = configurations.list_label_titles(cursor)
        fresh = freshness.load_freshness(cursor)
    rows = [row for row in _add_titles(versions, declared) if _matches(row, search)]
    with connections.read_as_etl() as cursor:
        shown = lists.add_before(cursor, [row.version for row in rows[:MAX_LISTS]])
        counts = lists.load_counts(cursor, shown)
    known = {row.version.dataset_id: row.title for row in rows}
    shown_rows = [
        Row(version, known[version.dataset_id], counts.get(version.dataset_id)) for version in shown
    ]  # fmt: skip
    groups = [(name, list(some)) for name, some in groupby(shown_rows, key=lambda row: row.version.name)]
    sizes = {name: len(list(some)) for name, some in groupby(rows, key=lambda row: row.version.name)}
    today = settings.now().date()
    return render_template(
        "lists.html", groups=groups, sizes=sizes, total=len(rows), more=len(rows) - MAX_LISTS, search=search, day=day,
        fresh=fresh, today=today, days={"Last week": today - timedelta(days=7), "Last month": _last_month(today)},
        anything=bool(versions),
    )  # fmt: skip


def _last_month(today: date) -> date:
    """Return the last day of the month before."""
    return today.replace(day=1) - timedelta(days=1)


def _may_see(version: Version) -> bool:
    schema, _, table = version.table.partition(".")
    return visibility.current().may_see_list(version.name, schema, table)


def _matches(row: Row, search: str) -> bool:
    text = f"{row.title} {row.version.label or ''} {row.version.name}".casefold()
    return all(word in text for word in search.casefold().split())


def _add_titles(versions: list[Version], declared: dict[str, dict[str, Any]]) -> list[Row]:
    rows = []
    for name, some in groupby(versions, key=lambda version: version.name):
        group = list(some)
        known = titles.load_titles(declared.get(name, {}), (version.label for version in group))
        rows += [Row(version, known.get(version.label or "", ""), None) for version in group]
    return rows


@dataclass(frozen=True)
class OneList:
    """A list that a request is about, with its versions, newest first."""

    name: str
    label: str | None
    title: str
    versions: list[Version]
    fresh: freshness.Freshness | None

    @property
    def arguments(self) -> dict[str, str]:
        """Return what names the list in an address."""
        return {} if self.label is None else {"list": self.label}

    def find(self, number: int | None) -> Version | None:
        """Return a version by its number."""
        return next((version for version in self.versions if version.dataset_id == number), None)


def _find_list(name: str) -> OneList:
    """Return the list that the address names; answer 404 if the user may not see it or it does not exist."""
    label = request.args.get("list")
    with connections.read_as_etl() as cursor:
        versions = [version for version in lists.list_versions(cursor, name, label) if _may_see(version)]
        if not versions:
            abort(404, "This list does not exist.")
        declared = configurations.list_label_titles(cursor)
        fresh = freshness.load_freshness(cursor).get(name)
    title = titles.load_titles(declared.get(name, {}), [label]).get(label or "", "")
    return OneList(name, label, title, versions, fresh)


def _choose_version(one: OneList, argument: str = "day") -> Version:
    """Return the version of the day that the address names, by default the newest."""
    day = parse_day(request.args, argument)
    found = one.versions[0] if day is None else lists.find_on(one.versions, day)
    return found or abort(404, f"The list has no version of {day} or before.")


@blueprint.get("/<name>/now")
@access.allow("user")
def show_rows(name: str) -> str:
    """Show the rows of a list, as they are now or were on a day."""
    one = _find_list(name)
    version = _choose_version(one)
    path, arguments = f"/console/lists/{name}/now", dict(one.arguments)
    if "day" in request.args:
        arguments["day"] = request.args["day"]
    view = _prepare_view(version, MAX_CELL_LETTERS, MAX_COLUMNS)
    return render_template(
        "list_rows.html", one=one, version=version, tab="now",
        **read_rows(view, path, make_arguments(view.query) | arguments, set()),
    )  # fmt: skip


@blueprint.get(f"/<name>/now.{SUFFIX}")
@access.allow("user")
def download_rows(name: str, suffix: str) -> Response:
    """Send the rows of a list as a file."""
    one = _find_list(name)
    version = _choose_version(one)
    return send_file.send_table(_prepare_view(version), suffix, _name_file(one, version))


def _prepare_view(
    version: Version, max_cell_letters: int | None = None, max_columns: int | None = None
) -> tables.TableView:
    """Return the view of a version by the address, with the columns of the list: its table may have many more."""
    arguments = {**request.args, "dataset": str(version.dataset_id), "day": ""}
    query = parse_table_query(arguments, max_cell_letters, max_columns, is_for_people=True)
    view = tables.prepare_view(version.table, query, version.name)
    return dataclasses.replace(view, own_columns=tuple(version.columns))


def _name_file(one: OneList, version: Version) -> str:
    return "_".join(part for part in (one.title or one.name, one.label or "", str(version.day)) if part)


@blueprint.get("/<name>/changes")
@access.allow("user")
def show_changes(name: str) -> str:
    """Show what changed between two dates of a list, by default the last two."""
    one = _find_list(name)
    before, after = _choose_pair(one)
    changes = None if before is None else list_changes.compare_versions(before, after, _find_relation(after))
    return render_template(
        "list_changes.html", one=one, version=after, before=before, tab="changes", changes=changes, limit=MAX_CHANGES
    )


@blueprint.get("/<name>/changes.<any(csv, xlsx):suffix>")
@access.allow("user")
def download_changes(name: str, suffix: str) -> Response:
    """Send what changed as a file."""
    one = _find_list(name)
    before, after = _choose_pair(one)
    if before is None:
        abort(404, "This is the first version of the list: there is nothing to compare it with.")
    changes = list_changes.compare_versions(before, after, _find_relation(after))
    return send_file.send_rows(
        changes.header, changes.make_rows(), suffix, f"changes_{_name_file(one, after)}_since_{before.day}"
    )


@blueprint.get("/<name>/counts")
@access.allow("user")
def show_counts(name: str) -> str:
    """Show how many rows of one version changed, for the page of all lists, which asks for what is not counted yet."""
    one = _find_list(name)
    version = _choose_version(one)
    return render_template("parts/list_counts.html", counts=list_changes.count_changes(version), version=version)


@blueprint.get("/<name>/several")
@access.allow("user")
def show_several(name: str) -> str:
    """Show the values, such as companies, that are in more than one of the current lists of an import."""
    with connections.read_as_etl() as cursor:
        versions = [version for version in lists.list_current(cursor, name=name) if _may_see(version)]
        if not versions:
            abort(404, "There is no such list.")
        declared = configurations.list_label_titles(cursor)
    rows = {row.version.dataset_id: row for row in _add_titles(versions, declared)}
    view = tables.prepare_view(versions[0].table, TableQuery(is_for_people=True), name)
    condition = table_views.match_datasets(list(rows))
    view = dataclasses.replace(view, dataset_condition=condition, datasets=len(rows))
    columns = [column for column in view.data_columns if not column.is_masked]
    column = request.args.get("by", "") or _choose_column(name, [column.name for column in columns])
    return render_template(
        "list_several.html", name=name, column=column, columns=columns, lists=rows, limit=value_counts.MAX_REPEATED,
        repeated=value_counts.list_repeated(view, column),
    )  # fmt: skip


def _choose_column(name: str, columns: list[str]) -> str:
    """Return the column of the key that reads best: of ticker|company_name the one with a name."""
    key = [part for element in find_key_columns(name) for part in element.split("|") if part in columns]
    named = [part for part in key if "name" in part]
    return next(iter([*named, *key, *columns]), "")


@blueprint.get("/<name>/earlier")
@access.allow("user")
def show_earlier(name: str) -> str:
    """Show every version of a list by its date."""
    one = _find_list(name)
    with connections.read_as_etl() as cursor:
        counts = lists.load_counts(cursor, one.versions)
    return render_template("list_earlier.html", one=one, version=one.versions[0], tab="earlier", counts=counts)


def _choose_pair(one: OneList) -> tuple[Version | None, Version]:
    """Return the two versions that the address compares (from, to), by default the newest and the one before it."""
    after = _choose_version(one, "to")
    day = parse_day(request.args, "from")
    before = one.find(after.before) if day is None else lists.find_on(one.versions, day)
    if before is None and day is not None:
        abort(404, f"The list has no version of {day} or before.")
    return before, after


def _find_relation(version: Version) -> relations.Relation:
    with connections.read_as_reader() as cursor:
        return relations.find_relation(cursor, version.table, version.name)
