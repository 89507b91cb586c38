"""Warn about an uncertain reading of a file only until a good load had the same one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from systemscripts.summary import Notice
from systemscripts.tables.model import Table

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# some clients alternate between two forms of a file
LOADS_LOOKED_BACK = 3
HEADER_DOUBTS = frozenset({"header_guessed", "header_joined", "titles_left_out"})
DOUBTS = HEADER_DOUBTS | {"encoding_guessed", "rows_left_out"}
# always reported: other lines below a table are notes, but these may be missing rows
ALWAYS_REPORTED = "second table"
# notes may grow by a few lines, or double
MAX_ADDED_ROWS = 3


def find_known_doubts(cursor: Cursor, config_name: str, label: str | None, table: Table) -> frozenset[Notice]:
    """Return the doubts of a table that one of the last good loads of its label had too.

    For a label without loads (each event of a list may have its own) the last loads of the import count.
    """
    doubts = [notice for notice in table.warnings if notice.code in DOUBTS]
    if not doubts:
        return frozenset()
    # `is not distinct from` uses no index
    of_label = "label = %(label)s" if label is not None else "label is null"
    good = "select dataset_id from dba.tdataset where config_name = %(name)s and status in ('active', 'superseded')"
    newest = f"order by dataset_id desc limit {LOADS_LOOKED_BACK}"
    cursor.execute(
        f"""with own as ({good} and {of_label} {newest}),
            every as ({good} and not exists (select from own) {newest})
            select f.detected from (select * from own union all select * from every) d
            join dba.tfile f on f.dataset_id = d.dataset_id
            where f.status = 'loaded' and f.detected ? 'headers'""",
        {"name": config_name, "label": label},
    )
    before = [row[0] for row in cursor.fetchall()]
    return frozenset(notice for notice in doubts if any(_is_known(notice, table, earlier) for earlier in before))


def doubts_as_json(notices: Sequence[Notice]) -> list[list[str]]:
    """Return the doubts of a file, reported or not, as the ledger stores them for later files."""
    return [[notice.code, notice.text] for notice in notices if notice.code == "rows_left_out"]


def _is_known(notice: Notice, table: Table, earlier: dict[str, Any]) -> bool:
    if notice.code in HEADER_DOUBTS:
        # the order of the columns does not matter
        return sorted(earlier["headers"].values()) == sorted(table.columns)
    if notice.code == "encoding_guessed":
        return bool(earlier["encoding"] == table.detected.encoding)
    return any(
        code == notice.code and ALWAYS_REPORTED not in text and _is_alike(notice.text, text)
        for code, text in earlier.get("doubts", [])
    )


def _is_alike(text: str, earlier: str) -> bool:
    """Return whether two texts differ in numbers only; the first number is how many rows are left out."""
    if _without_numbers(text) != _without_numbers(earlier):
        return False
    now, then = (int(re.search(r"\d+", line).group()) for line in (text, earlier))  # type: ignore[union-attr]
    return now <= max(2 * then, then + MAX_ADDED_ROWS)


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "#", text.replace(" rows are ", " row is "))
