"""Look at the values of a load inside its transaction: their profile, what they have against them, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts import settings
from systemscripts.findings.finding import Finding, waive
from systemscripts.findings.values import history, sample
from systemscripts.findings.values.judge import File, judge_values
from systemscripts.findings.values.profile import Profiles, build_profiles
from systemscripts.findings.values.sample import Sample
from systemscripts.imports import target_plan
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.tables.lineage import SOURCE_SHEET, Extent

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# The last bytes of these say nothing of the text within.
COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip", ".zst")
# Load modes in which a file may hold only what changed since the one before.
PARTIAL_LOAD_MODES = ("upsert", "new_rows")


class Viewer:
    """Profiles the rows of one load. The copy calls `look` with the rows that it passes on."""

    def __init__(
        self, cursor: Cursor, context: Context, file: PreparedFile, plan: target_plan.Plan, dataset_id: int
    ) -> None:
        self._cursor, self._context, self._file, self._plan = cursor, context, file, plan
        self._dataset_id = dataset_id
        own = (SOURCE_SHEET, *plan.shape.filled)
        self._types = {name: plan.types.get(name, "text") for name in plan.columns if name not in own}
        self._key = find_key_columns(context.config.key_columns, plan.columns)
        self._exact = [name for name in context.config.expect.columns if name in self._types]
        self._sample: Sample | None = None
        self._profiles: Profiles | None = None

    def look(self, relation: sql.Composable, extent: Extent) -> None:
        """Read the rows of the file from a table that they were copied into."""
        self._sample = sample.read_table(
            self._context.rows(self._cursor), relation, self._dataset_id, self._types, extent, self._key, self._exact
        )

    def look_at_target(self, extent: Extent) -> None:
        """Read the rows where they are now, unless they were seen on their way."""
        if self._sample is not None:
            return
        if self._plan.lake is None:
            self.look(sql.Identifier(self._plan.schema, self._plan.table), extent)
            return
        from systemscripts.datasets import lake

        if (name := lake.find_file_name(self._cursor, self._dataset_id)) is not None:
            folder = self._plan.lake.folder
            spill = folder / f".profile_{self._dataset_id}"
            self._sample = sample.read_parquet(folder / name, self._types, spill, self._key, self._exact)

    def judge_values(self) -> list[Finding]:
        """Return the findings about the values, compared with the good files before."""
        if self._sample is None or not self._sample.columns:
            return []
        traits = {"ends_with_line": has_last_line_end(self._file)}
        self._profiles = build_profiles(self._sample, self._key, traits)
        config, identity = self._context.config, self._file.identity
        scope = self._file.ticket.scope
        past = history.read_history(self._cursor, config.config_name, identity.label, self._dataset_id, scope)
        file = File(
            self._cursor, config, self._dataset_id, identity.label, identity.date, settings.now().date(),
            self._profiles, frozenset(column.rename or name for name, column in config.declared.items()),
            is_whole=config.load_mode not in PARTIAL_LOAD_MODES and not config.is_incremental,
        )  # fmt: skip
        return waive(judge_values(file, past), self._context.waived)

    def store_profiles(self) -> None:
        """Keep the profile, of a good dataset as of one that is held, and drop those too old to compare with."""
        if self._profiles is None:
            return
        history.store_profiles(self._cursor, self._dataset_id, self._profiles.by_name)
        name, ticket = self._context.config.config_name, self._file.ticket
        history.prune_profiles(self._cursor, name, self._file.identity.label, ticket.scope)


def find_key_columns(key_columns: list[str], columns: list[str]) -> list[str]:
    """Return the columns of a key that a file has, of alternatives (a|b) the first; empty where one is missing."""
    names = [next((name for name in element.split("|") if name in columns), "") for element in key_columns]
    return names if all(names) else []


def has_last_line_end(file: PreparedFile) -> bool | None:
    """Whether the last line of a text file ends as lines do; None for other files."""
    if file.table.detected.format != "csv" or file.path.suffix.lower() in COMPRESSED_SUFFIXES:
        return None
    with file.path.open("rb") as stream:
        stream.seek(max(0, file.path.stat().st_size - 4))
        # of UTF-16 a line ends with a zero byte, of DOS the file with a control character
        return stream.read().rstrip(b"\0\x1a ").endswith((b"\n", b"\r"))
