"""One Parquet file from the rows that were staged, the checked ones that wait as text, and those of an earlier file."""

from __future__ import annotations

import contextlib
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from systemscripts import duck
from systemscripts.datasets.lake import Lake
from systemscripts.directory_management import explain_write_error, sync_folder
from systemscripts.duck import quote_identifier, quote_literal
from systemscripts.imports import copy_rows
from systemscripts.imports.copy_rows import CHECKED_WIRE, Load
from systemscripts.imports.parquet import duckdb_types
from systemscripts.imports.parquet.staging import ABSENT, IS_GOOD, TABLE, StagedRows
from systemscripts.imports.rejects import Reject
from systemscripts.imports.values.validate_rows import CheckedBlock, Field
from systemscripts.tables.lineage import LINEAGE
from systemscripts.tables.model import Block, Lines

if TYPE_CHECKING:
    from types import TracebackType


class Writer:
    """A context manager that collects rows and writes them; leaves nothing but the finished file."""

    def __init__(self, load: Load, target: Lake) -> None:
        self._load, self._target = load, target
        self._folder = target.folder if target.write else Path(os.environ.get("TMPDIR", "/tmp"))
        stem = f".dataset_{load.dataset_id}_{os.getpid()}"
        self._text, self._part = self._folder / f"{stem}.txt", self._folder / f"{stem}.part"
        self._parts: list[str] = []
        self._texts = 0

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stream = self._text.open("wb")
        except OSError as error:
            raise explain_write_error(self._folder, error) from error
        self._stack = contextlib.ExitStack()
        self.connection = self._stack.enter_context(duck.open_session(self._folder / f"{self._text.stem}.tmp"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        with contextlib.suppress(OSError):  # a full disk refuses what is still in the buffer
            self._stream.close()
        self._text.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def take_over(self, earlier: Path | None) -> None:
        """Begin with the rows that a file of the dataset holds already."""
        if earlier is not None:
            self._parts.append(f"select * from read_parquet({duck.quote_path(earlier)}, hive_partitioning = false)")

    def staged(self, found: StagedRows, lines: Lines) -> None:
        """Take the good rows of the staged table."""
        doubtful = ""
        if found.lines:
            self.connection.execute(
                "create temp table doubtful as select unnest(?::bigint[]) as line", [list(found.lines)]
            )
            doubtful = f" where rowid + {lines.first} not in (select line from doubtful)"
        self._parts.append(
            f"select {self._load.dataset_id}::integer as dataset_id, (rowid + {lines.first})::integer as source_row, "
            f"* exclude ({IS_GOOD}) from {TABLE}{doubtful}"
        )

    def add(self, checked: CheckedBlock, block: Block) -> list[Reject]:
        """Take checked rows; returns those that Parquet's types have no room for, which are left out."""
        if not checked.rows:
            return []
        unfit = self._unfit(checked)
        if unfit:
            keep = [place for place in range(len(checked.rows)) if place not in unfit]
            kept = [[column[place] for place in keep] for column in checked.columns]
            rows = [checked.rows[place] for place in keep]
            rejects = self._rejects(unfit, checked, block)
        else:
            kept, rows, rejects = [list(column) for column in checked.columns], list(checked.rows), []
        if rows:
            try:
                self._stream.write(copy_rows.rows_as_text(CheckedBlock(rows, kept, []), self._load.dataset_id))
            except OSError as error:
                raise explain_write_error(self._text, error) from error
            self._texts += len(rows)
        return rejects

    def finish(self, generation: int) -> tuple[Path, list[date]]:
        """Write everything; returns the file, which is safe on the disk, and the months its rows fall into."""
        goal = self._target.path(self._load.dataset_id, generation)
        try:
            self._stream.flush()
            if self._texts or not self._parts:
                self._parts.append(self._of_texts())
            union = " union all by name ".join(self._parts)
            # each row has its line, so their order may go: two threads need not wait for each other
            self.connection.execute("set preserve_insertion_order = false")
            duck.run_statement(
                self.connection, f"copy ({union}) to {quote_literal(str(self._part))} (format parquet)", goal
            )
            months = self._months()
            with self._part.open("rb") as written:
                os.fsync(written.fileno())
            self._part.chmod(0o660)
            self._part.replace(goal)
            sync_folder(goal.parent)
        except OSError as error:
            raise explain_write_error(goal, error) from error
        return goal, months

    def _columns(self) -> list[tuple[str, str]]:
        """Names of the checked columns, and the SQL that makes values of their texts."""
        shape = self._load.rules
        found = [
            (each.name, duckdb_types.cast_checked(quote_identifier(each.name), each.column)) for each in shape.fields
        ]
        name = shape.extras_name
        return found + ([(name, f"nullif({quote_identifier(name)}, '')")] if name else [])

    def _of_texts(self) -> str:
        columns = self._columns()
        names = [*LINEAGE, *(name for name, _ in columns)]
        texts = ", ".join(f"{quote_literal(name)}: 'varchar'" for name in names)
        values = ", ".join(f"{value} as {quote_identifier(name)}" for name, value in columns)
        return f"""select dataset_id::integer as dataset_id, source_row::integer as source_row, {values}
            from read_csv({duck.quote_path(self._text)}, auto_detect = false, header = false,
                delim = {quote_literal(CHECKED_WIRE.delimiter)}, quote = {quote_literal(CHECKED_WIRE.quote)},
                escape = {quote_literal(CHECKED_WIRE.quote)}, nullstr = {quote_literal(ABSENT)},
                columns = {{{texts}}}, max_line_size = {2**30}, parallel = false)"""

    def _unfit(self, checked: CheckedBlock) -> dict[int, Field]:
        """Places of rows whose value is a good one for PostgreSQL, but none of DuckDB's type."""
        found: dict[int, Field] = {}
        for field, values in zip(self._load.rules.fields, checked.columns, strict=False):
            if field.column.type in ("time", "timestamp", "timestamptz", "text[]"):
                made = duckdb_types.cast_checked("value", field.column)
                rows = self.connection.execute(
                    f"select place - 1 from (select unnest(?::varchar[]) as value, unnest(range(1, ? + 1)) as place) "
                    f"where value <> '' and {made} is null",
                    [list(values), len(values)],
                ).fetchall()
                found |= {row[0]: field for row in rows if row[0] not in found}
        return found

    def _rejects(self, unfit: dict[int, Field], checked: CheckedBlock, block: Block) -> list[Reject]:
        raws = dict(zip(block.rows, block.records, strict=True))
        encoding = self._load.table.wire.encoding
        return [
            Reject(
                checked.rows[place],
                f"{field.name}: the value does not fit the type {field.column.type} of Parquet",
                raws[checked.rows[place]].decode(encoding, "replace"),
                field.name,
            )
            for place, field in sorted(unfit.items())
        ]

    def _months(self) -> list[date]:
        column = self._target.months_of
        if not column:
            return []
        rows: list[Any] = self.connection.execute(
            # the days first: there are few, and each row has one
            "select distinct cast(date_trunc('month', day) as date) as month "
            f"from (select distinct {quote_identifier(column)} as day "
            f"from read_parquet({duck.quote_path(self._part)})) where day is not null order by month"
        ).fetchall()
        return [row[0] for row in rows]
