"""From a ticket to a table that is understood: hash, format, header, column names, identity."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import identity, lake
from systemscripts.datasets.identity import Identity, Rule
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import FileStat, atomic_write, compute_sha256, read_file_stat
from systemscripts.errors import BadDataError, TryLaterError, UsageError
from systemscripts.ingest import known_warnings
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice
from systemscripts.tables import column_aliases, column_names, standard_csv
from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.open_table import open_table

SPELLINGS_LOOKED_BACK = 100  # loads of an import: more kinds of files than it has, and quickly read


@dataclass
class PreparedFile:
    """A file that is understood; `table` is open. `known`: doubts that need no word, files before had them too."""

    ticket: file_ledger.Ticket
    path: Path
    table: Table
    columns: list[str]
    identity: Identity
    look: FileStat
    known: frozenset[Notice] = frozenset()

    def warnings(self) -> list[Notice]:
        """What reading the table left in doubt, known after its last block."""
        return [notice for notice in self.table.warnings if notice not in self.known]


@contextmanager
def prepare_file(context: Context, ticket: file_ledger.Ticket, write: bool = True) -> Iterator[PreparedFile]:
    """Open a ticket's file as a table and note what was found (`write`: also in dba.tfile, state prepared).

    Raises BadDataError when the file cannot be read or understood, TryLaterError when it is gone.
    """
    path = file_ledger.to_real_path(ticket.path, context.directories)
    look = read_file_stat(path)
    ticket.file_sha256 = None  # of an earlier try, perhaps with other bytes
    gone = TryLaterError(f"{ticket.name} has gone from where it waited", "Deliver it again.")
    if look is None:
        raise gone
    try:
        table = open_table(path, _build_reading_options(context))
    except UsageError:
        raise gone from None
    except BadDataError:  # it is refused under its hash
        _record_hash_and_size(context, ticket, compute_sha256(path), look[0], write)
        raise
    with table:
        if context.config.target_table.startswith(lake.SCHEME):
            table.lines()  # counted now, while a thread hashes the file; the load asks for them
        _record_hash_and_size(context, ticket, table.file_sha256() or compute_sha256(path), look[0], write)
        _check_file_type(context.config.file_type, ticket.name, table.detected.format)
        with _open_cursor(context, write) as cursor:
            spellings = _find_known_spellings(cursor, context.config.config_name, table)
        columns = column_aliases.name_columns(table, context.config.reading.aliases, spellings)
        found = _identify_file(context, ticket.name, table, columns)
        with _open_cursor(context, write) as cursor:
            known = known_warnings.find_known_doubts(cursor, context.config.config_name, found.label, table)
        result = PreparedFile(ticket, path, table, columns, found, look, known)
        if write:
            _record_prepared(context, result)
        yield result


@contextmanager
def _open_cursor(context: Context, write: bool) -> Iterator[Cursor]:
    """A cursor for questions to the ledgers; that of a dry run ends no transaction, for its own is rolled back."""
    if write:
        with transaction(context.connection) as cursor:
            yield cursor
    else:
        with context.connection.cursor() as cursor:
            yield cursor


def _check_file_type(wanted: str, name: str, found: str) -> None:
    """The content decides what a file is; where the import asks for a kind, another one is another layout."""
    if wanted == "auto" or found == "empty":
        return
    kinds = {"csv": "text", "json": "JSON"}  # pages and XML named .xls are workbooks to whoever sends them
    if kinds.get(found, "a workbook") != {**kinds, "tsv": "text", "txt": "text"}.get(wanted, "a workbook"):
        raise BadDataError(
            f"another layout: {name} holds {found}, the import takes {wanted}",
            "Ask the sender for that form, or set file_type: auto.",
        )


def write_clean_csv(context: Context, file: PreparedFile) -> Path:
    """Write the clean table beside what is being worked on; for who runs this phase alone."""
    path = context.clean_csv_path(file.ticket.name)
    with atomic_write(path) as stream:
        standard_csv.write_csv(file.table, stream, leave_out_damaged=True)
    return path


def has_changed(prepared_file: PreparedFile) -> bool:
    """Whether the file is no longer the one that was prepared."""
    return read_file_stat(prepared_file.path) != prepared_file.look


def record_hash(context: Context, ticket: file_ledger.Ticket) -> None:
    """Note which bytes a file has that cannot be opened: it is refused under their hash. Raises EtlError."""
    path = file_ledger.to_real_path(ticket.path, context.directories)
    if (look := read_file_stat(path)) is None:
        raise TryLaterError(f"{ticket.name} has gone from where it waited", "Deliver it again.")
    _record_hash_and_size(context, ticket, compute_sha256(path), look[0], write=True)


def _record_hash_and_size(context: Context, ticket: file_ledger.Ticket, digest: str, size: int, write: bool) -> None:
    if write:
        with transaction(context.connection, durable=False) as cursor:
            file_ledger.change_status(
                cursor, ticket, ticket.status, context.run_uuid, file_sha256=digest, size=size, reason=None
            )
    ticket.file_sha256 = digest


def _build_reading_options(context: Context) -> ReadingOptions:
    known = {field.name for field in fields(ReadingOptions)}  # the rest concerns columns and values
    wanted = context.config.reading.model_dump(include=known)
    wanted["names"] = tuple(wanted["names"])
    if isinstance(wanted["header_row"], list):
        wanted["header_row"] = tuple(wanted["header_row"])
    return ReadingOptions(**wanted, known_columns=_find_known_columns(context.config))


def _find_known_columns(config: ImportConfig) -> frozenset[str]:
    """The names by which the configuration knows the columns of its files."""
    named = {
        *config.declared,
        *config.key_columns,
        *config.reading.aliases,
        *column_names.make_column_names(config.exact_header),
    }
    return frozenset().union(*(column_aliases.find_header_names(column, config.reading.aliases) for column in named))


def _identify_file(context: Context, name: str, table: Table, columns: list[str]) -> Identity:
    config = context.config
    label_rule = Rule(config.metadata_label_source, config.metadata_label_location)
    date_rule = Rule(config.dateconfig, config.datelocation, config.dateformat)
    wanted = {rule.location for rule in (label_rule, date_rule) if rule.source == "file_content"}
    values = _read_single_values(table, columns, {location for location in wanted if location})

    def text(rule: Rule) -> str | None:
        if rule.source == "file_content":
            return values[rule.location or ""]
        return identity.find_text_in_name(rule, name, config.delimiter)

    return identity.build_identity(text(label_rule), text(date_rule), date_rule.format)


def _find_known_spellings(cursor: Cursor, config_name: str, table: Table) -> dict[str, str]:
    """The columns that the newest load with them gave to headers of this file which differ only in punctuation."""
    headers = column_names.find_similar_headers(table.columns[table.added_columns :])
    if not headers:
        return {}
    cursor.execute(
        f"""select f.detected -> 'headers' from
             (select dataset_id from dba.tdataset where config_name = %s
              order by dataset_id desc limit {SPELLINGS_LOOKED_BACK}) d
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
    """The one value that each of some columns holds in all rows; raises BadDataError where there is none or more."""
    if not locations:
        return {}
    places = {}
    for location in locations:
        if location not in table.columns and location not in columns:
            raise BadDataError(f"there is no column {location!r}, from which label or date is read")
        places[location] = table.columns.index(location) if location in table.columns else columns.index(location)
    found: dict[str, str] = {}
    for block in table.blocks():
        for record, row in zip(block.records, block.rows, strict=True):
            try:
                values_of_row = table.parse(record)
            except (csv.Error, UnicodeDecodeError):
                continue  # the load will reject it
            for location, place in places.items():
                value = values_of_row[place] if place < len(values_of_row) else ""
                if found.setdefault(location, value) != value:
                    raise BadDataError(f"column {location!r} must hold one value, row {row} has another: {value!r}")
    if set(found) != locations or not all(found.values()):
        raise BadDataError(f"column {', '.join(sorted(locations))} holds no value to take label or date from")
    return found


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
