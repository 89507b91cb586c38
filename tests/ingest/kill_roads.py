"""The roads on which a run may be killed: what waits, and the command that is killed."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

import openpyxl

from tests.conftest import Installation

NOW = "2026-01-20T06:00:00"
NEXT_DAY = "2026-01-21T06:00:00"
# the rows that purge looks at carry the real time
LONG_AFTER = "2036-01-01T06:00:00"
SCHEMA = {"id": "integer", "amount": "integer"}


@dataclass(frozen=True)
class Road:
    """One command on a prepared installation; `command` is asked for it just before it is started."""

    name: str
    prepare: Callable[[Installation], None]
    command: Callable[[Installation], tuple[object, ...]]
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    # of the undisturbed run and of each one after a kill
    exit_codes: tuple[int, ...] = (0,)
    # whether a child process reads its files
    has_reader: bool = False


def rows(number: int, first: int = 0, value: str = "company", bad: int = 0) -> str:
    """Return a CSV of rows with a key; every `bad`-th amount is not a number."""
    lines = (f"{n},{value} {n},{'x' if bad and n % bad == 0 else n}\n" for n in range(first, first + number))
    return "id,name,amount\n" + "".join(lines)


def workbook(number: int) -> bytes:
    """Return a workbook of so many rows."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["id", "name", "amount"])
    for row in range(number):
        sheet.append([row, f"from a workbook {row}", row * 7])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def zip_files(name: str, content: str) -> bytes:
    """Return a zip with one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def configure(installation: Installation, **columns: object) -> None:
    """Make the import of a road."""
    installation.configure("things", **({"schema": SCHEMA, "max_reject_rate": 1} | columns))


def load(installation: Installation, *arguments: object, **environment: str) -> None:
    """Run a part of the preparation to its end."""
    script, *rest = arguments or ("generic_import", "things")
    done = installation.run(str(script), *rest, timeout=120, **environment)
    assert done.returncode == 0, done.stderr


def dataset(installation: Installation, name: str) -> int:
    """Return the number of the dataset that a file became."""
    [(number,)] = installation.sql("select max(dataset_id) from dba.tfile where name = %s", (name,))
    return int(number)


def load_files(*_: object) -> tuple[object, ...]:
    """Return the command that loads what waits."""
    return "generic_import", "things"


def on_dataset(option: str, name: str, *more: str) -> Callable[[Installation], tuple[object, ...]]:
    """Return the command that does something with the dataset of a file."""
    return lambda actual: ("generic_import", option, dataset(actual, name), *more)


def of_snapshots(installation: Installation) -> None:
    """Files of two labels: clean, with rejects, refused, superseding, unchanged, damaged, a workbook."""
    configure(
        installation, metadata_label_source="filename", metadata_label_location="1", dateconfig="filename",
        datelocation="2", dateformat="yyyyMMdd", max_reject_rate=0.05,
    )  # fmt: skip
    installation.drop("things_a_20260105.csv", rows(12_000))
    installation.drop("things_a_20260112.csv", rows(3000) + "1,two,three\n")
    installation.drop("things_a_20260119.csv", rows(3000) + "1,two,three\n")
    installation.drop("things_b_20260105.csv", "id,name,amount\n1,wrong,1\n")
    installation.drop("things_b_20260105_v2.csv", "id,name,amount\n1,second of its day,1\n")
    installation.drop("things_b_20260112.csv", rows(2000, bad=3))
    installation.drop("things_c_20260105.xlsx", b"PK\x03\x04 no workbook")
    installation.drop("things_d_20260105.xlsx", workbook(10))


def of_upserts(installation: Installation) -> None:
    """Changes that wait for rows that are there."""
    configure(installation, load_mode="upsert", key_columns=["id"])
    installation.drop("things_1.csv", rows(4000))
    load(installation)
    installation.drop("things_2.csv", rows(4000, 2000, "changed", bad=1000))
    installation.drop("things_3.csv", rows(2000, 1000, "changed again"))


def after_upserts(installation: Installation) -> None:
    """Three upserts on top of each other."""
    of_upserts(installation)
    load(installation)


def of_additions(installation: Installation, load_mode: str = "append") -> None:
    """Three files that add up, one of them a twin."""
    configure(installation, load_mode=load_mode)
    for number in (1, 2, 3):
        installation.drop(f"things_{number}.csv", rows(4000, number * 2000, bad=1000))
    installation.drop("things_4.csv", rows(4000, 2000, bad=1000))


def of_new_rows(installation: Installation) -> None:
    """Three files of which each holds rows of the one before."""
    of_additions(installation, "new_rows")


def after_new_rows(installation: Installation) -> None:
    """The same, loaded."""
    of_new_rows(installation)
    load(installation)


def after_zipped_new_rows(installation: Installation) -> None:
    """The same, and the archive has them in a zip."""
    of_new_rows(installation)
    configure(installation, load_mode="new_rows", archive_policy="daily_zip")
    load(installation)
    load(installation, "zip_archive", ETL_NOW=NEXT_DAY)


def after_rejects(installation: Installation, **columns: object) -> None:
    """A dataset whose rejected rows are good ones by now."""
    configure(installation, load_mode="append", **columns)
    installation.drop("things_1.csv", rows(4000, bad=2))
    load(installation)
    configure(
        installation, load_mode="append", schema=SCHEMA | {"amount": {"type": "integer", "null": ["x"]}}, **columns
    )


def of_undone_content(installation: Installation) -> None:
    """Content that was undone and comes again."""
    configure(installation)
    installation.drop("things_1.csv", rows(10_000, bad=2000))
    load(installation)
    load(installation, "generic_import", "--undo", dataset(installation, "things_1.csv"))
    installation.drop("things_1.csv", rows(10_000, bad=2000))


def after_hold(installation: Installation) -> None:
    """A dataset that is held, because it has far fewer rows."""
    configure(installation)
    installation.drop("things_1.csv", rows(10_000))
    load(installation)
    installation.drop("things_2.csv", rows(10))
    assert installation.run("generic_import", "things").returncode == 65


def of_refused(installation: Installation) -> None:
    """Two refused files that fit by now."""
    configure(installation, max_rejects=0, max_reject_rate=0, load_mode="append")
    for number in (1, 2):
        installation.drop(f"things_{number}.csv", rows(4000, number, bad=1000))
    assert installation.run("generic_import", "things").returncode == 65
    configure(installation, max_rejects=100, load_mode="append")


def of_zipping(installation: Installation) -> None:
    """Finished days whose single files wait to be zipped."""
    configure(installation, load_mode="append", archive_policy="daily_zip")
    for number in range(6):
        installation.drop(f"things_{number}.csv", rows(8000, number))
    load(installation)


def of_parquet(installation: Installation) -> None:
    """Two files for a folder of Parquet files, one with rejects."""
    configure(installation, load_mode="append", target_table="parquet:lake", target={"parquet": "lake"})
    installation.drop("things_1.csv", rows(12_000))
    installation.drop("things_2.csv", rows(12_000, 5, bad=100))


def after_parquet_rejects(installation: Installation) -> None:
    """Rejected rows of a Parquet file that are good ones by now."""
    after_rejects(installation, target_table="parquet:lake", target={"parquet": "lake"})


def of_workbooks(installation: Installation) -> None:
    """A large workbook and a small one."""
    configure(installation, load_mode="append")
    installation.drop("things_1.xlsx", LARGE)
    installation.drop("things_2.xlsx", workbook(20))


def of_packed(installation: Installation) -> None:
    """A gzip file and a zip."""
    configure(installation, load_mode="append")
    installation.drop("things_1.csv.gz", gzip.compress(rows(12_000).encode()))
    installation.drop("things_2.zip", zip_files("things_2.csv", rows(12_000, 7, bad=3000)))


def of_three_sources(installation: Installation) -> None:
    """Three folders: one whose originals stay, two that are emptied."""
    sources: list[dict[str, object]] = [{"type": "local", "path": name} for name in ("north", "south", "west")]
    sources[1]["keep"] = True
    configure(installation, load_mode="append", sources=sources)
    for position, name in enumerate(("north", "south", "west")):
        (installation.data / name).mkdir()
        for number in (1, 2):
            installation.drop(f"../{name}/things_{name}_{number}.csv", rows(3000, position * 10 + number))


def of_warnings(installation: Installation) -> None:
    """Files that are loaded with several warnings each."""
    configure(installation, load_mode="append")
    for number in range(5):
        content = rows(1000, number, bad=500).replace("\n", ",\n", 1) + "a note below the table\n"
        installation.drop(f"things_{number}.csv", "Report of the day\n\n" + content)


def of_purging(installation: Installation) -> None:
    """Old snapshots, rejects, history and files."""
    configure(installation, dateconfig="filename", datelocation="1", dateformat="yyyyMMdd")
    for day in ("05", "06", "07", "08"):
        installation.drop(f"things_202601{day}.csv", rows(5000, int(day), bad=500))
    load(installation)
    installation.configure("others", load_mode="upsert", key_columns=["id"])
    for value in ("old", "new"):
        installation.drop("others.csv", rows(5000, value=value))
        load(installation, "generic_import", "others")


LARGE = workbook(9000)
KEEP = {f"KEEP_{what}_DAYS": "1" for what in ("REJECTS", "FILES", "HISTORY", "ROWS")} | {"KEEP_LOGS_DAYS": "0"}
ROADS = [
    Road("snapshot", of_snapshots, load_files, exit_codes=(0, 65), has_reader=True),
    Road("upsert", of_upserts, load_files),
    Road("undo of an upsert", after_upserts, on_dataset("--undo", "things_3.csv")),
    Road("undo of upserts in a row", after_upserts, on_dataset("--undo", "things_2.csv", "--cascade")),
    Road("append", of_additions, load_files),
    Road("new rows", of_new_rows, load_files),
    Road("undo of new rows", after_new_rows, on_dataset("--undo", "things_1.csv")),
    Road("undo of zipped new rows", after_zipped_new_rows, on_dataset("--undo", "things_1.csv")),
    Road("replay", after_rejects, on_dataset("--replay-rejects", "things_1.csv")),
    Road("reload", of_undone_content, lambda _: ("generic_import", "things", "--reload")),
    Road("accept", after_hold, on_dataset("--accept", "things_2.csv")),
    Road("retry", of_refused, lambda _: ("generic_import", "things", "--retry-refused")),
    Road("zip", of_zipping, lambda _: ("zip_archive",), {"ETL_NOW": NEXT_DAY}),
    Road("parquet", of_parquet, load_files),
    Road("replay in parquet", after_parquet_rejects, on_dataset("--replay-rejects", "things_1.csv")),
    Road("workbook", of_workbooks, load_files, has_reader=True),
    Road("packed", of_packed, load_files, has_reader=True),
    Road("three sources", of_three_sources, load_files),
    Road("warnings", of_warnings, load_files),
    Road("purge", of_purging, lambda _: ("purge",), {"ETL_NOW": LONG_AFTER}, KEEP),
]
