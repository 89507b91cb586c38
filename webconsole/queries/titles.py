"""Look up the titles of lists, as `label_title` of their import says."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import psycopg2
from psycopg2 import sql

from systemscripts.configuration.import_parts import LabelTitle
from systemscripts.db_utils import queries
from systemscripts.errors import EtlError
from webconsole import connections

logger = logging.getLogger(__name__)
# a longer one is a text, not a title
MAX_LETTERS = 200


def load_titles(label_title: dict[str, Any], labels: Iterable[str | None]) -> dict[str, str]:
    """Return the titles of labels that have one, read with the reader's login; {} where the lookup fails."""
    try:
        declared = LabelTitle.model_validate(label_title or {})
        rows = _read_titles(declared, [label for label in labels if label is not None])
    except (EtlError, psycopg2.Error, ValueError) as error:
        logger.warning("console: the titles of lists cannot be read: %s", error, extra={"code": "label_title"})
        return {}
    return {str(label): " ".join(str(title).split())[:MAX_LETTERS] for label, title in rows if label and title}


def _read_titles(declared: LabelTitle, labels: list[str]) -> list[tuple[Any, ...]]:
    if not labels or not (declared.table or declared.query):
        return []
    with connections.read_as_reader() as cursor:
        if declared.query:
            return [row[:2] for row in queries.read_rows(cursor, declared.query)[1]]
        label, title = sql.Identifier(declared.label), sql.Identifier(declared.title)
        cursor.execute(
            sql.SQL("select {0}::text, {1}::text from {2} where {0}::text = any(%s)").format(
                label, title, sql.Identifier(*declared.table.split(".", 1))
            ),
            (labels,),
        )
        return cursor.fetchall()
