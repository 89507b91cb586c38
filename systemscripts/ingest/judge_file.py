"""What one file has against it, by all rules of findings/; what an operator accepted only informs."""

from __future__ import annotations

import csv
from functools import partial
from itertools import chain

from systemscripts.db_utils import Cursor
from systemscripts.findings import known_shape, row_guards, shape
from systemscripts.findings.finding import Finding, waive
from systemscripts.findings.shape import MAX_SAMPLES
from systemscripts.ingest import same_day_files
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.ingest.same_day_files import Rival
from systemscripts.summary import Counts


def judge_shape(cursor: Cursor, context: Context, file: PreparedFile) -> list[Finding]:
    """Return what is wrong with the columns of a file, before anything is written."""
    config = context.config
    totals: list[Finding] = []
    if config.control.is_stated:
        from systemscripts.ingest import control_totals

        totals = control_totals.judge_totals(config, file, is_kept=context.accepted is not None)
    # an exact header is checked as a whole, in the words of its layout
    if not file.columns or config.exact_header:
        return totals
    last = known_shape.find_last_file(cursor, config, file.identity.label)
    file_shape = shape.FileShape(file.columns, file.table.columns, _Samples(file).read)
    samples = partial(known_shape.read_samples, context.rows(cursor), config, last, limit=MAX_SAMPLES)
    return [*totals, *waive(shape.judge_columns(config, file_shape, last, samples), context.waived)]


class _Samples:
    """The first different values of the columns of a file, as they are written there; read once, when asked for."""

    def __init__(self, file: PreparedFile) -> None:
        self._file = file
        self._values: list[dict[str, None]] | None = None

    def read(self, column: str) -> list[str]:
        """Return up to MAX_SAMPLES filled values of a column."""
        if self._values is None:
            self._values = self._read_all()
        return list(self._values[self._file.columns.index(column)])[:MAX_SAMPLES]

    def _read_all(self) -> list[dict[str, None]]:
        values: list[dict[str, None]] = [{} for _ in self._file.columns]
        for number, record in enumerate(chain.from_iterable(block.records for block in self._file.table.blocks())):
            if number >= MAX_SAMPLES:
                break
            try:
                fields = self._file.table.parse(record)
            except (csv.Error, UnicodeDecodeError):
                # the load rejects it
                continue
            for column, field in zip(values, fields, strict=False):
                if field.strip():
                    column[field] = None
        return values


def _count_not_data(file: PreparedFile, counts: Counts, context: Context) -> int:
    """Count the rows that are not data; an upsert and new_rows skip rows, too, that were known."""
    skips_known = context.config.load_mode in ("upsert", "new_rows")
    return file.table.skipped if skips_known else counts.skipped


def judge_rows(
    cursor: Cursor, context: Context, file: PreparedFile, dataset_id: int, counts: Counts, rival: Rival | None
) -> list[Finding]:
    """Return what is wrong with the rows of a file, once they are in the transaction of the load."""
    findings = []
    if rejects := row_guards.judge_rejects(context.config, counts, _count_not_data(file, counts, context)):
        findings.append(rejects)
    elif guard := row_guards.judge_guards(
        cursor, context.config, file.identity, counts, dataset_id, context.accept_drop
    ):
        findings.append(guard)
    if rival and (second := same_day_files.judge_second_file(context.config, file, rival)):
        findings.append(second)
    return waive(findings, context.waived)
