"""Invalid bytes never reach an output: a conversion refuses the file, a load rejects the row."""

from __future__ import annotations

import contextlib
import io
import uuid
from pathlib import Path

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from systemscripts.tables import standard_csv
from systemscripts.tables.open_table import open_table
from tests.conftest import Installation

DAMAGED = "name,city\nJosé,Málaga\nAnne,K\x00ln\nZoë,Ny\n".encode().replace(b"\x00", b"\xf6")
DELIMITERS = pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])


def make_large_file(delimiter: str) -> tuple[bytes, int]:
    """Return more than 4 MB of text, and the row of one damaged byte far after the sample."""
    rows = [f"Zoë {row}{delimiter}Málaga" for row in range(300_000)]
    rows[250_000] = f"Anne{delimiter}K\x00ln"
    return "\n".join([f"name{delimiter}city", *rows, ""]).encode().replace(b"\x00", b"\xf6"), 250_002


def convert_file(path: Path) -> bytes:
    stream = io.BytesIO()
    with open_table(path) as table:
        standard_csv.write_csv(table, stream)
    return stream.getvalue()


@DELIMITERS
def test_a_conversion_is_refused_with_the_row_whatever_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(DAMAGED.replace(b",", delimiter.encode()))
    with pytest.raises(BadDataError, match="row 3 is not valid utf-8"):
        convert_file(path)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_also_where_it_stands_far_behind_the_sample(tmp_path: Path, delimiter: str) -> None:
    content, row = make_large_file(delimiter)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=f"row {row} is not valid utf-8"):
        convert_file(path)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_damaged_header_is_no_name_of_a_column(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    text = "name,st\x00dt\nJosé,Málaga\nÄnne,Köln\nZoë,Ny\n".replace(",", delimiter)
    path.write_bytes(text.encode().replace(b"\x00", b"\xe4"))
    with pytest.raises(BadDataError, match=r"the header \(row 1\) is not valid utf-8"):
        convert_file(path)
    # U+FFFD in the file itself is a character.
    path.write_bytes(text.replace("\x00", "\ufffd").encode())
    assert convert_file(path).decode().splitlines()[0] == "name,st\ufffddt"


def test_a_row_that_is_put_right_is_not_put_right_where_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{n},2024-05-{n:02},Málaga {n}" for n in range(1, 20)]
    rows[9] = "10;2024-05-10;K\x00ln"
    path.write_bytes("\n".join(["id,day,city", *rows, ""]).encode().replace(b"\x00", b"\xf6"))
    with pytest.raises(BadDataError, match="row 11 is not valid utf-8"):
        convert_file(path)


def test_half_a_pair_of_surrogates_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "lone.json"
    path.write_text('[{"name": "a\\ud83d", "city": "x"}, {"name": "b", "city": "y"}]')
    with contextlib.suppress(BadDataError):
        convert_file(path).decode()


def test_the_script_leaves_no_file_with_such_bytes(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "damaged.csv"
    path.write_bytes(DAMAGED)
    done = installation.run("xls_to_csv", path, "--output-dir", tmp_path / "out")
    assert done.returncode == 65 and "row 3 is not valid utf-8" in done.stderr
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("target", [{}, {"parquet": "var/lake"}], ids=["table", "parquet"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_load_rejects_the_row_and_takes_the_others(
    here: Installation, delimiter: str, target: dict[str, str]
) -> None:
    table = f"parquet:{target['parquet']}" if target else "public.people"
    here.configure("people", load_mode="append", target=target, target_table=table)
    here.drop("people_1.csv", DAMAGED.replace(b",", delimiter.encode()))
    prepared, loaded = run_imports_of(here, "prepare"), run_imports_of(here)
    assert prepared.problems == loaded.problems == []
    assert (loaded.counts.loaded, loaded.counts.rejected) == (2, 1)
    assert here.sql("select source_row from dba.trejectedrow") == [(3,)]
    assert bool(list((here.data / "var" / "lake").rglob("*.parquet"))) == bool(target)
    for path in (here.data / "file_watcher").rglob("*.clean.csv"):
        path.read_text(encoding="utf-8")


def run_imports_of(installation: Installation, until: str | None = None) -> Summary:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        config, directories = configuration.load_import(connection, "people"), Directories(installation.data).create()
        return run_imports.run_imports(
            connection, [config], directories, str(uuid.uuid4()), run_imports.Options(until=until)
        )
