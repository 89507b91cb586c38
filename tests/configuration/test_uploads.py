"""What an uploaded YAML may not name, each rule by a configuration that breaks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration, settings
from systemscripts.configuration import uploads
from systemscripts.errors import ConfigurationError
from tests.conftest import Installation

pytestmark = pytest.mark.fast

GOOD = """\
sources:
  - {type: api, url: 'https://api.example.test/data', token: '${SOURCE_API_TOKEN}'}
  - {type: local, path: incoming}
target: {table: public.orders}
schema: {order_id: integer}
"""


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    here.write_settings(
        UPLOAD_ALLOWED_HOSTS="api.example.test,sftp.example.test:2222,10.1.0.0/16",
        UPLOAD_VARIABLE_HOSTS="SOURCE_API_TOKEN@api.example.test", SOURCE_API_TOKEN="token", SOURCE_OTHER="other",
    )  # fmt: skip
    settings.reset()
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def test_a_good_upload_is_stored_and_versioned_and_the_same_again_is_no_version(
    here: Installation, connection: Any
) -> None:
    assert uploads.find_faults("orders", GOOD.encode()) == []
    assert uploads.store_upload(connection, "orders", GOOD.encode()) == 1
    assert uploads.store_upload(connection, "orders", GOOD.encode()) is None
    assert uploads.store_upload(connection, "orders", (GOOD + "max_rejects: 3\n").encode()) == 2
    history = here.sql("select version, source, content ->> 'managed_by' from dba.tconfighistory order by 1")
    assert history == [(1, "upload", "upload"), (2, "upload", "upload")]


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (("api.example.test", "evil.example.test"), 2, "the host evil.example.test is not among those"),
        (("api.example.test", "10.2.0.1"), 2, "the host 10.2.0.1 is not among those"),
        (("https://api.example.test", "http://api.example.test@evil.test"), 2, "a login inside an address"),
        (("SOURCE_API_TOKEN", "SOURCE_OTHER"), 2, "${SOURCE_OTHER} is not bound to api.example.test"),
        (("${SOURCE_API_TOKEN}", "plain text"), 2, "token is a secret in plain text"),
        (("${SOURCE_API_TOKEN}", "${/etc/x.yaml#/token}"), 2, "${/etc/x.yaml#/token} is not bound to api.example.test"),
        (("${SOURCE_API_TOKEN}", "${SOURCE_API_TOKEN:-plain}"), 2, "token is a secret in plain text"),
        (("token: '${SOURCE_API_TOKEN}'", "headers: {X-Auth-Key: abc}"), 2, "X-Auth-Key is a secret in plain text"),
        (("token: '${SOURCE_API_TOKEN}'", "headers: {X-Api-Key: abc}"), 2, "X-Api-Key is a secret in plain text"),
        (("token: '${SOURCE_API_TOKEN}'", "parameters: {access_token: a}"), 2, "access_token is a secret in plain"),
        (("/data'", "/data?api_key=abc'"), 2, "api_key is a secret in plain text"),
        (("path: incoming", "path: ../elsewhere"), 3, "../elsewhere is not below the data folder"),
        (("path: incoming", "path: /etc"), 3, "/etc is not below the data folder"),
        (("path: incoming", "path: var/database"), 3, "var/database is closed to uploads"),
        (("path: incoming", "path: incoming/../config"), 3, "is closed to uploads"),
        (("path: incoming", "path: .ssh"), 3, ".ssh is closed to uploads"),
        (("public.orders", "dba.tuser"), 4, "dba.tuser is in a schema of PostgreSQL"),
        (("public.orders", "pg_catalog.pg_class"), 4, "pg_catalog.pg_class is in a schema of PostgreSQL"),
        (("schema:", "output_csv_path: ../out.csv\nschema:"), 5, "output_csv_path: ../out.csv is not below the data"),
        (("schema:", "transform: clean\nschema:"), 5, "transform is not allowed in uploads"),
        (("schema:", "after_change: sales/totals.sql\nschema:"), 5, "after_change is not allowed in uploads"),
        (("schema:", "notify: [me@example.test]\nschema:"), 5, "notify is not allowed in uploads"),
        (("integer}", "{checks: {lookup: dba.tuser.password}}}"), 5, "lookup is in a schema that is closed to uploads"),
        (("{type: local, path: incoming}", "{type: s3, bucket: a}"), 3, "of type s3 are not allowed in uploads"),
    ],
)  # fmt: skip
def test_what_an_upload_may_not_name(
    here: Installation, connection: Any, change: tuple[str, str], line: int, reason: str
) -> None:
    content = GOOD.replace(*change)
    assert content != GOOD
    faults = uploads.find_faults("orders", content.encode())
    assert any(f"line {line}: " in text and reason in text for text in faults), faults
    with pytest.raises(ConfigurationError):
        uploads.store_upload(connection, "orders", content.encode())
    assert here.sql("select count(*) from dba.timportconfig") == [(0,)]


def test_a_column_may_be_called_as_it_likes(connection: Any) -> None:
    content = GOOD.replace("{order_id: integer}", "{key: integer, token: text, password: {type: text}}")
    assert uploads.find_faults("orders", content.encode()) == []


def test_all_faults_are_named_at_once(connection: Any) -> None:
    content = GOOD.replace("api.example.test", "evil.test").replace("incoming", "/etc")
    content += "transform: clean\noutput_csv_path: ../out.csv\n"
    assert len(uploads.find_faults("orders", content.encode())) >= 4


def test_an_upload_takes_no_name_of_the_operator(here: Installation, connection: Any) -> None:
    here.configure("orders")
    with pytest.raises(ConfigurationError, match="orders is an import of the operator"):
        uploads.store_upload(connection, "orders", GOOD.encode())
    with pytest.raises(ConfigurationError, match="gho_life_expectancy is an import of the operator"):
        uploads.store_upload(connection, "gho_life_expectancy", GOOD.encode())


def test_a_link_inside_the_data_folder_leads_nowhere_else(here: Installation, connection: Any) -> None:
    (here.data / "incoming").symlink_to("/etc")
    assert any("incoming is not below the data folder" in text for text in uploads.find_faults("orders", GOOD.encode()))


URLS = "public.tmeetmaxurlcheck"
MADE = "create table {} (dataset_id integer not null, source_row integer not null, order_id text)"


def record_upload_of(here: Installation, connection: Any, name: str, table: str) -> None:
    """Let an uploaded import make its table, as its first run does."""
    assert uploads.store_upload(connection, name, GOOD.replace("public.orders", table).encode())
    statement = MADE.format(table)
    here.sql(statement)
    here.sql(
        "insert into dba.tschemachange (target_table, statement, config_name, run_uuid) values (%s, %s, %s, %s)",
        (table, statement, name, "6a6f3c9e-6a7d-4d8e-9d53-0f1d3c1b2a3f"),
    )


@pytest.mark.parametrize(
    ("state", "table"),
    [
        ("", URLS),  # only a file of the operator names it yet
        ("insert into dba.timportconfig (config_name, file_pattern, target_table) values ('a', '.', 'public.a')",
         "public.a"),
        ("insert into dba.timportconfig (config_name, file_pattern, target_table) values ('a', '.', 'public.\"A\"')",
         "public.a"),
        ("insert into dba.timportconfig (config_name, file_pattern, target_table) values ('a', '.', 'a')", "public.a"),
        ("insert into dba.timportconfig (config_name, file_pattern, target_table) values ('a', '.', 'public.a')",
         "public.a_current"),
        (MADE.format("public.by_hand"), "public.by_hand"),
        (MADE.format('public."By_Hand"'), "public.by_hand"),
        ("create view public.seen as select 1 as dataset_id, 1 as source_row", "public.seen"),
        ("create view public.seen_current as select 1", "public.seen"),
        ("", "visits.visitor"), ("", "sales.staging"),
        (MADE.format("public.whole") + " partition by list (dataset_id); "
         "create table public.part partition of public.whole default", "public.part"),
        (MADE.format("public.parent") + "; create table public.child () inherits (public.parent)", "public.child"),
    ],
)  # fmt: skip
def test_an_upload_takes_no_table_that_another_road_made_or_names(
    here: Installation, connection: Any, state: str, table: str
) -> None:
    if state:
        here.sql(state)
    with pytest.raises(ConfigurationError, match=r"line 4: .*an upload may only fill tables that uploads created"):
        uploads.store_upload(connection, "orders", GOOD.replace("public.orders", table).encode())
    assert here.sql("select count(*) from dba.timportconfig where config_name = 'orders'") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        "insert into dba.timportconfig (config_name, file_pattern, target_table) values ('a', '.', 'public.ours')",
        "drop table public.ours; create view public.ours as select 1 as dataset_id, 1 as source_row",
        "drop table public.ours; alter table public.links rename to ours",
        "create table public.child () inherits (public.ours)",
        "update dba.timportconfig set managed_by = 'yaml' where config_name = 'maker'",
    ],
)
def test_an_upload_loses_its_table_when_it_becomes_another_s(here: Installation, connection: Any, change: str) -> None:
    from systemscripts.ingest.ingest_context import check_upload

    here.configure("meetmax")
    here.sql(MADE.format("public.links"))
    here.sql(
        """insert into dba.tdataset (config_name, status, load_mode, target_table, content_sha256, columns, rows_read,
               rows_loaded, rows_rejected, rows_skipped, run_uuid)
           values ('meetmax', 'active', 'append', 'public.links', '', '{}', 0, 0, 0, 0, gen_random_uuid());
           insert into public.links select dataset_id, 1 from dba.tdataset"""
    )
    record_upload_of(here, connection, "maker", "public.ours")
    assert uploads.store_upload(connection, "second", GOOD.replace("public.orders", "public.ours").encode())
    config = configuration.load_import(connection, "second")
    check_upload(connection, config)
    here.sql(change)
    with pytest.raises(
        ConfigurationError, match=r"breaks today's rules: .*an upload may only fill tables that uploads"
    ):
        check_upload(connection, config)


@pytest.mark.parametrize(
    "line",
    ["output_csv_path: inbox/x.csv\n", "target: {parquet: lake/sales}\n", "target: {parquet: lake}\n"],
)
def test_an_upload_writes_no_file_where_another_import_reads_or_keeps_its_own(
    here: Installation, connection: Any, line: str
) -> None:
    here.configure("inbox", sources=[{"type": "local", "path": "inbox"}])
    here.configure("sales", target={"parquet": "lake/sales"}, target_table="parquet:lake/sales")
    content = GOOD if line.startswith("output") else GOOD.replace("target: {table: public.orders}\n", "")
    with pytest.raises(ConfigurationError, match="is in a folder of the import"):
        uploads.store_upload(connection, "orders", (content + "load_mode: append\n" + line).encode())


def test_a_name_that_was_the_operator_s_is_not_for_uploads_once_its_row_is_gone(
    here: Installation, connection: Any
) -> None:
    here.configure("orders")
    here.sql("delete from dba.timportconfig")
    with pytest.raises(ConfigurationError, match="orders is an import of the operator"):
        uploads.store_upload(connection, "orders", GOOD.encode())
