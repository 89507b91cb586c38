"""Open a file as a table, by its content and never by its name."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from systemscripts import plugins
from systemscripts.errors import EtlError, UsageError
from systemscripts.tables import formats
from systemscripts.tables.formats import xml_records
from systemscripts.tables.model import ReadingOptions, Table

# Enough for every format to recognise its files.
HEAD_BYTES = 64 * 2**10


def open_table(path: Path, options: ReadingOptions = ReadingOptions()) -> Table:
    """Open the table in the file `path`, with columns as rows where the options say so. Raises as `_open_file`."""
    table = _open_file(path, options)
    if not options.unpivot:
        return table
    from systemscripts.tables import unpivot

    return unpivot.unpivot_table(table, options)


def _open_file(path: Path, options: ReadingOptions) -> Table:
    """Open the table in the file `path`. An empty file is a table without columns and blocks.

    Raises BadDataError, with one line that says what the file really is, when it contains no table; UsageError when it
    does not exist; EtlError when it may not be read; ConfigurationError when the options do not match the file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if options.records and xml_records.is_like_xml(head):
            return xml_records.open(path, options)
        for module in list_format_modules():
            if module.recognises(head, path):
                table: Table = module.open(path, options)
                return table
        if options.records and head:
            raise xml_records.make_error(path)
        # Imported late, since workbooks do not need it.
        from systemscripts.tables.text import delimited

        return delimited.open_delimited(path, options)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder, not a file") from error
    except PermissionError as error:
        raise EtlError(f"{path} may not be read by this user", "Check its owner and mode with ls -l.") from error


def list_format_modules() -> list[ModuleType]:
    """Return the modules of systemscripts/tables/formats. Text that none of them recognises is delimited text.

    Each module has `recognises(head: bytes, path: Path) -> bool`, which at most one module answers with True, and
    `open(path, options) -> Table`.
    """
    return plugins.load_modules(formats.__name__, having="recognises")
