"""A secret in a YAML file of this host works, with a warning, and never stands in a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts.configuration import import_rows, plain_secrets, variables, yaml_row_sync
from systemscripts.errors import ConfigurationError
from tests.conftest import Installation

SECRETS = {
    "password": "hunter-2-hunter",
    "X-Auth-Key": "s3cret-header",
    "login": "top-secret-word",
    "api_key": "k-98-k",
}
IMPORT = """\
target_table: public.orders
file_pattern: .*
sources:
  - {type: sftp, host: files.test, user: me, password: hunter-2-hunter}
  - {type: api, url: 'https://me:top-secret-word@api.test/v1', headers: {X-Auth-Key: s3cret-header}}
  - {type: api, name: other, url: 'https://api.test/v2', parameters: {api_key: k-98-k, key_order: asc}}
  - {type: api, name: named, url: 'https://api.test/v3', token: '${SOURCE_TOKEN}'}
"""


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, connection: Any) -> Path:
    result = tmp_path / "a folder of #1"
    result.mkdir()
    (result / "orders.yaml").write_text(IMPORT)
    assert import_rows.apply_valid_files(connection, result) == (["orders"], {})
    return result


def tables(installation: Installation) -> str:
    return str(
        installation.sql("select t::text from dba.timportconfig t union all select h::text from dba.tconfighistory h")
    )


def test_no_table_holds_it_and_it_is_there_when_it_is_used(here: Installation, connection: Any, folder: Path) -> None:
    assert [secret for secret in SECRETS.values() if secret in tables(here)] == []
    config = import_rows.load_import(connection, "orders")
    used = variables.resolve_variables([source.options for source in config.sources[:3]], "here")
    assert used[0] == {"host": "files.test", "user": "me", "password": "hunter-2-hunter"}
    assert used[1] == {"url": "https://me:top-secret-word@api.test/v1", "headers": {"X-Auth-Key": "s3cret-header"}}
    assert used[2]["parameters"] == {"api_key": "k-98-k", "key_order": "asc"}
    assert config.sources[3].options["token"] == "${SOURCE_TOKEN}"


def test_it_is_warned_of_by_the_name_of_its_key_and_file(connection: Any, folder: Path) -> None:
    actual = []
    for source in import_rows.load_import(connection, "orders").sources:
        actual += plain_secrets.find_warnings(source.options, "import orders")
    said = [notice.text for notice in actual]
    assert [text.split(" is written in ")[0] for text in said] == [
        "import orders: password", "import orders: url", "import orders: X-Auth-Key", "import orders: api_key"
    ]  # fmt: skip
    assert all(str(folder / "orders.yaml") in text and "write it as ${SOURCE_...}" in text for text in said)


def test_a_file_written_from_the_row_keeps_its_secrets(here: Installation, connection: Any, folder: Path) -> None:
    here.sql("update dba.timportconfig set sources = jsonb_build_array(sources -> 3, sources -> 0)")
    yaml_row_sync.resolve_difference(connection, "orders", "row", folder)
    assert "password: hunter-2-hunter" in (folder / "orders.yaml").read_text()
    assert "hunter-2-hunter" not in tables(here)
    moved = import_rows.load_import(connection, "orders").sources[1]
    assert variables.resolve_variables(moved.options, "here")["password"] == "hunter-2-hunter"
    assert yaml_row_sync.compare_row(connection, "orders", folder) == []


@pytest.mark.parametrize("password", ["0123", "no", "12:30"])
def test_it_is_the_text_that_stands_there(connection: Any, folder: Path, password: str) -> None:
    (folder / "orders.yaml").write_text(IMPORT.replace("hunter-2-hunter", password))
    import_rows.apply_valid_files(connection, folder)
    used = variables.resolve_variables(import_rows.load_import(connection, "orders").sources[0].options, "here")
    assert used["password"] == password


@pytest.mark.parametrize("content", ["", "sources: []\n", "sources: [{password: '${/a.yaml#/b}'}]\n", None])
def test_one_that_is_gone_is_said_with_what_to_do(connection: Any, folder: Path, content: str | None) -> None:
    path = folder / "orders.yaml"
    path.write_text(content) if content is not None else path.unlink()
    with pytest.raises(ConfigurationError) as caught:
        variables.resolve_variables(import_rows.load_import(connection, "orders").sources[0].options, "import orders")
    assert f"import orders: its secret is no longer in {path}" in str(caught.value)
    assert "Write it as ${SOURCE_...}" in str(caught.value)
