"""Judge how this project reads files with known content: generated small files, samples, and words in encodings."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from systemscripts.errors import EtlError
from systemscripts.tables.open_table import open_table
from tests.tables import small_files
from tests.tables.small_files import WORDS
from tests.tables.text.test_encoding_guess import ENCODINGS

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "samples"
OUTCOMES = ("right", "needless", "reported", "silent", "refused")
"""Right; right with a needless warning; wrong with a warning; wrong in silence; not read, with a reason."""
WORD_COUNTS = (2, 8, 40)
# Starting processes takes longer than a few hundred small files.
MIN_PARALLEL_INPUTS, INPUTS_PER_CALL = 500, 20

Input, Result = TypeVar("Input"), TypeVar("Result")


@dataclass
class Known:
    """A file and the table in it. `groups`: format, encoding, oddities; `must_warn`: a warning is needed."""

    path: Path
    form: str
    columns: list[str]
    rows: list[list[str]]
    groups: tuple[str, ...] = ()
    # None if it is unknown
    must_warn: bool | None = False


@dataclass
class Words:
    """A file of some words of a language in one encoding."""

    path: Path
    encoding: str
    count: int
    text: str


def run_in_parallel(work: Callable[[Input], Result], inputs: Sequence[Input]) -> list[Result]:
    """Return the results in order. For many inputs there are as many processes as processors."""
    if len(inputs) < MIN_PARALLEL_INPUTS:
        return list(map(work, inputs))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, inputs, chunksize=INPUTS_PER_CALL))


def write_small_files(folder: Path, seeds: int, count: int) -> Iterator[Known]:
    """Write `count` generated files of each of the first `seeds` seeds."""
    for seed in range(seeds):
        for file in small_files.generate(seed, count):
            path = folder / f"{seed}_{file.name}"
            path.write_bytes(file.content)
            form = path.suffix[1:]
            encoded = [f"csv in {_family(file.encoding)}"] if form == "csv" else []
            groups = (form, *encoded, *(file.odd or ["nothing odd"]))
            yield Known(path, form, file.columns, file.rows, groups, file.must_warn)


def _family(encoding: str) -> str:
    return {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(encoding, "a legacy encoding")


def list_samples(pattern: str) -> Iterator[Known]:
    """Yield the samples that have an expected table."""
    for expected in sorted(SAMPLES.glob(f"{pattern}.expected.csv")):
        path = expected.with_name(expected.name.removesuffix(".expected.csv"))
        content = io.StringIO(expected.read_bytes().decode(), newline="")
        columns, *rows = list(csv.reader(content)) or [[]]
        form = "csv" if path.suffix in (".csv", ".txt", ".tsv") else "other"
        yield Known(path, form, columns, rows, must_warn=None)


def judge_file(file: Known) -> str:
    """Return the outcome of one file."""
    try:
        with open_table(file.path) as table:
            rows = [table.parse(record) for block in table.blocks() for record in block.records]
            is_right, is_warned = (table.columns, rows) == (file.columns, file.rows), bool(table.warnings)
    except EtlError:
        return "refused"
    if not is_right:
        return "reported" if is_warned else "silent"
    if file.must_warn is None:
        return "right"
    if is_warned:
        return "right" if file.must_warn else "needless"
    return "silent" if file.must_warn else "right"


def list_refusals(pattern: str) -> list[tuple[str, str]]:
    """Return name and message of each sample that is refused, of those without an expected table."""
    others = (".expected.csv", ".refusal.txt", ".md")
    tables = {file.path for file in list_samples(pattern)}
    paths = [path for path in sorted(SAMPLES.glob(pattern)) if path not in tables and not path.name.endswith(others)]
    return [(path.name, text) for path, text in zip(paths, run_in_parallel(_read_refusal, paths), strict=True) if text]


def _read_refusal(path: Path) -> str:
    try:
        with open_table(path) as table:
            for _ in table.blocks():
                pass
    except EtlError as error:
        return str(error)
    return ""


def write_words(folder: Path, draws: int, counts: Iterable[int] = WORD_COUNTS) -> Iterator[Words]:
    """Write files of two columns: `draws` files for each count of words, language and encoding."""
    draw = random.Random(5)
    for encoding, languages in ENCODINGS.items():
        for language in languages:
            known = [word for word in WORDS[language] if _can_be_written(word, encoding)]
            for count in counts:
                for number in range(draws):
                    chosen = draw.sample(known, min(count, len(known)))
                    text = "id;name\n" + "".join(f"{row};{word}\n" for row, word in enumerate(chosen))
                    path = folder / f"words_{encoding}_{language}_{count}_{number}.csv"
                    path.write_bytes(text.encode(encoding))
                    yield Words(path, encoding, count, text)


def _can_be_written(word: str, encoding: str) -> bool:
    try:
        word.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def judge_words(words: Words) -> str:
    """Return the outcome of one file of words."""
    try:
        with open_table(words.path) as table:
            is_guess = any(notice.code == "encoding_guessed" for notice in table.warnings)
            encoding = table.detected.encoding or "utf-8"
    except EtlError:
        return "refused"
    is_right = words.path.read_bytes().decode(encoding, errors="replace") == words.text
    return ("needless" if is_guess else "right") if is_right else "reported" if is_guess else "silent"
