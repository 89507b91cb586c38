"""Polluted copies of one clean CSV, and how well they are read, counted as the Pollock benchmark does.

The kinds of pollution, their weights and the measures follow Vitagliano et al., "Pollock: A Data Loading Benchmark"
(PVLDB 16/8, 2023); table, generator and scorer are our own. A file scores 10 when it is read (1) and precision, recall
and F1 of header, records and cells are 1 each.

    python bench/pollution.py            all files (about 2,300)
    python bench/pollution.py --fast     every eleventh file of the kinds that come once for each cell
    python bench/pollution.py --worst 20 the files that lose most, with their losses
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from systemscripts.errors import EtlError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.standard_csv import write_csv

ROWS = 83
NAMES = ["Day", "Hour", "Count", "Code", "Amount", "Kind", "Story", "Link", "Remark"]
GOODS = ["Men's Rain Boots", "Light Running Jacket", "Fly Rod", "Folding Kayak Cart", "Camp Lantern", "Kid's Tent"]
STORIES = [
    "These boots keep feet dry, even where there isn't a path, and weigh little.",
    'A jacket that "breathes", seen from afar, for runners who don\'t stop at dusk.',
    "Sits well in the hand, whatever the river does.",
    "Carries 80 kg, folds flat, and fits into a car's boot; wheels included.",
    'Burns for 12 hours, says the maker: "we tested it, twice".',
]


@dataclass
class Cell:
    """One field; `quoted` where the clean file quotes it."""

    text: str
    quoted: bool = False


@dataclass
class Row:
    """One row of a file, with what is odd about it."""

    cells: list[Cell]
    delimiter: str | None = None
    end: str | None = None
    more_at: int | None = None  # one delimiter too many before this cell
    less_at: int | None = None  # the delimiter before this cell is missing


@dataclass
class Sample:
    """One polluted file, and the rows that a perfect reader finds in it."""

    kind: str
    weight: float
    rows: list[Row]
    expected: list[list[str]]
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    end: str = "\r\n"
    name: str = ""
    stray: dict[tuple[int, int], str] = field(default_factory=dict)

    def text(self) -> str:
        """The content of the file."""
        return "".join(self._line(number, row) for number, row in enumerate(self.rows))

    def _line(self, number: int, row: Row) -> str:
        delimiter = self.delimiter if row.delimiter is None else row.delimiter
        parts = []
        for place, cell in enumerate(row.cells):
            if place and row.less_at != place:
                parts.append(delimiter)
            if row.more_at == place:
                parts.append(delimiter)
            inner = cell.text.replace(self.quote, self.escape + self.quote) if cell.quoted else cell.text
            inner = self.stray.get((number, place), "") + inner
            parts.append(self.quote + inner + self.quote if cell.quoted else inner)
        return "".join(parts) + (self.end if row.end is None else row.end)


def source() -> list[Row]:
    """The clean table: dates, times, numbers, codes, money, text with quotes, commas and apostrophes, links, blanks."""
    header = [Cell(name, name in ("Story", "Link")) for name in NAMES]
    rows = [Row(header)]
    for number in range(ROWS):
        good = GOODS[number % len(GOODS)] + (f", size {number % 9 + 30}" if number % 7 == 3 else "")
        code = f"{'ABCDEFGH'[number % 8]}{'KLMNPQR'[number % 7]}-{1009 + number * 97 % 8990}"
        values = [
            f"{number % 28 + 1:02d}/{number // 28 + 1:02d}/2018",
            f"{number // 4 % 24:02d}:{number % 4 * 15:02d}",
            str(number * 7 % 10),
            code,
            f"${number * 131 % 9000 / 100:.2f}",
            good,
            f"{STORIES[number % len(STORIES)]} No {number}",
            f"https://shop.example.com/item/{code.replace('-', '_')}.html",
            "sold out" if number % 9 == 5 else "",
        ]
        cells = [Cell(text, place in (6, 7) or "," in text) for place, text in enumerate(values)]
        rows.append(Row(cells))
    return rows


def plain(rows: Sequence[Row]) -> list[list[str]]:
    """The texts of some rows."""
    return [[cell.text for cell in row.cells] for row in rows]


def samples(step: int = 1) -> Iterator[Sample]:
    """Every polluted file; of the kinds that come once for each cell only each `step`-th."""
    yield from whole_file_samples()
    rows, clean = source(), plain(source())
    width, count = len(NAMES), 0
    for line in range(len(rows)):
        for place in range(width):
            count += 1
            if count % step:
                continue
            more = [*rows[:line], replace(rows[line], more_at=place), *rows[line + 1 :]]
            yield Sample("row: a delimiter more", 260 / 756, more, clean, name=f"{line} {place}")
            if place:
                less = [*rows[:line], replace(rows[line], less_at=place), *rows[line + 1 :]]
                yield Sample("row: a delimiter less", 260 / 672, less, clean, name=f"{line} {place}")
            found = [list(row) for row in clean]
            found[line][place] = '"' + found[line][place]
            stray = {(line, place): '"'}
            yield Sample("row: a stray quote", 7 / 756, rows, found, stray=stray, name=f"{line} {place}")
        if line % min(step, 4) == 0:
            other = [*rows[:line], replace(rows[line], delimiter=" "), *rows[line + 1 :]]
            yield Sample("row: delimited by space", 10 / 84, other, clean, name=str(line))


def whole_file_samples() -> Iterator[Sample]:
    """The kinds of which there is one file each."""
    rows, clean = source(), plain(source())
    header, blank = rows[0], Row([Cell("") for _ in NAMES])
    title = Row([Cell("PREAMBLE"), *blank.cells[1:]])
    yield Sample("clean", 1, rows, clean)
    yield Sample("empty", 15, [], [])
    yield Sample("no line end at the end", 184, [*rows[:-1], replace(rows[-1], end="")], clean)
    yield Sample("two line ends at the end", 5, [*rows[:-1], replace(rows[-1], end="\r\n\r\n")], clean)
    yield Sample("no header", 470, rows[1:], clean[1:])
    for deep in (2, 3):
        yield Sample(f"header {deep} times", 47, [header] * deep + rows[1:], clean)
    yield Sample("title and blank row", 282, [title, blank, *rows], clean)
    for more in (1, 3, 7, 23):
        yield Sample("titles", 0, [title] * more + rows, clean, name=str(more))
        yield Sample("titles and blank rows", 0, [title] * more + [blank] * 2 + rows, clean, name=str(more))
        alone = Row([Cell(f"Title {more}, as of 1 May")])
        yield Sample("titles alone on their lines", 0, [alone] * more + rows, clean, name=str(more))
    yield Sample("second table, as wide", 188 / 3, rows + rows[:ROWS], clean)
    yield Sample("second table, wider", 188 / 3, rows + [_wider(row, n) for n, row in enumerate(rows[:ROWS])], clean)
    yield Sample("second table, narrower", 188 / 3, rows + [Row(row.cells[:-1]) for row in rows[:ROWS]], clean)
    yield Sample("header only", 3, rows[:1], clean[:1])
    yield Sample("one record", 4, rows[:2], clean[:2])
    yield Sample("line end LF", 1691, rows, clean, end="\n")
    yield Sample("line end CR", 7, rows, clean, end="\r")
    for delimiter, weight in {";": 834, "\t": 4, ", ": 101, " ": 4, "|": 0, "; ": 0, "||": 0}.items():
        yield Sample(f"delimiter {delimiter!r}", weight, rows, clean, delimiter=delimiter)
    yield Sample("quote '", 11, rows, clean, quote="'", escape="'")
    yield Sample("quote ' not escaped", 0, rows, clean, quote="'", escape="")
    yield Sample("escape backslash", 1, rows, clean, escape="\\")
    yield Sample("escape none", 7, rows, clean, escape="")


def _wider(row: Row, number: int) -> Row:
    return Row([*row.cells, Cell(f"extra {number}" if number else "col1")])


def read(content: bytes) -> list[list[str]] | None:
    """What xls_to_csv makes of it, as rows; None when the file is refused."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        output = io.BytesIO()
        try:
            with open_table(Path(file.name)) as table:
                write_csv(table, output)
        except EtlError:
            return None
    return list(csv.reader(io.StringIO(output.getvalue().decode(), newline="")))


