"""Count what the rules on values miss and which good files they suspect, over generated weekly series of a year.

    PYTHONPATH=. .venv/bin/python -m bench.findings
    PYTHONPATH=. .venv/bin/python -m bench.findings --series 4 --weeks 20

Each series (tests/findings/weekly_series.py) is an import of its own, in each load mode in turn, with declared types, a
key and nothing else. Its good files are loaded week by week; from the fourth on each week first a file with a planted
fault is loaded and undone. 50 series, each of a seed of its own, take some 15 minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systemscripts import configuration, db_utils, settings
from systemscripts.db_utils import embedded, migrations
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports, undo
from systemscripts.summary import Summary
from tests.findings import weekly_series
from tests.findings.weekly_series import Series

RUN_UUID = "00000000-0000-0000-0000-000000000000"
MODES = ("snapshot", "append", "upsert", "new_rows")
FEEDS = ("orders", "members")
FIRST_JUDGED_WEEK = 3


@dataclass
class Score:
    """What was planted, missed and suspected."""

    planted: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    finders: Counter[str] = field(default_factory=Counter)
    false_alarms: Counter[str] = field(default_factory=Counter)
    good_files: int = 0


class Office:
    """An installation in a temporary folder whose imports run in this process."""

    def __init__(self, folder: Path) -> None:
        self.directories = Directories(folder).create()
        self.connection = db_utils.connect("etl", "bench")
        migrations.apply_pending(self.connection)

    def configure(self, name: str, series: Series, mode: str) -> None:
        """Declare types and key of a series, as suggest_import.py does, and nothing else."""
        with db_utils.transaction(self.connection) as cursor:
            cursor.execute(
                """insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns,
                       schema, dateconfig, datelocation, dateformat)
                   values (%s, %s, %s, %s, %s, %s, 'filename', '1', 'yyyyMMdd')""",
                (name, rf"{name}_\d+\.csv", f"public.{name}", mode, [series.key], json.dumps(series.types)),
            )

    def load(self, name: str, file_name: str, data: bytes) -> Summary:
        """Load one file of an import."""
        path = self.directories.data / "file_watcher" / file_name
        path.write_bytes(data)
        moment = time.time() - 60
        os.utime(path, (moment, moment))
        config = configuration.load_import(self.connection, name)
        return run_imports.run_imports(self.connection, [config], self.directories, RUN_UUID, run_imports.Options())

    def undo(self, summary: Summary) -> None:
        """Take back what a file became."""
        for row in summary.rows:
            if row["dataset"] and row["state"] in ("loaded", "held"):
                undo.undo_datasets(self.connection, RUN_UUID, row["dataset"])

    def list_rules(self, summary: Summary) -> list[str]:
        """Return the rules that held a file or warned of it."""
        numbers = [row["dataset"] for row in summary.rows if row["dataset"]]
        with db_utils.transaction(self.connection) as cursor:
            cursor.execute(
                "select distinct rule from dba.tfinding where dataset_id = any(%s) and severity in ('hold', 'warn')",
                (numbers,),
            )
            return [rule for (rule,) in cursor.fetchall()] or ["another warning"]


def play_series(office: Office, series: Series, mode: str, score: Score) -> None:
    """Load a series week by week, each week with a fault before it."""
    name = f"{series.feed}_{mode}_{series.seed}".replace("new_rows", "newrows").replace("_", "")
    office.configure(name, series, mode)
    chance = random.Random(f"{series.seed} {series.feed} {mode}")
    faults = [fault for fault in weekly_series.list_faults() if series.feed in fault.feeds and mode in fault.modes]
    chance.shuffle(faults)
    turn = itertools.cycle(faults)
    for week, (day, rows) in enumerate(series.list_weeks()):
        file_name, good = f"{name}_{day:%Y%m%d}.csv", weekly_series.write_csv(rows)
        if week >= FIRST_JUDGED_WEEK:
            _plant(office, name, file_name, next(turn), rows, series, chance, good, score)
        summary = office.load(name, file_name, good)
        score.good_files += 1
        if _is_suspected(summary):
            score.false_alarms.update(office.list_rules(summary))


def _plant(
    office: Office, name: str, file_name: str, fault: weekly_series.Fault, rows: list[weekly_series.Row],
    series: Series, chance: random.Random, good: bytes, score: Score,
) -> None:  # fmt: skip
    """Load a file with a fault instead of the good one, note who found it, and undo it."""
    data = weekly_series.make_faulty(fault, rows, series, chance)
    if data == good:
        return
    summary = office.load(name, file_name, data)
    score.planted[fault.name] += 1
    if _is_suspected(summary):
        score.finders.update(office.list_rules(summary))
    else:
        score.missed[fault.name] += 1
    office.undo(summary)


def _is_suspected(summary: Summary) -> bool:
    return summary.exit_code != 0 or bool(summary.warnings)


def print_score(score: Score) -> None:
    """Print misses by fault, finders and false alarms by rule."""
    planted, missed = sum(score.planted.values()), sum(score.missed.values())
    print(f"{planted:,} planted faults, {planted - missed:,} found: {100 * (planted - missed) / max(1, planted):.1f} %")
    for name, count in score.missed.most_common():
        print(f"  missed {count} of {score.planted[name]}: {name}")
    print("found by: " + ", ".join(f"{rule} {count}" for rule, count in score.finders.most_common()))
    print(f"{score.good_files:,} good files, {sum(score.false_alarms.values())} false alarms")
    for rule, count in score.false_alarms.most_common():
        print(f"  false: {rule} {count}")


@contextlib.contextmanager
def open_office() -> Iterator[Office]:
    """Give an installation with a server of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="findings_"))
    settings_file = folder / "settings.env"
    settings_file.write_text("DATABASE_URL=embedded\n")
    settings_file.chmod(0o600)
    os.environ.update(ETL_DATA_DIR=str(folder), ETL_ENV_FILE=str(settings_file))
    settings.reset()
    running: Any = embedded.start_server()
    try:
        yield Office(folder)
    finally:
        embedded.try_stop_server()
        shutil.rmtree(running.folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Play the series that the command line asks for, and print the score."""
    parser = argparse.ArgumentParser(description="Count misses and false alarms of the rules on values.")
    parser.add_argument("--series", type=int, default=50, help="how many feeds")
    parser.add_argument("--weeks", type=int, default=52, help="files of each")
    options = parser.parse_args()
    logging.getLogger("systemscripts").setLevel(logging.CRITICAL)
    score, combinations = Score(), itertools.cycle(itertools.product(FEEDS, MODES))
    with open_office() as office:
        for number in range(options.series):
            feed, mode = next(combinations)
            play_series(office, Series(1 + number, feed, options.weeks), mode, score)
            print(f"{number + 1} of {options.series} series", end="\r", flush=True)
    print_score(score)


if __name__ == "__main__":
    main()
