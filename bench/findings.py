"""Count what the rules on values miss and which good files they suspect, over generated weekly series of a year.

    PYTHONPATH=. .venv/bin/python -m bench.findings
    PYTHONPATH=. .venv/bin/python -m bench.findings --series 4 --weeks 20 --fresh 0

Each series (tests/findings/weekly_series.py) is an import of its own, in each load mode in turn, with declared types, a
key and nothing else. Its good files are loaded week by week; from the fourth on each week first a file with a planted
fault (tests/findings/planted_faults.py) is loaded and undone. A fault counts as found where one of its rules finds it.
50 series, and some more of fresh seeds, which are printed, take five minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field

from bench.office import Office, open_office
from systemscripts.db_utils import transaction
from systemscripts.summary import Summary
from tests.findings import planted_faults
from tests.findings.planted_faults import Fault
from tests.findings.weekly_series import Row, Series, write_csv

MODES = ("snapshot", "append", "upsert", "new_rows")
FEEDS = ("orders", "members")
FIRST_JUDGED_WEEK = 3
LEAST_FOUND, MOST_FALSE_WARNINGS = 0.95, 1


@dataclass
class Score:
    """What was planted, missed and suspected."""

    planted: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    finders: Counter[str] = field(default_factory=Counter)
    false_alarms: Counter[str] = field(default_factory=Counter)
    # by feed
    false_warnings: Counter[str] = field(default_factory=Counter)
    false_holds: int = 0
    good_files: int = 0

    @property
    def is_good(self) -> bool:
        """Whether enough is found, and good files are left alone."""
        share = 1 - self.missed.total() / max(1, self.planted.total())
        most = max(self.false_warnings.values(), default=0)
        return share >= LEAST_FOUND and most <= MOST_FALSE_WARNINGS and not self.false_holds


def play_series(office: Office, series: Series, mode: str, score: Score) -> None:
    """Load a series week by week, each week with a fault before it."""
    name = f"{series.feed}_{mode}_{series.seed}".replace("new_rows", "newrows").replace("_", "")
    _configure(office, name, series, mode)
    chance = random.Random(f"{series.seed} {series.feed} {mode}")
    faults = [fault for fault in planted_faults.list_faults() if series.feed in fault.feeds and mode in fault.modes]
    chance.shuffle(faults)
    turn = itertools.cycle(faults)
    for week, (day, rows) in enumerate(series.list_weeks()):
        file_name = f"{name}_{day:%Y%m%d}.csv"
        if week >= FIRST_JUDGED_WEEK:
            _plant(office, name, file_name, next(turn), rows, series, chance, score)
        summary = office.load(name, file_name, write_csv(rows))
        score.good_files += 1
        if rules := list_rules(office, summary):
            score.false_alarms.update(rules)
            score.false_holds += bool(summary.exit_code)
            score.false_warnings[name] += not summary.exit_code


def _configure(office: Office, name: str, series: Series, mode: str) -> None:
    """Declare types and key of a series, as suggest_import.py does, and nothing else."""
    with transaction(office.connection) as cursor:
        cursor.execute(
            """insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns,
                   schema, dateconfig, datelocation, dateformat)
               values (%s, %s, %s, %s, %s, %s, 'filename', '1', 'yyyyMMdd')""",
            (name, rf"{name}_\d+\.csv", f"public.{name}", mode, [series.key], json.dumps(series.types)),
        )


def _plant(
    office: Office, name: str, file_name: str, fault: Fault, rows: list[Row], series: Series, chance: random.Random,
    score: Score,
) -> None:  # fmt: skip
    """Load a file with a fault instead of the good one, note who found it, and undo it."""
    data = planted_faults.make_faulty(fault, rows, series, chance)
    if data == write_csv(rows):
        return
    summary = office.load(name, file_name, data)
    rules = list_rules(office, summary)
    score.planted[fault.name] += 1
    score.finders.update(rules)
    score.missed[fault.name] += not rules & {*fault.rules, REJECTED}
    office.undo(summary)


REJECTED = "rejected"


def list_rules(office: Office, summary: Summary) -> set[str]:
    """Return the rules that held a file or warned of it; REJECTED where rows do not fit, or the file is refused."""
    numbers = [row["dataset"] for row in summary.rows if row["dataset"]]
    with transaction(office.connection) as cursor:
        cursor.execute(
            "select distinct rule from dba.tfinding where dataset_id = any(%s) and severity in ('hold', 'warn')",
            (numbers,),
        )
        rules = {rule for (rule,) in cursor.fetchall()}
    if any(warning.code == "rows_rejected" for warning in summary.warnings) or (summary.exit_code and not rules):
        return rules | {REJECTED}
    return rules or ({"another warning"} if summary.warnings else set())


def print_score(score: Score) -> None:
    """Print misses by fault, finders and false alarms by rule."""
    planted, missed = score.planted.total(), score.missed.total()
    print(f"{planted:,} planted faults, {planted - missed:,} found: {100 * (planted - missed) / max(1, planted):.1f} %")
    for name, count in score.missed.most_common():
        if count:
            print(f"  missed {count} of {score.planted[name]}: {name}")
    print("found by: " + ", ".join(f"{rule} {count}" for rule, count in score.finders.most_common()))
    print(f"{score.good_files:,} good files, {score.false_holds} false holds, {score.false_warnings.total()} warnings")
    for rule, count in score.false_alarms.most_common():
        print(f"  false: {rule} {count}")


def play(office: Office, seeds: list[int], weeks: int) -> Score:
    """Play a series of each seed, of each feed and in each load mode in turn."""
    score, combinations = Score(), itertools.cycle(itertools.product(FEEDS, MODES))
    for number, (seed, (feed, mode)) in enumerate(zip(seeds, combinations, strict=False), start=1):
        play_series(office, Series(seed, feed, weeks), mode, score)
        print(f"{number} of {len(seeds)} series", end="\r", file=sys.stderr, flush=True)
    return score


def main() -> None:
    """Play the series that the command line asks for, and print the score; exit 1 where it is too low."""
    parser = argparse.ArgumentParser(description="Count misses and false alarms of the rules on values.")
    parser.add_argument("--series", type=int, default=50, help="how many feeds")
    parser.add_argument("--fresh", type=int, default=5, help="how many more, of seeds that were never used")
    parser.add_argument("--weeks", type=int, default=52, help="files of each")
    options = parser.parse_args()
    fresh = random.SystemRandom().sample(range(1_000, 1_000_000), options.fresh)
    with open_office() as office:
        score = play(office, list(range(1, 1 + options.series)), options.weeks)
        print_score(score)
        print(f"fresh seeds: {', '.join(map(str, fresh))}")
        fresh_score = play(office, fresh, options.weeks)
        print_score(fresh_score)
    raise SystemExit(0 if score.is_good and fresh_score.is_good else 1)


if __name__ == "__main__":
    main()
