"""Exports of programs of several countries: what is proposed for each loads as it stands, and every value is right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from jobscripts.suggest_import import suggest_import
from systemscripts import configuration
from systemscripts.tables.column_names import make_column_names
from tests.conftest import Installation, Server
from tests.imports.suggest.program_exports import EXPORTS, Export

NAMES = [export.name for export in EXPORTS]


@pytest.fixture(scope="module")
def load(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Path, str]]:
    """An installation in which all exports were dropped and one run loaded them by the YAML that was proposed."""
    folder = tmp_path_factory.mktemp("exports")
    url, reader_url = server.create_database("program_exports")
    installation = Installation(folder / "data", url, reader_url)
    (installation.data / "file_watcher").mkdir(parents=True)
    installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader_url)
    proposals = folder / "imports"
    proposals.mkdir()
    for export in EXPORTS:
        path = installation.drop(export.file_name, export.content)
        suggest_import.function(files=[path], name=export.name, output=proposals / f"{export.name}.yaml")
    with contextlib.closing(psycopg2.connect(url)) as connection:
        configuration.apply_files(connection, proposals)
    done = installation.run("generic_import", "--all")
    yield installation, proposals, done.stdout + done.stderr
    server.execute("drop database program_exports with (force)")


def normalize(value: Any) -> Any:
    """A value without what may differ: the zone of a moment, the blanks that a list pads texts with."""
    if isinstance(value, str):
        return value.strip()
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def read_types(installation: Installation, table: str) -> dict[str, str]:
    """The type of each column of a table, as a configuration names it."""
    names = {"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
             "time without time zone": "time"}  # fmt: skip
    rows = installation.sql(
        "select column_name, data_type from information_schema.columns where table_name = %s order by ordinal_position",
        (table,),
    )
    return {name: names.get(data_type, data_type) for name, data_type in rows}


@pytest.mark.parametrize("export", EXPORTS, ids=NAMES)
def test_what_is_proposed_gives_the_right_typed_table(load: tuple[Installation, Path, str], export: Export) -> None:
    installation, proposals, output = load
    text = (proposals / f"{export.name}.yaml").read_text()
    assert "ambiguous" not in text.lower(), text
    types = read_types(installation, export.name)
    assert types, f"{export.name} was not loaded: {output}\n{text}"
    columns = make_column_names([header for header, _ in export.columns])
    wrong = {
        name: (types.get(name), expected)
        for name, (_, expected) in zip(columns, export.columns, strict=True)
        if types.get(name) not in expected.split("|")
    }
    assert not wrong, text
    stored = installation.sql(f"select {', '.join(columns)} from public.{export.name} order by source_row")
    true_rows = [
        tuple(
            str(value) if value is not None and types[name] == "text" else normalize(value)
            for name, value in zip(columns, row, strict=True)
        )
        for row in export.rows
    ]
    assert [tuple(map(normalize, row)) for row in stored] == true_rows, text
