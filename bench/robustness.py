"""What this project and its peers make of files whose meaning is known: the figures of docs/robustness.md.

    PYTHONPATH=. .venv/bin/python -m bench.robustness
    PYTHONPATH=. .venv/bin/python -m bench.robustness --peers .venv-bench/bin/python --write docs/robustness.md

Reads the zoo (tests/samples), generated small files, words in twenty encodings, and a workbook with one kind of cell a
row. `--peers` names a Python that has the others (bench/requirements.txt; bench/peers.py makes `.venv-bench`); who is
missing there, and LibreOffice where there is no soffice, is left out and named. Some minutes; `--write` replaces the
tables of a page, each between `<!-- made by bench.robustness: NAME -->` and `<!-- end -->`.
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
MARKERS = re.compile(r"(<!-- made by bench\.robustness: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COMPARED_WORDS = 8  # of those in file_outcomes.WORD_COUNTS: where guessers differ
# comma, quotes, UTF-8, all sheets, cells as they are shown (its default)
LIBREOFFICE_FILTER = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1"
LIBREOFFICE_SECONDS = 120  # a first start on a busy machine takes half a minute


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all but the first column are figures."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def share(part: int, whole: int) -> str:
    """A share of files: 0 and 100 % only where none and all are meant."""
    if not whole:
        return "-"
    text = f"{100 * part / whole:.1f}"
    return {"0.0": "0" if not part else "< 0.1", "100.0": "100" if part == whole else "> 99.9"}.get(text, text) + " %"


def small_files_table(files: Sequence[Known], outcomes: Sequence[str]) -> str:
    """Outcomes by form and by what is odd."""
    counts: dict[str, Counter[str]] = {"all": Counter(outcomes)}
    for file, outcome in zip(files, outcomes, strict=True):
        for kind in file.kinds:
            counts.setdefault(kind, Counter())[outcome] += 1
    rows = [[kind, found.total(), *(found[name] for name in OUTCOMES)] for kind, found in _in_order(counts)]
    return table(["small files", "files", *HEADS], rows)


def _in_order(counts: dict[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """All, the forms, then what is odd, the most frequent first."""
    encodings = ("csv in UTF-8", "csv in UTF-16", "csv in a legacy encoding")
    forms = ("all", "csv", *encodings, "xlsx", "html", "json", "nothing odd")
    rank = {name: place for place, name in enumerate(forms)}
    return sorted(counts.items(), key=lambda item: (rank.get(item[0], len(forms)), -item[1].total(), item[0]))


def peers_table(files: Sequence[Known], outcomes: Sequence[str], peers: dict[str, dict[str, list[str]]]) -> str:
    """Shares of right, told, silently wrong and refused files by form and reader."""
    rows = []
    for form, readers in peers.items():
        ours = [outcome for file, outcome in zip(files, outcomes, strict=True) if file.form == form]
        parts = {form: list(range(len(ours)))}
        if form == "csv":
            known = [file for file in files if file.form == form]
            parts["csv in UTF-8"] = [place for place, file in enumerate(known) if "csv in UTF-8" in file.kinds]
        for name, places in parts.items():
            for reader, found in {"this project": ours, **readers}.items():
                counts = Counter(found[place] for place in places)
                right, told = counts["right"] + counts["needless"], counts["reported"]
                shares = [share(count, len(places)) for count in (right, told, counts["silent"], counts["refused"])]
                rows.append([f"{name}: {reader}", len(places), *shares])
    return table(["reader", "files", "right", *HEADS[2:]], rows)


def oddities_table(files: Sequence[Known], outcomes: Sequence[str], peers: dict[str, list[str]]) -> str:
    """Share of the CSV files that are right, reader by reader: by encoding, and of UTF-8 by what is odd."""
    places = [place for place, file in enumerate(files) if file.form == "csv"]
    readers = {"this project": [outcomes[place] for place in places], **peers}
    counts: dict[str, Counter[str]] = {}
    for number, place in enumerate(places):
        encoding, *odd = files[place].kinds[1:]
        for kind in [encoding, *odd] if encoding == "csv in UTF-8" else [encoding]:
            found = counts.setdefault(kind, Counter())
            found["files"] += 1
            for reader, each in readers.items():
                found[reader] += each[number] in ("right", "needless")
    rows = [
        [kind, found["files"], *(share(found[reader], found["files"]) for reader in readers)]
        for kind, found in _in_order(counts)
    ]
    return table(["right of CSV files", "files", *readers], rows)


def zoo_table(files: Sequence[Known], outcomes: Sequence[str], refused: int, peers: dict[str, list[str]]) -> str:
    """Outcomes of the zoo: ours of all, those of peers of its delimited files."""
    ours = [outcome for file, outcome in zip(files, outcomes, strict=True) if file.form == "csv"]
    readers = {"all: this project": list(outcomes), "delimited text: this project": ours}
    readers |= {f"delimited text: {name}": found for name, found in peers.items()}
    rows = [
        [name, len(found), *(Counter(found)[outcome] for outcome in ("right", "reported", "silent", "refused"))]
        for name, found in readers.items()
    ]
    words = f"\nBesides, {refused} samples are not tables or cannot be read, and are refused, each with its reason.\n"
    return table(["zoo", "files", "right", *HEADS[2:]], rows) + words


def words_table(words: Sequence[Words], outcomes: Sequence[str], peers: dict[str, list[bool]]) -> str:
    """By encoding and number of words: right, of these with a needless warning, wrong in silence; peers: right."""
    names = [f"{count} words" for count in file_outcomes.WORD_COUNTS]
    heads = ["encoding", "files each", *names, *(f"{peer}, {COMPARED_WORDS} words" for peer in peers)]
    rows = []
    for encoding in [*dict.fromkeys(file.encoding for file in words), "all"]:
        cells, theirs, size = [], [0] * len(peers), 0
        for count in file_outcomes.WORD_COUNTS:
            places = [n for n, file in enumerate(words) if file.count == count and encoding in (file.encoding, "all")]
            found = Counter(outcomes[place] for place in places)
            size = len(places)
            cells.append(" / ".join(str(found[name]) for name in ("right", "needless", "reported", "silent")))
            if count == COMPARED_WORDS:
                answered = [n for n, file in enumerate(_compared(words)) if encoding in (file.encoding, "all")]
                theirs = [sum(answers[place] for place in answered) for answers in peers.values()]
        rows.append([encoding, size, *cells, *theirs])
    return table(heads, rows)


def _compared(words: Iterable[Words]) -> list[Words]:
    return [file for file in words if file.count == COMPARED_WORDS]


def cells_table(books: Sequence[tuple[Path, list[Cell]]], peers: Sequence[dict[str, dict[str, str]]]) -> str:
    """Each kind of cell: what is stored and shown, and what each reader makes of it; `✗` where it is another value."""
    rows = []
    readers: dict[str, Counter[str]] = {}
    for (path, cells), others in zip(books, peers, strict=True):
        found = {"this project": read_cells(path), **others}
        for number, cell in enumerate(cells, 1):
            texts = [answers.get(str(number), "not there") for answers in found.values()]
            for name, text in zip(found, texts, strict=True):
                readers.setdefault(name, Counter())["right"] += cell.is_right(text)
            marked = [_shown(text) if cell.is_right(text) else f"✗ {_shown(text)}" for text in texts]
            rows.append([f"{cell.what} ({cell.section})", _shown(cell.stored), _shown(cell.shown), *marked])
        sheets = [answers["sheet"] for answers in found.values()]
    rows.append(["sheet that is read, the first being hidden (18.2.19)", "", "`Cells`", *map(_sheet, sheets)])
    whole = sum(len(cells) for _, cells in books)
    rows.append([f"**as stored, of {whole}**", "", "", *(f"**{counts['right']}**" for counts in readers.values())])
    return table(["cell", "stored", "Excel shows", *readers], rows).replace("---:", "---")


def _sheet(name: str) -> str:
    return f"`{name}`" if name == "Cells" else f"✗ `{name}`"


def _shown(text: str) -> str:
    visible = text.replace("\n", "\\n").replace("\r", "\\r").replace("|", "\\|")
    return f"`{visible}`" if visible else "empty"


def read_cells(path: Path) -> dict[str, str]:
    """By number of the case: its text as this project reads it, and the sheet that was taken."""
    with open_table(path) as opened:
        records = [opened.parse(record) for block in opened.blocks() for record in block.records]
    return {record[0]: record[2] for record in records} | {"sheet": opened.detected.sheet}


def refusals_table(refused: Sequence[tuple[str, str]]) -> str:
    """Each refused sample and its message."""
    rows = [[f"`{name}`", text.replace("|", "\\|").replace("\n", " ")] for name, text in refused]
    return table(["sample", "message"], rows).replace("---:", "---")


def ask_peers(python: str, folder: Path, files: Sequence[Known], words: Sequence[Words], books: Sequence[Path]) -> Any:
    """What peer_readers answers."""
    question = folder / "question.json"
    tables = [[str(file.path), file.form, file.columns, file.rows] for file in files]
    texts = [[str(file.path), file.text] for file in _compared(words)]
    question.write_text(json.dumps({"tables": tables, "texts": texts, "books": [str(book) for book in books]}))
    done = subprocess.run([python, peer_readers.__file__, str(question)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ask_libreoffice(program: str, folder: Path, books: Sequence[Path]) -> list[dict[str, str]]:
    """The cells of each workbook as LibreOffice writes them to CSV; nothing where it is missing."""
    if not program:
        return []
    command = [program, "--headless", f"-env:UserInstallation={(folder / 'office').as_uri()}", "--convert-to"]
    # the sheet that it chooses, then all
    for wanted in ("csv", LIBREOFFICE_FILTER):
        to_csv = [*command, wanted, "--outdir", str(folder), *map(str, books)]
        subprocess.run(to_csv, capture_output=True, check=True, timeout=LIBREOFFICE_SECONDS)
    found = []
    for book in books:
        chosen, cells = ((folder / f"{book.stem}{name}.csv").read_bytes().decode() for name in ("", "-Cells"))
        rows = list(csv.reader(io.StringIO(cells, newline="")))
        found.append({row[0]: row[2] for row in rows} | {"sheet": "Cells" if chosen == cells else "Hidden"})
    return found


def measure(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """All tables by the name of their marker."""
    files = list(file_outcomes.write_small_files(folder, options.seeds, options.files))
    samples = list(file_outcomes.zoo(options.samples))
    words = list(file_outcomes.write_words(folder, options.draws))
    books = [(folder / "cells.xlsx", workbook_cells.CELLS), (folder / "cells_1904.xlsx", workbook_cells.CELLS_1904)]
    for path, cells in books:
        workbook_cells.write_workbook(path, cells, is_1904=cells is workbook_cells.CELLS_1904)
    outcomes = file_outcomes.in_parallel(file_outcomes.judge, files)
    of_samples = [file_outcomes.judge(file) for file in samples]
    of_words = file_outcomes.in_parallel(file_outcomes.judge_words, words)
    refused = file_outcomes.refusals(options.samples)
    paths = [path for path, _ in books]
    peers = ask_peers(options.peers, folder, [*files, *samples], words, paths)
    office = ask_libreoffice(options.soffice, folder, paths)
    for place, answers in enumerate(office):
        peers["books"][place]["LibreOffice"] = answers
    missing = [*peers["missing"], *(() if office else ("LibreOffice",))]
    of_files: dict[str, dict[str, list[str]]] = {}
    for form, readers in peers["tables"].items():
        count = sum(file.form == form for file in files)
        of_files[form] = {name: found[:count] for name, found in readers.items()}
    zoo_peers = {name: found[len(of_files["csv"][name]) :] for name, found in peers["tables"]["csv"].items()}
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items())
    return {
        "summary": f"{options.seeds * options.files:,} generated files, {len(samples) + len(refused)} samples, "
        f"{len(words)} files of words. Peers: {versions}{', LibreOffice' if office else ''}."
        + (f" Left out, since missing: {', '.join(missing)}." if missing else "") + "\n",
        "small-files": small_files_table(files, outcomes),
        "peers": peers_table(files, outcomes, of_files),
        "oddities": oddities_table(files, outcomes, of_files["csv"]),
        "zoo": zoo_table(samples, of_samples, len(refused), zoo_peers),
        "refusals": refusals_table(refused),
        "words": words_table(words, of_words, peers["encodings"]),
        "cells": cells_table(books, peers["books"]),
    }  # fmt: skip


def write_tables(page: Path, tables: dict[str, str]) -> None:
    """Replace the tables of a page, each between its markers."""
    text = MARKERS.sub(lambda found: found[1] + tables[found[2]] + found[3], page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, count, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="of the generated files")
    parser.add_argument("--files", type=int, default=1000, help="of each seed")
    parser.add_argument("--draws", type=int, default=4, help="files of words of each language, encoding and number")
    parser.add_argument("--samples", default="*", help="pattern of the names in the zoo")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has them")
    parser.add_argument("--soffice", default=shutil.which("soffice") or "", help="LibreOffice's program")
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
