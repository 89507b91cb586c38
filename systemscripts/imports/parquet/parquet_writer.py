"""Write one Parquet file from staged rows, checked rows that wait as text, and the rows of an earlier file."""

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
from systemscripts.imports import ready_blocks
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.parquet import duckdb_types
from systemscripts.imports.parquet.stage_rows import ABSENT, IS_GOOD, TABLE, StagedRows
from systemscripts.imports.ready_blocks import CHECKED_WIRE
from systemscripts.imports.rejects import Reject
from systemscripts.imports.values.validate_rows import CheckedBlock, Field
from systemscripts.tables import temporary_files
from systemscripts.tables.lineage import LINEAGE
from systemscripts.tables.model import Block, Lines

if TYPE_CHECKING:
    from types import TracebackType


class Writer:
    """A context manager that collects rows and writes them; leaves nothing but the finished file."""

    def __init__(self, load: Load, target: Lake) -> None:
        self._load, self._target = load, target
        self._folder = target.folder if target.write else temporary_files.choose_folder()
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
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        # a full disk refuses the rest of the buffer
        with contextlib.suppress(OSError):
            self._stream.close()
        self._text.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def take_over(self, earlier: Path | None) -> None:
        """Start with the rows of the dataset's earlier file, if there is one."""
        if earlier is not None:
            self._parts.append(f"select * from read_parquet({duck.quote_path(earlier)}, hive_partitioning = false)")

    def add_staged(self, staged: StagedRows, lines: Lines) -> None:
        """Add the good rows of the staged table."""
        doubtful = ""
        if staged.lines:
            self.connection.execute(
                "create temp table doubtful as select unnest(?::bigint[]) as line", [list(staged.lines)]
            )
            doubtful = f" where rowid + {lines.first} not in (select line from doubtful)"
        self._parts.append(
            f"select {self._load.dataset_id}::integer as dataset_id, (rowid + {lines.first})::integer as source_row, "
            f"* exclude ({IS_GOOD}) from {TABLE}{doubtful}"
        )

    def add(self, checked: CheckedBlock, block: Block) -> list[Reject]:
        """Add checked rows; return as rejects those that do not fit the types of Parquet, which are left out."""
        if not checked.rows:
            return []
        unfit = self._find_unfit(checked)
        if unfit:
            keep = [row for row in range(len(checked.rows)) if row not in unfit]
            kept = [[column[row] for row in keep] for column in checked.columns]
            rows = [checked.rows[row] for row in keep]
            rejects = self._build_rejects(unfit, checked, block)
        else:
            kept, rows, rejects = [list(column) for column in checked.columns], list(checked.rows), []
        if rows:
            try:
                self._stream.write(ready_blocks.rows_as_text(CheckedBlock(rows, kept, []), self._load.dataset_id))
            except OSError as error:
                raise explain_write_error(self._text, error) from error
            self._texts += len(rows)
        return rejects

    def finish(self, generation: int) -> tuple[Path, list[date]]:
        """Write everything; return the file, which is safely on disk, and the months of its rows."""
        target = self._target.path(self._load.dataset_id, generation)
        try:
            self._stream.flush()
            if self._texts or not self._parts:
                self._parts.append(self._build_text_query())
            union = " union all by name ".join(self._parts)
            # each row has its line, so their order does not matter: threads need not wait for each other
            self.connection.execute("set preserve_insertion_order = false")
            duck.run_statement(
                self.connection, f"copy ({union}) to {quote_literal(str(self._part))} (format parquet)", target
            )
            months = self._find_months()
            with self._part.open("rb") as written:
                os.fsync(written.fileno())
            self._part.chmod(0o660)
            self._part.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise explain_write_error(target, error) from error
        return target, months

    def _list_columns(self) -> list[tuple[str, str]]:
        """Return the names of the checked columns, each with the SQL that makes values of its texts."""
        shape = self._load.rules
        columns = [
            (field.name, duckdb_types.cast_checked(quote_identifier(field.name), field.column))
            for field in shape.fields
        ]
        name = shape.extras_name
        return columns + ([(name, f"nullif({quote_identifier(name)}, '')")] if name else [])

    def _build_text_query(self) -> str:
        columns = self._list_columns()
        names = [*LINEAGE, *(name for name, _ in columns)]
        texts = ", ".join(f"{quote_literal(name)}: 'varchar'" for name in names)
        values = ", ".join(f"{value} as {quote_identifier(name)}" for name, value in columns)
        return f"""select dataset_id::integer as dataset_id, source_row::integer as source_row, {values}
            from read_csv({duck.quote_path(self._text)}, auto_detect = false, header = false,
                delim = {quote_literal(CHECKED_WIRE.delimiter)}, quote = {quote_literal(CHECKED_WIRE.quote)},
                escape = {quote_literal(CHECKED_WIRE.quote)}, nullstr = {quote_literal(ABSENT)},
                columns = {{{texts}}}, max_line_size = {2**30}, parallel = false)"""

    def _find_unfit(self, checked: CheckedBlock) -> dict[int, Field]:
        """Return the indexes of rows with a value that fits PostgreSQL's type but not DuckDB's, with its field."""
        unfit: dict[int, Field] = {}
        for field, values in zip(self._load.rules.fields, checked.columns, strict=False):
            if field.column.type in ("time", "timestamp", "timestamptz", "text[]"):
                cast = duckdb_types.cast_checked("value", field.column)
                rows = self.connection.execute(
                    f"select place - 1 from (select unnest(?::varchar[]) as value, unnest(range(1, ? + 1)) as place) "
                    f"where value <> '' and {cast} is null",
                    [list(values), len(values)],
                ).fetchall()
                unfit |= {row[0]: field for row in rows if row[0] not in unfit}
        return unfit

    def _build_rejects(self, unfit: dict[int, Field], checked: CheckedBlock, block: Block) -> list[Reject]:
        raws = dict(zip(block.rows, block.records, strict=True))
        encoding = self._load.table.wire.encoding
        return [
            Reject(
                checked.rows[row],
                f"{field.name}: the value does not fit the type {field.column.type} of Parquet",
                raws[checked.rows[row]].decode(encoding, "replace"),
                field.name,
            )
            for row, field in sorted(unfit.items())
        ]

    def _find_months(self) -> list[date]:
        column = self._target.months_of
        if not column:
            return []
        rows: list[Any] = self.connection.execute(
            # distinct days first, because there are few
            "select distinct cast(date_trunc('month', day) as date) as month "
            f"from (select distinct {quote_identifier(column)} as day "
            f"from read_parquet({duck.quote_path(self._part)})) where day is not null order by month"
        ).fetchall()
        return [row[0] for row in rows]
