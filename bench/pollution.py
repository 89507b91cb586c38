"""Score how well polluted copies of one clean CSV file are read, as the Pollock benchmark does.

The kinds of pollution, their weights and the measures follow Vitagliano et al., "Pollock: A Data Loading Benchmark"
(PVLDB 16/8, 2023). Table, generator and scorer are our own. A file scores 10 if it is read (1 point) and precision,
recall and F1 of header, records and cells are all 1.

    python bench/pollution.py            all files (about 2,300)
    python bench/pollution.py --fast     every eleventh file of the kinds that have one file for each cell
    python bench/pollution.py --worst 20 the files with the lowest scores
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
    """One field. `quoted`: the clean file quotes it."""

    text: str
    quoted: bool = False


@dataclass
class Row:
    """One row of a file, with its pollution."""

    cells: list[Cell]
    delimiter: str | None = None
    end: str | None = None
    # there is one delimiter too many before this cell
    more_at: int | None = None
    # the delimiter before this cell is missing
    less_at: int | None = None


@dataclass
class Sample:
    """One polluted file, and the rows that a perfect reader returns."""

    pollution: str
    weight: float
    rows: list[Row]
    expected: list[list[str]]
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    end: str = "\r\n"
    name: str = ""
    stray: dict[tuple[int, int], str] = field(default_factory=dict)

    def render(self) -> str:
        """Return the content of the file."""
        return "".join(self._render_line(number, row) for number, row in enumerate(self.rows))

    def _render_line(self, number: int, row: Row) -> str:
        delimiter = self.delimiter if row.delimiter is None else row.delimiter
        parts = []
        for position, cell in enumerate(row.cells):
            if position and row.less_at != position:
                parts.append(delimiter)
            if row.more_at == position:
                parts.append(delimiter)
            inner = cell.text.replace(self.quote, self.escape + self.quote) if cell.quoted else cell.text
            inner = self.stray.get((number, position), "") + inner
            parts.append(self.quote + inner + self.quote if cell.quoted else inner)
        return "".join(parts) + (self.end if row.end is None else row.end)


def make_clean_table() -> list[Row]:
    """Return the clean table: dates, times, numbers, codes, money, links, blanks, and text with quotes and commas."""
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
        cells = [Cell(text, position in (6, 7) or "," in text) for position, text in enumerate(values)]
        rows.append(Row(cells))
    return rows


def list_texts(rows: Sequence[Row]) -> list[list[str]]:
    """Return the texts of some rows."""
    return [[cell.text for cell in row.cells] for row in rows]


def generate_samples(step: int = 1) -> Iterator[Sample]:
    """Yield every polluted file, but only each `step`-th of the kinds that have one for each cell."""
    yield from generate_whole_file_samples()
    rows = make_clean_table()
    clean = list_texts(rows)
    width, count = len(NAMES), 0
    for line in range(len(rows)):
        for position in range(width):
            count += 1
            if count % step:
                continue
            more = [*rows[:line], replace(rows[line], more_at=position), *rows[line + 1 :]]
            yield Sample("row: a delimiter more", 260 / 756, more, clean, name=f"{line} {position}")
            if position:
                less = [*rows[:line], replace(rows[line], less_at=position), *rows[line + 1 :]]
                yield Sample("row: a delimiter less", 260 / 672, less, clean, name=f"{line} {position}")
            expected = [list(row) for row in clean]
            expected[line][position] = '"' + expected[line][position]
            stray = {(line, position): '"'}
            yield Sample("row: a stray quote", 7 / 756, rows, expected, stray=stray, name=f"{line} {position}")
        if line % min(step, 4) == 0:
            other = [*rows[:line], replace(rows[line], delimiter=" "), *rows[line + 1 :]]
            yield Sample("row: delimited by space", 10 / 84, other, clean, name=str(line))


def generate_whole_file_samples() -> Iterator[Sample]:
    """Yield the samples that are polluted as a whole."""
    rows = make_clean_table()
    clean = list_texts(rows)
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
    wider = [_widen(row, number) for number, row in enumerate(rows[:ROWS])]
    yield Sample("second table, wider", 188 / 3, rows + wider, clean)
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


def _widen(row: Row, number: int) -> Row:
    return Row([*row.cells, Cell(f"extra {number}" if number else "col1")])


def read_rows(content: bytes) -> list[list[str]] | None:
    """Return the rows that xls_to_csv writes, or None if it refuses the file."""
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


def score_rows(expected: list[list[str]], actual: list[list[str]] | None) -> float:
    """Return a score from 0 (not read) to 10 (all right)."""
    if actual is None:
        return 0
    if not expected:
        return 10
    header = _measure(expected[0], actual[0] if actual else [])
    records = _measure(["".join(row) for row in expected[1:]], ["".join(row) for row in actual[1:]])
    cells = _measure([cell for row in expected for cell in row], [cell for row in actual for cell in row])
    return 1 + sum(header) + sum(records) + sum(cells)


def _measure(expected: Sequence[str], actual: Sequence[str]) -> tuple[float, float, float]:
    """Return precision, recall and F1."""
    if not expected:
        return 1, 1, 1
    hits = (Counter(map(str.lower, expected)) & Counter(map(str.lower, actual))).total()
    if not hits:
        return 0, 0, 0
    precision, recall = hits / len(actual), hits / len(expected)
    return precision, recall, 2 * precision * recall / (precision + recall)


@dataclass
class Result:
    """The scores of all files."""

    by_pollution: dict[str, list[float]]
    weights: dict[str, float]
    worst: list[tuple[float, Sample]]

    @property
    def mean(self) -> float:
        """The mean of all files."""
        scores = [value for values in self.by_pollution.values() for value in values]
        return sum(scores) / len(scores)

    def compute_weighted_mean(self, without: str = "") -> float:
        """Return the mean by the weight of each pollution, without one of them."""
        means = {name: sum(values) / len(values) for name, values in self.by_pollution.items() if name != without}
        return sum(means[name] * self.weights[name] for name in means) / sum(self.weights[name] for name in means)


def score_samples(step: int = 1) -> Result:
    """Write, read and score the files."""
    by_pollution: dict[str, list[float]] = defaultdict(list)
    weights: dict[str, float] = defaultdict(float)
    worst = []
    for sample in generate_samples(step):
        value = score_rows(sample.expected, read_rows(sample.render().encode()))
        by_pollution[sample.pollution].append(value)
        weights[sample.pollution] += sample.weight
        worst.append((value, sample))
    worst.sort(key=lambda item: item[0])
    return Result(dict(by_pollution), dict(weights), worst)


def main() -> None:
    """Print the scores by pollution."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="only every eleventh file of the largest kinds")
    parser.add_argument("--worst", type=int, default=0, help="number of files with the lowest scores to show")
    arguments = parser.parse_args()
    result = score_samples(11 if arguments.fast else 1)
    for name, values in result.by_pollution.items():
        mean, weight = sum(values) / len(values), result.weights[name]
        print(f"{mean:7.4f}  {min(values):7.4f}  {len(values):5d}  {weight:7.1f}  {name}")
    without = result.compute_weighted_mean("no header")
    print(f"weighted {result.compute_weighted_mean():.4f}, without the file of no header {without:.4f}")
    print(f"mean {result.mean:.4f} of {sum(map(len, result.by_pollution.values()))} files")
    for value, sample in result.worst[: arguments.worst]:
        print(f"{value:.3f} {sample.pollution} {sample.name}")


if __name__ == "__main__":
    main()
