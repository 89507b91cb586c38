"""The child process that parses one untrusted workbook, web page or archive within limits and writes frames to stdout.

echo '{"parser": "xlsx_parser", "path": "...", "sheet": null, ...}' |
python -P -m systemscripts.tables.workbooks.parser_child xlsx_parser
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from systemscripts.errors import BadDataError, PasswordError
from systemscripts.tables.parsers import archive_members, passwords, record_paths, sheet_overview, unpack_limits
from systemscripts.tables.parsers.sheet_area import Area
from systemscripts.tables.parsers.workbook import Book, Sheet, choose_sheets
from systemscripts.tables.workbooks import confinement, protocol, sheet_helper
from systemscripts.tables.workbooks.sheet_writer import SheetWriter, read_chunks

# The parent reports one line: a longer reason would bury it.
MAX_REASON_LETTERS = 300


def main(request: dict[str, Any], output: IO[bytes]) -> None:
    """Parse as `request` says (see ParseRequest) and write frames to `output`; errors and panics become a frame."""
    confinement.limit_resources(request["memory_bytes"], request["seconds"])
    unpack_limits.LIMITS.apply(request["unpack"])
    record_paths.SELECTION.set(request["records"], request["fields"])
    # Parsing makes millions of short-lived tuples and no cycles: garbage collection would cost a tenth of the time.
    gc.disable()
    try:
        passwords.KNOWN[:] = request["passwords"]
        # before it is confined, so that Python may still store byte code
        parser = _import_parser(request["parser"])
        confinement.confine(Path(request["path"]), getattr(parser, "SYSTEM_PATHS", ()))
        archive_members.WANTED[:] = request["requested_members"]
        if request["members"]:
            parser.unpack(Path(request["path"]), output)
        else:
            _send_book(parser, request, output)
    except BrokenPipeError:
        # The parent is gone.
        return
    # A panic in Rust is a BaseException, not an Exception.
    except BaseException as error:
        _report(error, Path(request["path"]).name, output)
    output.flush()


def _report(error: BaseException, name: str, output: IO[bytes]) -> None:
    """Write the frame of an error in the file `name`."""
    if isinstance(error, PasswordError):
        failure = {"needs_password": True, "name": name}
    elif isinstance(error, BadDataError):
        failure = {"message": error.message, "hint": error.hint, "final": True}
    else:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON_LETTERS]
        failure = {"message": reason, "hint": "", "final": False}
    protocol.write_json(output, protocol.FAILED, failure)


def _import_parser(name: str) -> Any:
    return importlib.import_module(f"systemscripts.tables.parsers.{name}")


def _send_book(parser: Any, request: dict[str, Any], output: IO[bytes]) -> None:
    """Send the names of all sheets, then the rows of each requested one."""
    book = parser.open_book(Path(request["path"]))
    names = [[sheet.name, sheet.visible] for sheet in book.sheets]
    description = {"format": book.format, "sheets": names, "header_known": book.header_known}
    protocol.write_json(output, protocol.BOOK, description | {"column_types": book.column_types})
    sender = SheetWriter(output, request["most_cells"], request["most_bytes"])
    requested = request["sheet"]
    chosen = [] if request["names_only"] else choose_sheets(book, requested)
    is_area = bool(request["region"] or request["title"])
    if chosen and is_area:
        chosen = _select_areas(book, chosen, request)
        # what else is in the file is left out by declaration
        requested = chosen[0].name
    known = frozenset(request["known_columns"])
    if requested is None and chosen and known and len(book.sheets) > 1:
        visible = [sheet for sheet in book.sheets if sheet.visible and sheet is not chosen[0] and sheet.weight >= 0]
        chosen = [sheet_overview.find_known_sheet([*chosen, *visible], known, read_chunks)]

    def send(sheet: Sheet) -> None:
        protocol.write_json(sender.output, protocol.SHEET, {"name": sheet.name})
        notices = sender.send(book, sheet, fill_merged=request["fill_merged"] and not is_area)
        protocol.write_warnings(sender.output, notices)

    path = Path(request["path"])
    sheet_helper.send_sheets(path, chosen, sender, send, lambda error, target: _report(error, path.name, target))
    if chosen and requested is None and len(book.sheets) > 1:
        protocol.write_frame(output, protocol.WHOLE)
        # The parent keeps the sheet even where the rest of the file exceeds the limits.
        output.flush()
        others = sheet_overview.describe_others(book, chosen[0], sender.rows, read_chunks)
        protocol.write_json(output, protocol.OTHERS, {"others": others})
    protocol.write_frame(output, protocol.END)
    # Before the workbook is freed, which takes a while.
    output.flush()


def _select_areas(book: Book, chosen: list[Sheet], request: dict[str, Any]) -> list[Sheet]:
    """Return the declared area of the chosen sheets; where no sheet is named, of the first visible one that has it."""
    area = Area(request["region"], request["title"])
    if request["sheet"] is not None:
        return area.select(chosen, request["fill_merged"])
    return area.select([sheet for sheet in book.sheets if sheet.visible and sheet.weight >= 0], request["fill_merged"])[
        :1
    ]


if __name__ == "__main__":
    # Anything that a library prints must not get between the frames.
    pipe = os.fdopen(os.dup(1), "wb", buffering=2**20)
    os.dup2(2, 1)
    # While the parent writes the request; main() reports an error.
    with contextlib.suppress(Exception):
        _import_parser(sys.argv[1])
    main(json.load(sys.stdin), pipe)
