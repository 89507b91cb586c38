"""Compare how this project and other readers read files with known content: the figures of docs/robustness.md.

    PYTHONPATH=. .venv/bin/python -m bench.robustness
    PYTHONPATH=. .venv/bin/python -m bench.robustness --peers .venv-bench/bin/python --write docs/robustness.md

Reads the samples (tests/samples), generated small files, words in twenty encodings, and a workbook with one kind of
cell in each row. `--peers` names a Python with the other readers (bench/requirements.txt; bench/peers.py creates
`.venv-bench`). Readers that are not installed, and LibreOffice without soffice, are left out and named. It takes some
minutes. `--write` replaces the tables of a page between `<!-- made by bench.robustness: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench import file_outcomes, peer_readers, workbook_cells
from bench.file_outcomes import OUTCOMES, Known, Words
from bench.workbook_cells import Cell
from systemscripts.tables.open_table import open_table

HEADS = ("right", "right, needless warning", "wrong, with a warning", "wrong in silence", "refused")
MARKERS = re.compile(r"(<!-- made by bench\.\w+: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
# The one of file_outcomes.WORD_COUNTS at which the guesses of libraries differ most.
COMPARED_WORDS = 8
# comma, quotes, UTF-8, all sheets, cells as they are shown (its default)
LIBREOFFICE_FILTER = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1"
# Its first start on a busy machine takes half a minute.
LIBREOFFICE_SECONDS = 120


def render_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table. All columns but the first are figures."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def format_share(part: int, whole: int) -> str:
    """Return a share of files in percent. 0 % and 100 % mean exactly none and all."""
    if not whole:
        return "-"
    text = f"{100 * part / whole:.1f}"
    return {"0.0": "0" if not part else "< 0.1", "100.0": "100" if part == whole else "> 99.9"}.get(text, text) + " %"


def render_small_files(files: Sequence[Known], outcomes: Sequence[str]) -> str:
    """Return the outcomes by file format and by oddity."""
    counts: dict[str, Counter[str]] = {"all": Counter(outcomes)}
    for file, outcome in zip(files, outcomes, strict=True):
        for group in file.groups:
            counts.setdefault(group, Counter())[outcome] += 1
    rows = [[group, count.total(), *(count[name] for name in OUTCOMES)] for group, count in _sort_groups(counts)]
    return render_table(["small files", "files", *HEADS], rows)


def _sort_groups(counts: dict[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """Return all files first, then the formats, then the oddities with the most frequent first."""
    encodings = ("csv in UTF-8", "csv in UTF-16", "csv in a legacy encoding")
    forms = ("all", "csv", *encodings, "xlsx", "html", "json", "nothing odd")
    rank = {name: index for index, name in enumerate(forms)}
    return sorted(counts.items(), key=lambda item: (rank.get(item[0], len(forms)), -item[1].total(), item[0]))


def render_peers(files: Sequence[Known], outcomes: Sequence[str], peers: dict[str, dict[str, list[str]]]) -> str:
    """Return the shares of right, reported, silently wrong and refused files by format and reader."""
    rows = []
    for form, readers in peers.items():
        ours = [outcome for file, outcome in zip(files, outcomes, strict=True) if file.form == form]
        parts = {form: list(range(len(ours)))}
        if form == "csv":
            known = [file for file in files if file.form == form]
            parts["csv in UTF-8"] = [index for index, file in enumerate(known) if "csv in UTF-8" in file.groups]
        for name, indexes in parts.items():
            for reader, results in {"this project": ours, **readers}.items():
                counts = Counter(results[index] for index in indexes)
                right, reported = counts["right"] + counts["needless"], counts["reported"]
                shares = [format_share(n, len(indexes)) for n in (right, reported, counts["silent"], counts["refused"])]
                rows.append([f"{name}: {reader}", len(indexes), *shares])
    return render_table(["reader", "files", "right", *HEADS[2:]], rows)


def render_oddities(files: Sequence[Known], outcomes: Sequence[str], peers: dict[str, list[str]]) -> str:
    """Return the share of right CSV files of each reader: by encoding, and for UTF-8 by oddity."""
    csv_files = [(file, outcome) for file, outcome in zip(files, outcomes, strict=True) if file.form == "csv"]
    readers = {"this project": [outcome for _, outcome in csv_files], **peers}
    counts: dict[str, Counter[str]] = {}
    for index, (file, _) in enumerate(csv_files):
        encoding, *oddities = file.groups[1:]
        for group in [encoding, *oddities] if encoding == "csv in UTF-8" else [encoding]:
            count = counts.setdefault(group, Counter())
            count["files"] += 1
            for reader, results in readers.items():
                count[reader] += results[index] in ("right", "needless")
    rows = [
        [group, count["files"], *(format_share(count[reader], count["files"]) for reader in readers)]
        for group, count in _sort_groups(counts)
    ]
    return render_table(["right of CSV files", "files", *readers], rows)


def render_zoo(files: Sequence[Known], outcomes: Sequence[str], refused: int, peers: dict[str, list[str]]) -> str:
    """Return the outcomes of the samples: ours of all of them, those of the peers of the delimited files."""
    ours = [outcome for file, outcome in zip(files, outcomes, strict=True) if file.form == "csv"]
    readers = {"all: this project": list(outcomes), "delimited text: this project": ours}
    readers |= {f"delimited text: {name}": results for name, results in peers.items()}
    rows = [
        [name, len(results), *(Counter(results)[outcome] for outcome in ("right", "reported", "silent", "refused"))]
        for name, results in readers.items()
    ]
    text = f"\nAnother {refused} samples are not tables or cannot be read. They are refused, each with a reason.\n"
    return render_table(["zoo", "files", "right", *HEADS[2:]], rows) + text


def render_words(words: Sequence[Words], outcomes: Sequence[str], peers: dict[str, list[bool]]) -> str:
    """Return the outcomes by encoding and number of words, and how many texts each peer decodes right."""
    names = [f"{count} words" for count in file_outcomes.WORD_COUNTS]
    heads = ["encoding", "files each", *names, *(f"{peer}, {COMPARED_WORDS} words" for peer in peers)]
    rows = []
    for encoding in [*dict.fromkeys(file.encoding for file in words), "all"]:
        cells, theirs, size = [], [0] * len(peers), 0
        for count in file_outcomes.WORD_COUNTS:
            indexes = [n for n, file in enumerate(words) if file.count == count and encoding in (file.encoding, "all")]
            counts = Counter(outcomes[index] for index in indexes)
            size = len(indexes)
            cells.append(" / ".join(str(counts[name]) for name in ("right", "needless", "reported", "silent")))
            if count == COMPARED_WORDS:
                compared = [n for n, file in enumerate(_select_compared(words)) if encoding in (file.encoding, "all")]
                theirs = [sum(answers[index] for index in compared) for answers in peers.values()]
        rows.append([encoding, size, *cells, *theirs])
    return render_table(heads, rows)


def _select_compared(words: Iterable[Words]) -> list[Words]:
    return [file for file in words if file.count == COMPARED_WORDS]


def render_cells(books: Sequence[tuple[Path, list[Cell]]], peers: Sequence[dict[str, dict[str, str]]]) -> str:
    """Return what each kind of cell stores and shows, and what each reader returns: with `✗` if it is another value."""
    rows = []
    readers: dict[str, Counter[str]] = {}
    for (path, cells), others in zip(books, peers, strict=True):
        by_reader = {"this project": read_cells(path), **others}
        for number, cell in enumerate(cells, 1):
            texts = [answers.get(str(number), "not there") for answers in by_reader.values()]
            for name, text in zip(by_reader, texts, strict=True):
                readers.setdefault(name, Counter())["right"] += cell.is_right(text)
            marked = [_format_code(text) if cell.is_right(text) else f"✗ {_format_code(text)}" for text in texts]
            stored, shown = _format_code(cell.stored), _format_code(cell.shown)
            rows.append([f"{cell.what} ({cell.section})", stored, shown, *marked])
        sheets = [answers["sheet"] for answers in by_reader.values()]
    rows.append(["sheet that is read, the first being hidden (18.2.19)", "", "`Cells`", *map(_format_sheet, sheets)])
    whole = sum(len(cells) for _, cells in books)
    rows.append([f"**as stored, of {whole}**", "", "", *(f"**{counts['right']}**" for counts in readers.values())])
    return render_table(["cell", "stored", "Excel shows", *readers], rows).replace("---:", "---")


def _format_sheet(name: str) -> str:
    return f"`{name}`" if name == "Cells" else f"✗ `{name}`"


def _format_code(text: str) -> str:
    visible = text.replace("\n", "\\n").replace("\r", "\\r").replace("|", "\\|")
    return f"`{visible}`" if visible else "empty"


def read_cells(path: Path) -> dict[str, str]:
    """Return number of the case -> its text as this project reads it, and the sheet that was read."""
    with open_table(path) as opened:
        records = [opened.parse(record) for block in opened.blocks() for record in block.records]
    return {record[0]: record[2] for record in records} | {"sheet": opened.detected.sheet}


def render_refusals(refused: Sequence[tuple[str, str]]) -> str:
    """Return each refused sample and its message."""
    rows = [[f"`{name}`", text.replace("|", "\\|").replace("\n", " ")] for name, text in refused]
    return render_table(["sample", "message"], rows).replace("---:", "---")


def ask_peers(python: str, folder: Path, files: Sequence[Known], words: Sequence[Words], books: Sequence[Path]) -> Any:
    """Return the answer of peer_readers, run by another Python."""
    question = folder / "question.json"
    tables = [[str(file.path), file.form, file.columns, file.rows] for file in files]
    texts = [[str(file.path), file.text] for file in _select_compared(words)]
    question.write_text(json.dumps({"tables": tables, "texts": texts, "books": [str(book) for book in books]}))
    done = subprocess.run([python, peer_readers.__file__, str(question)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ask_libreoffice(program: str, folder: Path, books: Sequence[Path]) -> list[dict[str, str]]:
    """Return the cells of each workbook as LibreOffice writes them to CSV; [] if it is not installed."""
    if not program:
        return []
    command = [program, "--headless", f"-env:UserInstallation={(folder / 'office').as_uri()}", "--convert-to"]
    # The sheet that it chooses, then all sheets.
    for output_filter in ("csv", LIBREOFFICE_FILTER):
        to_csv = [*command, output_filter, "--outdir", str(folder), *map(str, books)]
        subprocess.run(to_csv, capture_output=True, check=True, timeout=LIBREOFFICE_SECONDS)
    cells_of_books = []
    for book in books:
        chosen, cells = ((folder / f"{book.stem}{name}.csv").read_bytes().decode() for name in ("", "-Cells"))
        rows = list(csv.reader(io.StringIO(cells, newline="")))
        cells_of_books.append({row[0]: row[2] for row in rows} | {"sheet": "Cells" if chosen == cells else "Hidden"})
    return cells_of_books


def measure(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Return all tables by the names of their markers."""
    files = list(file_outcomes.write_small_files(folder, options.seeds, options.files))
    samples = list(file_outcomes.list_samples(options.samples))
    words = list(file_outcomes.write_words(folder, options.draws))
    books = [(folder / "cells.xlsx", workbook_cells.CELLS), (folder / "cells_1904.xlsx", workbook_cells.CELLS_1904)]
    for path, cells in books:
        workbook_cells.write_workbook(path, cells, is_1904=cells is workbook_cells.CELLS_1904)
    outcomes = file_outcomes.run_in_parallel(file_outcomes.judge_file, files)
    of_samples = [file_outcomes.judge_file(file) for file in samples]
    of_words = file_outcomes.run_in_parallel(file_outcomes.judge_words, words)
    refused = file_outcomes.list_refusals(options.samples)
    paths = [path for path, _ in books]
    peers = ask_peers(options.peers, folder, [*files, *samples], words, paths)
    office = ask_libreoffice(options.soffice, folder, paths)
    for book, answers in zip(peers["books"], office, strict=False):
        book["LibreOffice"] = answers
    missing = [*peers["missing"], *(() if office else ("LibreOffice",))]
    of_files: dict[str, dict[str, list[str]]] = {}
    for form, readers in peers["tables"].items():
        count = sum(file.form == form for file in files)
        of_files[form] = {name: results[:count] for name, results in readers.items()}
    zoo_peers = {name: results[len(of_files["csv"][name]) :] for name, results in peers["tables"]["csv"].items()}
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items())
    return {
        "summary": f"{options.seeds * options.files:,} generated files, {len(samples) + len(refused)} samples, "
        f"{len(words)} files of words. Peers: {versions}{', LibreOffice' if office else ''}."
        + (f" Not installed: {', '.join(missing)}." if missing else "") + "\n",
        "small-files": render_small_files(files, outcomes),
        "peers": render_peers(files, outcomes, of_files),
        "oddities": render_oddities(files, outcomes, of_files["csv"]),
        "zoo": render_zoo(samples, of_samples, len(refused), zoo_peers),
        "refusals": render_refusals(refused),
        "words": render_words(words, of_words, peers["encodings"]),
        "cells": render_cells(books, peers["books"]),
    }  # fmt: skip


def write_tables(page: Path, tables: dict[str, str]) -> None:
    """Replace the tables of a page, each between its markers; those of other benchmarks stay."""
    text = MARKERS.sub(lambda m: m[1] + tables.get(m[2], m[3]) + m[4], page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all files, and print the tables or write them to a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds of the generated files")
    parser.add_argument("--files", type=int, default=1000, help="number of files of each seed")
    parser.add_argument("--draws", type=int, default=4, help="files of words of each language, encoding and number")
    parser.add_argument("--samples", default="*", help="pattern of the names in the zoo")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the other readers")
    parser.add_argument("--soffice", default=shutil.which("soffice") or "", help="the program of LibreOffice")
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        tables = measure(options, Path(folder))
    if options.write:
        write_tables(options.write, tables)
    else:
        print("\n".join(tables.values()))


if __name__ == "__main__":
    main()
