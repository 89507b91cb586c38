"""Restrict a report to what one user may see: whole queries, masked columns, and the parts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import psycopg2

from systemscripts import settings
from systemscripts.db_utils import Cursor
from systemscripts.reports.definition import Report
from systemscripts.reports.report_part import ReportPart, load_part
from systemscripts.table_rights import MASK, Visibility, read_query_view

logger = logging.getLogger(__name__)
# columns and rows
Table = tuple[list[str], list[tuple[Any, ...]]]
# a query is judged by its text, so that any values do
_ANY_VALUES = {"since": 0, "until": 0, "run": "00000000-0000-0000-0000-000000000000", "each": None}


def list_statements(report: Report) -> dict[str | int, str]:
    """Return every query of a report by its name, or by the index of an attachment with SQL of its own."""
    statements: dict[str | int, str] = dict(report.queries.items())
    for index, attachment in enumerate(report.attachments):
        if attachment.query not in report.queries and attachment.query not in report.parts:
            statements[index] = attachment.query
    return statements


def may_read_report(cursor: Cursor, report: Report, visibility: Visibility) -> bool:
    """Return whether a user may read a report: a group names it, or all that it reads may be seen.

    `cursor`: of the login etl, in a transaction that may write; nothing stays.
    """
    if visibility.sees_everything:
        return True
    is_granted = visibility.is_report_granted(report.report_name)
    for statement in list_statements(report).values():
        judgement = _judge(cursor, statement, visibility)
        if judgement is None or not (judgement[0] or is_granted):
            return False
    for name, options in report.parts.items():
        module = load_part(name)
        if not (is_granted or module.may_read(cursor, module.Options.model_validate(options), visibility)):
            return False
    return True


def restrict_tables(
    cursor: Cursor, report: Report, visibility: Visibility, tables: Mapping[str | int, Table]
) -> dict[str | int, Table]:
    """Return the results of the queries as a user may see them: without rows, or with masked values."""
    restricted: dict[str | int, Table] = {}
    statements = list_statements(report)
    is_granted = visibility.is_report_granted(report.report_name)
    for name, (columns, rows) in tables.items():
        judgement = _judge(cursor, statements[name], visibility)
        if judgement is None or not (judgement[0] or is_granted):
            restricted[name] = (columns, [])
            continue
        places = [index for index, column in enumerate(columns) if column in judgement[1]]
        restricted[name] = (columns, [_mask_row(row, places) for row in rows] if places else rows)
    return restricted


def restrict_part(cursor: Cursor, name: str, options: Any, part: ReportPart, visibility: Visibility) -> ReportPart:
    """Return a part of a report as a user may see it."""
    module = load_part(name)
    restricted: ReportPart = module.restrict(cursor, module.Options.model_validate(options), part, visibility)
    return restricted


def _judge(cursor: Cursor, statement: str, visibility: Visibility) -> tuple[bool, frozenset[str]] | None:
    """Return whether a user may read a query, and its masked columns; None if it is not known what the query reads."""
    try:
        text = cursor.mogrify(statement, _ANY_VALUES | {"now": settings.now()}).decode()
        view = read_query_view(cursor, text)
    except (psycopg2.Error, KeyError, TypeError, ValueError) as error:
        # a query without its table yet, or one that cannot be a view: what it reads is not known
        logger.info("a query of a report is not shown, because what it reads is not known: %s", str(error).strip())
        return None
    return visibility.judge_query(view)


def _mask_row(row: tuple[Any, ...], places: list[int]) -> tuple[Any, ...]:
    cells = list(row)
    for index in places:
        cells[index] = None if cells[index] is None else MASK
    return tuple(cells)
