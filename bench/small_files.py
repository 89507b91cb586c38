"""Read generated small files of some seeds, and print how many are read right, wrong, wrong in silence, and warned of.

    PYTHONPATH=. .venv/bin/python -m bench.small_files --seeds 5

The seeds are new ones in each run, which are printed, unless `--first-seed` repeats a run. The exit code is 1 if a seed
has fewer right files than 99.5 %, a file that is wrong in silence, or needless warnings for more than 3 % of others.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.errors import EtlError
from systemscripts.tables.open_table import open_table
from tests.tables import small_files
from tests.tables.small_files import SmallFile

MIN_RIGHT_SHARE, MAX_WARNED_SHARE = 0.995, 0.03
# Larger than the seeds of the tests and of bench.robustness, with which the reader was developed.
FIRST_SEEDS = range(1_000, 1_000_000)


@dataclass
class SeedResult:
    """Counts of the files of one seed. `quiet`: right ones that need no warning; `warned`: those that have one."""

    right: int = 0
    quiet: int = 0
    warned: int = 0
    silent: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def is_good(self, count: int) -> bool:
        """Return whether the files of a seed were read well enough. `count`: how many there are."""
        is_right = self.right >= MIN_RIGHT_SHARE * count and not self.silent
        return is_right and self.warned <= MAX_WARNED_SHARE * self.quiet

    def add(self, file: SmallFile, is_right: bool, notes: Sequence[str]) -> None:
        """Add a file. `notes`: its warnings, or why it was refused."""
        self.right += is_right
        self.quiet += is_right and not file.must_warn
        self.warned += is_right and not file.must_warn and bool(notes)
        if not notes and (file.must_warn or not is_right):
            self.silent.append(file.name)
        if not is_right:
            self.misses.append(f"{file.name} in {file.encoding}, {', '.join(file.odd) or 'nothing odd'}: {notes}")


def read_seed(seed: int, count: int) -> SeedResult:
    """Write and read the files of one seed."""
    result = SeedResult()
    with tempfile.TemporaryDirectory() as folder:
        for file in small_files.generate(seed, count):
            path = Path(folder) / file.name
            path.write_bytes(file.content)
            result.add(file, *_read_file(path, file))
            path.unlink()
    return result


def _read_file(path: Path, file: SmallFile) -> tuple[bool, list[str]]:
    """Return whether the table is read right, and the warnings or the reason why it is refused."""
    try:
        with open_table(path) as table:
            rows = [table.parse(record) for block in table.blocks() for record in block.records]
            return (table.columns, rows) == (file.columns, file.rows), [warning.text for warning in table.warnings]
    except EtlError as error:
        return False, [f"refused: {error}"]


def main() -> int:
    """Print one line for each seed, and its misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--first-seed", type=int, help="the first seed, to repeat a run")
    parser.add_argument("--files", type=int, default=1000, help="number of files for each seed")
    arguments = parser.parse_args()
    first = random.choice(FIRST_SEEDS) if arguments.first_seed is None else arguments.first_seed
    is_good = True
    for seed in range(first, first + arguments.seeds):
        result = read_seed(seed, arguments.files)
        is_good = is_good and result.is_good(arguments.files)
        wrong = arguments.files - result.right
        print(f"seed {seed}: {result.right} right, {wrong} wrong, {len(result.silent)} wrong in silence,", end=" ")
        print(f"{result.warned} of {result.quiet} warned of without need", flush=True)
        for name in result.silent:
            print(f"  wrong in silence: {name}")
        for miss in result.misses:
            print(f"  wrong: {miss}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
