"""Convert workbooks and text files of any kind to standard CSV."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.tables.model import ReadingOptions, Table

STANDARD_OUTPUT = Path("-")


@job(database=False)
def xls_to_csv(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    output: Annotated[Path | None, typer.Option(help="Where to write a single file; - for standard output.")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="Folder for the CSV files; else that of each file.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Name or pattern of the sheet, or all; by default the first sheet with data.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of text files; by default detected.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of text files; by default detected.")] = None,
) -> Summary:
    """Write each file as UTF-8 CSV with commas, LF and one header row; the content decides the format of a file.

    A file that cannot be read is reported in one line with its reason; the others are still converted.

    Examples:
        xls_to_csv.py report.xls --output -
        xls_to_csv.py incoming/ --output-dir clean/
    """
    from systemscripts.errors import EtlError, UsageError
    from systemscripts.tables.model import ReadingOptions

    inputs = list(_list_inputs(files))
    if output is not None and len(inputs) != 1:
        raise UsageError(f"--output is for one file, there are {len(inputs)}", "Use --output-dir.")
    if output == STANDARD_OUTPUT and sheet == "all":
        raise UsageError("standard output takes one sheet", "Use --output-dir.")
    options = ReadingOptions(sheet=sheet, encoding=encoding, delimiter=delimiter)
    summary, targets = Summary(), _choose_targets(inputs, output, output_dir)
    for path, target in zip((path for path, _ in inputs), targets, strict=True):
        try:
            rows = _convert(path, target, options, summary)
            summary.files += 1
            summary.counts.read += rows
            summary.counts.loaded += rows
        except (EtlError, OSError) as error:
            print(f"xls_to_csv: {path}: {error}", file=sys.stderr, flush=True)
            summary.codes.add(EtlError.exit_code if isinstance(error, OSError) else 65)
    if output != STANDARD_OUTPUT:
        summary.headline = f"{summary.files} of {len(inputs)} files converted, {summary.counts.read:,} rows"
    return summary


def _list_inputs(files: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Give each file with its path below the folder that was given."""
    for path in files:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.name.startswith((".", "~$")):
                    yield file, file.relative_to(path)
        else:
            yield path, Path(path.name)


def _choose_targets(inputs: list[tuple[Path, Path]], output: Path | None, folder: Path | None) -> list[Path]:
    """Return the path of each CSV file: the name with suffix .csv, or with .csv appended if two would be the same."""
    if output is not None:
        return [output]
    short = [(folder / below if folder else path).with_suffix(".csv") for path, below in inputs]
    taken = {target for target in short if short.count(target) > 1} | {path for path, _ in inputs}
    return [
        (folder / below if folder else path).with_name(f"{path.name}.csv") if target in taken else target
        for (path, below), target in zip(inputs, short, strict=True)
    ]


def _convert(path: Path, target: Path, options: ReadingOptions, summary: Summary) -> int:
    from systemscripts.tables.open_table import open_table
    from systemscripts.tables.workbooks.sheets import open_sheets

    if options.sheet != "all":
        with open_table(path, options) as table:
            return _write(path, table, target, summary)
    rows = 0
    for table in open_sheets(path, options):
        with table:
            sheet = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in table.detected.sheet)
            rows += _write(path, table, target.with_name(f"{target.stem}_{sheet}.csv") if sheet else target, summary)
    return rows


def _write(path: Path, table: Table, target: Path, summary: Summary) -> int:
    from systemscripts.directory_management import atomic_write
    from systemscripts.summary import add_prefix, record_warning
    from systemscripts.tables import standard_csv, temporary_files

    if target == STANDARD_OUTPUT:
        with tempfile.TemporaryFile(dir=temporary_files.choose_folder()) as whole:
            rows = standard_csv.write_csv(table, whole)
            whole.seek(0)
            shutil.copyfileobj(whole, sys.stdout.buffer)  # everything, or nothing if a row cannot be read
        sys.stdout.flush()
        for notice in add_prefix(table.warnings, str(path)):  # standard output is for the table alone
            record_warning(notice, on_console=True)
        return rows
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as stream:
        rows = standard_csv.write_csv(table, stream)
    summary.warn_all(add_prefix(table.warnings, str(path)))
    return rows


if __name__ == "__main__":
    xls_to_csv.main()
