"""For each label, compare the current dataset with the one that was last delivered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from systemscripts.commands import format_command
from systemscripts.datasets import changes, differences
from systemscripts.datasets.comparison import Comparison, Dataset, Row
from systemscripts.errors import ConfigurationError
from systemscripts.reports.report_part import ReportPart
from systemscripts.table_rights import MASK, Visibility

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


class Options(BaseModel):
    """`changes: IMPORT`, or the import with more options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    import_name: str = Field(alias="import")
    # A query with a row for each `label`: what the template shows, `gone` (why it has no list now), and perhaps
    # `as_of`, the day of that information: what is older than an earlier report is not news.
    labels: str | None = None
    # how many rows of a new list are shown
    names: int = Field(12, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"import": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class LabelChange:
    """What has changed for one label."""

    label: str
    # new, changed, undone (nothing is left of it), same (only gone or back)
    kind: str
    about: dict[str, Any]
    before: Dataset | None
    after: Dataset | None
    comparison: Comparison | None = None
    # the first ones of a new list
    rows: list[dict[str, str]] = field(default_factory=list)
    # why it has no list any longer, if that is news
    gone: str = ""
    # it was gone before
    back: bool = False

    @property
    def reverted(self) -> bool:
        """Whether the delivered dataset has been undone since."""
        return self.before is not None and self.before.status == "undone"

    @property
    def added(self) -> list[Row]:
        """Rows that only the current dataset has."""
        return self.comparison.added if self.comparison else []

    @property
    def removed(self) -> list[Row]:
        """Rows that only the delivered dataset has."""
        return self.comparison.removed if self.comparison else []

    @property
    def changed(self) -> list[Row]:
        """Rows of both datasets that differ."""
        return self.comparison.changed if self.comparison else []


def make(
    cursor: Cursor, options: Options, rows: dict[str, list[dict[str, Any]]], covered: dict[str, Any]
) -> ReportPart:
    """Compare the delivered datasets with the current ones, label by label."""
    keys = _key_columns(cursor, options.import_name)
    if covered.get("import") != options.import_name:
        covered = {}
    about = {str(row["label"]): row for row in rows.get(options.labels or "", [])}
    current = changes.load_current_snapshots(cursor, options.import_name)
    delivered: dict[str, int] = covered.get("datasets", {})
    before = changes.load_datasets(cursor, list(delivered.values()))
    gone, gone_before = _find_gone(current, about, covered), covered.get("gone", {})
    label_changes = []
    for label in sorted({*current, *delivered}):
        pair = before.get(delivered.get(label, 0)), current.get(label)
        change = _change(cursor, label, pair, about.get(label, {}), keys, options.names)
        news = gone.get(label, "") if label not in gone_before else ""
        back = label in gone_before and label not in gone and label in current
        if change.kind != "same" or news or back:
            label_changes.append(replace(change, gone=news, back=back))
    told = {
        "import": options.import_name,
        "datasets": {label: dataset.dataset_id for label, dataset in current.items()},
        "gone": gone,
        "as_of": max([covered.get("as_of", ""), *map(_as_of, about.values())]),
    }
    return ReportPart(label_changes, bool(label_changes), told, {options.labels} if options.labels else set())


def may_read(cursor: Cursor, options: Options, visibility: Visibility) -> bool:
    """Return whether a user may see the lists of the import."""
    schema, _, table = _find_target(cursor, options.import_name).partition(".")
    return visibility.may_see_list(options.import_name, schema, table)


def restrict(cursor: Cursor, options: Options, part: ReportPart, visibility: Visibility) -> ReportPart:
    """Return the changes as a user may see them: none, or with the values of personal columns masked."""
    if not may_read(cursor, options, visibility):
        return replace(part, value=[], has_news=False)
    schema, _, table = _find_target(cursor, options.import_name).partition(".")
    masked = visibility.masked_columns(schema, table)
    if not masked:
        return part
    has_masked_key = any(name in masked for key in _key_columns(cursor, options.import_name) for name in key.split("|"))
    return replace(part, value=[_mask_change(change, masked, has_masked_key) for change in part.value])


def _mask_change(change: LabelChange, masked: frozenset[str], has_masked_key: bool) -> LabelChange:
    def mask_cells(cells: dict[str, str]) -> dict[str, str]:
        return {name: MASK if text and name in masked else text for name, text in cells.items()}

    def mask_row(row: Row) -> Row:
        values = [replace(value, before=MASK, after=MASK) if value.column in masked else value for value in row.values]
        return Row(MASK if has_masked_key else row.key, mask_cells(row.cells), values)

    comparison = change.comparison
    if comparison is not None:
        comparison = replace(
            comparison,
            added=list(map(mask_row, comparison.added)),
            removed=list(map(mask_row, comparison.removed)),
            changed=list(map(mask_row, comparison.changed)),
            twins=[MASK] * len(comparison.twins) if has_masked_key else comparison.twins,
        )
    return replace(change, comparison=comparison, rows=[mask_cells(cells) for cells in change.rows])


def _find_target(cursor: Cursor, import_name: str) -> str:
    cursor.execute("select target_table from dba.timportconfig where config_name = %s", (import_name,))
    row = cursor.fetchone()
    return str(row[0]) if row else ""


def _find_gone(
    current: dict[str, Dataset], about: dict[str, dict[str, Any]], covered: dict[str, Any]
) -> dict[str, str]:
    """Return why labels have no list any longer, unless that is older than what was reported."""
    told: dict[str, str] = covered.get("gone", {})
    reasons = {}
    for label in current:
        row = about.get(label, {})
        is_old = "" < _as_of(row) < covered.get("as_of", "")
        if reason := told.get(label) if is_old else row.get("gone"):
            reasons[label] = reason
    return reasons


def _as_of(row: dict[str, Any]) -> str:
    return str(row.get("as_of") or "")


def _change(
    cursor: Cursor,
    label: str,
    pair: tuple[Dataset | None, Dataset | None],
    about: dict[str, Any],
    keys: list[str],
    names: int,
) -> LabelChange:
    before, after = pair
    if after is None:
        return LabelChange(label, "undone" if before else "same", about, before, None)
    if before is None:
        return LabelChange(label, "new", about, None, after, rows=changes.read_first_rows(cursor, after, names))
    if before.dataset_id == after.dataset_id:
        return LabelChange(label, "same", about, before, after)
    comparison = differences.compare_datasets(cursor, before, after, keys)
    return LabelChange(label, "changed" if comparison else "same", about, before, after, comparison)


def _key_columns(cursor: Cursor, import_name: str) -> list[str]:
    cursor.execute("select key_columns, load_mode from dba.timportconfig where config_name = %s", (import_name,))
    row = cursor.fetchone()
    if row is None:
        # the first run of the import applies its YAML
        return []
    if row[1] != "snapshot":
        raise ConfigurationError(
            f"a report cannot show the changes of {import_name}: its load_mode is {row[1]}",
            f"Use a query on dba.v_dataset, or {format_command('dataset_changes', import_name)}",
        )
    return list(row[0])
