"""Prepare a file for loading: hash it, open it as a table, name its columns, find its label and date."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.configuration import ImportConfig, sidecar_files, variables
from systemscripts.configuration.learned_aliases import add_learned_aliases
from systemscripts.datasets import label_and_date
from systemscripts.datasets.label_and_date import Identity, Rule
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import FileStat, atomic_write, compute_sha256, read_file_stat
from systemscripts.errors import BadDataError, TryLaterError, UsageError
from systemscripts.imports.reading_options import convert_reading
from systemscripts.ingest import known_warnings
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice
from systemscripts.tables import column_aliases, column_names, standard_csv
from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.open_table import open_table

# how many of an import's last datasets are searched for column spellings: covers all its layouts, and is quickly read
MAX_DATASETS_FOR_SPELLINGS = 100


@dataclass
class PreparedFile:
    """A file that was read; `table` is open. `known_doubts`: warnings to leave out, as earlier files had them too."""

    ticket: file_ledger.Ticket
    path: Path
    table: Table
    columns: list[str]
    identity: Identity
    file_stat: FileStat
    known_doubts: frozenset[Notice] = frozenset()

    def warnings(self) -> list[Notice]:
        """Return what is uncertain about the table; complete only after its last block was read."""
        return [notice for notice in self.table.warnings if notice not in self.known_doubts]


@contextmanager
def prepare_file(context: Context, ticket: file_ledger.Ticket, write: bool = True) -> Iterator[PreparedFile]:
    """Open a ticket's file as a table; `write`: also record in dba.tfile what was found, with state prepared.

    Raises BadDataError when the file cannot be read, TryLaterError when it is gone.
    """
    with _open_cursor(context, write) as cursor:
        context = replace(context, config=add_learned_aliases(cursor, context.config))
    path = file_ledger.to_real_path(ticket.path, context.directories)
    file_stat = read_file_stat(path)
    # an earlier attempt may have read other bytes
    ticket.file_sha256 = None
    gone = TryLaterError(f"{ticket.name} disappeared before it was loaded", "Deliver it again.")
    if file_stat is None:
        raise gone
    try:
        sidecar_files.refuse_wrong_checksum(path, ticket.name)
        table = open_table(path, build_reading_options(context))
    except UsageError:
        raise gone from None
    except BadDataError:
        # a refused file needs its hash
        _record_hash_and_size(context, ticket, compute_sha256(path), file_stat[0], write)
        raise
    with table:
        if context.config.target.parquet:
            # the load needs the count; counting now overlaps with hashing in a thread
            table.lines()
        _record_hash_and_size(context, ticket, table.file_sha256() or compute_sha256(path), file_stat[0], write)
        _check_file_type(context.config.file_type, ticket.name, table.detected.format)
        with _open_cursor(context, write) as cursor:
            spellings = _find_known_spellings(cursor, context.config.config_name, table)
        columns = column_aliases.name_columns(table, context.config.reading.aliases, spellings)
        identity_of_file = _identify_file(context, ticket.name, table, columns)
        with _open_cursor(context, write) as cursor:
            doubts = known_warnings.find_known_doubts(cursor, context.config.config_name, identity_of_file.label, table)
        result = PreparedFile(ticket, path, table, columns, identity_of_file, file_stat, doubts)
        if write:
            _record_prepared(context, result)
        yield result


@contextmanager
def _open_cursor(context: Context, write: bool) -> Iterator[Cursor]:
    """Give a cursor for queries; a dry run stays in its one transaction, which is rolled back at the end."""
    if write:
        with transaction(context.connection) as cursor:
            yield cursor
    else:
        with context.connection.cursor() as cursor:
            yield cursor


def _check_file_type(file_type: str, name: str, detected: str) -> None:
    """Raise BadDataError when the content is not of the file_type that the import asks for."""
    if file_type == "auto" or detected == "empty":
        return
    # HTML and XML files named .xls are workbooks to their senders
    families = {"csv": "text", "json": "JSON", "parquet": "Parquet"}
    if families.get(detected, "a workbook") != {**families, "tsv": "text", "txt": "text"}.get(file_type, "a workbook"):
        raise BadDataError(
            f"unexpected layout: {name} contains {detected}, but the import expects {file_type}",
            "Ask the sender for that format, or set file_type: auto.",
        )


def write_clean_csv(context: Context, file: PreparedFile) -> Path:
    """Write the clean table as CSV into the temporary folder, when only this phase runs; return its path."""
    path = context.clean_csv_path(file.ticket.name)
    with atomic_write(path) as stream:
        standard_csv.write_csv(file.table, stream, leave_out_damaged=True)
    return path


def has_changed(prepared_file: PreparedFile) -> bool:
    """Return whether the file has changed since it was prepared."""
    return read_file_stat(prepared_file.path) != prepared_file.file_stat


def record_hash(context: Context, ticket: file_ledger.Ticket) -> None:
    """Record the hash of a file that cannot be opened, so that it can be refused; raise EtlError if unreadable."""
    path = file_ledger.to_real_path(ticket.path, context.directories)
    if (file_stat := read_file_stat(path)) is None:
        raise TryLaterError(f"{ticket.name} disappeared before it was loaded", "Deliver it again.")
    _record_hash_and_size(context, ticket, compute_sha256(path), file_stat[0], write=True)


def _record_hash_and_size(context: Context, ticket: file_ledger.Ticket, digest: str, size: int, write: bool) -> None:
    if write:
        with transaction(context.connection, durable=False) as cursor:
            file_ledger.change_status(
                cursor, ticket, ticket.status, context.run_uuid, file_sha256=digest, size=size, reason=None
            )
    ticket.file_sha256 = digest


def build_reading_options(context: Context) -> ReadingOptions:
    """Return how the files of an import are read."""
    control = context.config.control
    passwords = variables.resolve_variables(context.config.reading.password, "reading.password")
    return ReadingOptions(
        passwords=tuple(passwords),
        **convert_reading(context.config.reading),
        known_columns=_find_known_columns(context.config),
        header_is_control=control.has_source("header"),
        trailer_is_control=control.has_source("trailer"),
    )


def _find_known_columns(config: ImportConfig) -> frozenset[str]:
    """Return the names by which the configuration knows the columns of its files."""
    named = {
        *config.declared,
        *config.key_columns,
        *config.reading.aliases,
        *column_names.make_column_names(config.exact_header),
    }
    return frozenset().union(*(column_aliases.find_header_names(column, config.reading.aliases) for column in named))


def _identify_file(context: Context, name: str, table: Table, columns: list[str]) -> Identity:
    config = context.config
    label_rule = Rule(config.metadata_label_source, config.metadata_label_location, pattern=config.file_pattern)
    date_rule = context.date_rule
    locations = {rule.location for rule in (label_rule, date_rule) if rule.source == "file_content" and rule.location}
    values = _read_single_values(table, columns, locations)

    def find_text(rule: Rule) -> str | None:
        if rule.source == "file_content":
            return values[rule.location or ""]
        return label_and_date.find_text_in_name(rule, name, config.delimiter)

    return label_and_date.build_identity(find_text(label_rule), find_text(date_rule), date_rule)


def _find_known_spellings(cursor: Cursor, config_name: str, table: Table) -> dict[str, str]:
    """Return the column names that an earlier load gave to headers of this file that differ only in punctuation."""
    headers = column_names.find_similar_headers(table.columns[table.added_columns :])
    if not headers:
        return {}
    cursor.execute(
        f"""select f.detected -> 'headers' from
             (select dataset_id from dba.tdataset where config_name = %s
              order by dataset_id desc limit {MAX_DATASETS_FOR_SPELLINGS}) d
           join dba.tfile f on f.dataset_id = d.dataset_id
           where f.status = 'loaded' and %s =
             (select count(distinct h.value) from jsonb_each_text(f.detected -> 'headers') h
              where h.value = any(%s))
           order by f.dataset_id desc limit 1""",
        (config_name, len(set(headers)), headers),
    )
    row = cursor.fetchone()
    return column_names.map_spellings(row[0] or {}) if row else {}


def _read_single_values(table: Table, columns: list[str], locations: set[str]) -> dict[str, str]:
    """Return the one value of each of some columns; raise BadDataError where a column has none, or several."""
    if not locations:
        return {}
    indexes = {}
    for location in locations:
        if location not in table.columns and location not in columns:
            raise BadDataError(f"there is no column {location!r} to read the label or date from")
        indexes[location] = table.columns.index(location) if location in table.columns else columns.index(location)
    values: dict[str, str] = {}
    for block in table.blocks():
        for record, row in zip(block.records, block.rows, strict=True):
            try:
                values_of_row = table.parse(record)
            except (csv.Error, UnicodeDecodeError):
                # the load will reject this row
                continue
            for location, index in indexes.items():
                value = values_of_row[index] if index < len(values_of_row) else ""
                if values.setdefault(location, value) != value:
                    raise BadDataError(
                        f"column {location!r} must have only one value, but row {row} has another: {value!r}"
                    )
    if set(values) != locations or not all(values.values()):
        raise BadDataError(f"column {', '.join(sorted(locations))} has no value to read the label or date from")
    return values


def _record_prepared(context: Context, result: PreparedFile) -> None:
    result.ticket.content_sha256 = result.table.content_sha256()
    headers = dict(zip(result.columns, result.table.columns, strict=True))
    doubts = known_warnings.doubts_as_json(result.table.warnings)
    detected = asdict(result.table.detected) | {"headers": headers, "doubts": doubts}
    with transaction(context.connection, durable=False) as cursor:
        file_ledger.change_status(
            cursor, result.ticket, "prepared", context.run_uuid,
            content_sha256=result.ticket.content_sha256, label=result.identity.label,
            dataset_date=result.identity.date, stamp=result.identity.stamp, detected=detected,
        )  # fmt: skip