def score(expected: list[list[str]], found: list[list[str]] | None) -> float:
    """From 0 (not read) to 10 (all right)."""
    if found is None:
        return 0
    if not expected:
        return 10
    header = _measures(expected[0], found[0] if found else [])
    records = _measures(["".join(row) for row in expected[1:]], ["".join(row) for row in found[1:]])
    cells = _measures([cell for row in expected for cell in row], [cell for row in found for cell in row])
    return 1 + sum(header) + sum(records) + sum(cells)


def _measures(expected: Sequence[str], found: Sequence[str]) -> tuple[float, float, float]:
    if not expected:
        return 1, 1, 1
    hits = (Counter(map(str.lower, expected)) & Counter(map(str.lower, found))).total()
    if not hits:
        return 0, 0, 0
    precision, recall = hits / len(found), hits / len(expected)
    return precision, recall, 2 * precision * recall / (precision + recall)


@dataclass
class Result:
    """The scores of all files."""

    by_kind: dict[str, list[float]]
    weights: dict[str, float]
    worst: list[tuple[float, Sample]]

    @property
    def mean(self) -> float:
        """The mean over all files."""
        scores = [value for values in self.by_kind.values() for value in values]
        return sum(scores) / len(scores)

    def weighted(self, without: str = "") -> float:
        """The mean by the weight of each kind, without one of them."""
        means = {kind: sum(values) / len(values) for kind, values in self.by_kind.items() if kind != without}
        return sum(means[kind] * self.weights[kind] for kind in means) / sum(self.weights[kind] for kind in means)


def run(step: int = 1) -> Result:
    """Write, read and score the files."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    weights: dict[str, float] = defaultdict(float)
    worst = []
    for sample in samples(step):
        value = score(sample.expected, read(sample.text().encode()))
        by_kind[sample.kind].append(value)
        weights[sample.kind] += sample.weight
        worst.append((value, sample))
    worst.sort(key=lambda item: item[0])
    return Result(dict(by_kind), dict(weights), worst)


def main() -> None:
    """Print the scores by kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="every eleventh file of the largest kinds")
    parser.add_argument("--worst", type=int, default=0, help="show so many of the files that lose most")
    arguments = parser.parse_args()
    result = run(11 if arguments.fast else 1)
    for kind, values in result.by_kind.items():
        mean, weight = sum(values) / len(values), result.weights[kind]
        print(f"{mean:7.4f}  {min(values):7.4f}  {len(values):5d}  {weight:7.1f}  {kind}")
    print(f"weighted {result.weighted():.4f}, without the file of no header {result.weighted('no header'):.4f}")
    print(f"mean {result.mean:.4f} of {sum(map(len, result.by_kind.values()))} files")
    for value, sample in result.worst[: arguments.worst]:
        print(f"{value:.3f} {sample.kind} {sample.name}")


if __name__ == "__main__":
    main()
