"""Sales files from the bucket: fetched, checked, loaded as Parquet, moved inside the bucket."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from systemscripts import s3, settings, targets
from systemscripts.errors import ConfigurationError
from systemscripts.sources.types import s3 as source
from tests.imports.parquet.test_parquet_copy import KILLING
from tests.sales.conftest import SECRET, SEED, Shop

HEADER = "customer_id,store_id,product_name,sales_date,sales_person_id,price,quantity,total_cost\n"
GOOD = "1,121,sugar,2025-01-05,1,50.00,2,100.00\n"


def test_files_are_loaded_and_moved_to_the_processed_prefix(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.put("sales_data/2025/sales_b.csv", HEADER + "2,122,maida,2025-02-05,2,20,1,20\n")
    summary = shop.load()
    assert summary["counts"] == {"read": 2, "loaded": 2, "rejected": 0, "skipped": 0, "held": 0}
    assert shop.keys() == ["sales_data_processed/2025/sales_b.csv", "sales_data_processed/sales_a.csv"]
    assert shop.read("sales_data_processed/sales_a.csv").decode() == HEADER + GOOD
    assert shop.installation.list_waiting() == []
    assert not (shop.installation.data / "archive").exists() or not shop.installation.read_archive()
    assert shop.sql("select file_name, status from sales.staging order by 1") == [
        ("sales_a.csv", "I"), ("sales_b.csv", "I"),
    ]  # fmt: skip


def test_rows_that_do_not_fit_are_kept_with_their_reasons(shop: Shop) -> None:
    shop.put(
        "sales_data/sales_a.csv",
        HEADER + GOOD + "99,121,sugar,2025-01-05,1,50.00,2,100.00\n" + "1,121,sugar,2025-01-05,1,50.00,2,100.01\n"
        "1,121,tea,2025-01-05,1,1,1,1\n" + "1,5,sugar,2025-01-05,1,1,1,1\n" + "1,121,sugar,2025-01-05,77,1,1,1\n"
        "1,121,sugar,5 January,1,1,1,1\n",
    )  # fmt: skip
    summary = shop.load()
    assert (summary["exit_code"], summary["counts"]["rejected"]) == (0, 6)
    assert [reason for (reason,) in shop.sql("select reason from dba.trejectedrow order by source_row")] == [
        "customer_id: '99' is not a known value",
        "total_cost = price * quantity does not hold: 100.01 is not 100.00",
        "product_name: 'tea' is not a known value",
        "store_id: '5' is not a known value",
        "sales_person_id: '77' is not a known value",
        "sales_date: '5 January' is not a date of the form yyyy-MM-dd",
    ]


def test_a_file_without_a_required_column_goes_to_the_error_prefix_with_its_reason(shop: Shop) -> None:
    shop.put("sales_data/sales_less.csv", "customer_id,store_id,product_name\n1,121,sugar\n")
    shop.put("sales_data/sales_good.csv", HEADER + GOOD)
    summary = shop.load()
    assert summary["exit_code"] == 65 and summary["counts"]["loaded"] == 1
    assert shop.keys() == [
        "sales_data_error/sales_less.csv", "sales_data_error/sales_less.csv.reason.txt",
        "sales_data_processed/sales_good.csv",
    ]  # fmt: skip
    reason = shop.read("sales_data_error/sales_less.csv.reason.txt").decode()
    missing = reason.partition("required columns are missing: ")[2].partition(".")[0]
    assert set(missing.split(", ")) == {"sales_date", "sales_person_id", "price", "quantity", "total_cost"}


def test_no_row_is_rejected_for_a_dimension_that_was_never_filled(shop: Shop) -> None:
    """The file waits; the command of the docs fills the dimensions, and the next run loads it."""
    shop.sql("truncate sales.customer, sales.store, sales.product, sales.sales_team")
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    done = shop.installation.run("generic_import", "sales")
    assert done.returncode == 78
    assert "sales.customer.customer_id has no values yet" in done.stderr and "Fill sales.customer" in done.stderr
    assert shop.sql("select count(*) from dba.trejectedrow") == [(0,)]
    assert shop.keys() == ["sales_data/sales_a.csv"]
    assert shop.installation.run("database", "sql", SEED).returncode == 0
    assert shop.load()["counts"]["loaded"] == 1
    assert shop.keys() == ["sales_data_processed/sales_a.csv"]


def test_extra_columns_are_kept_as_json(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER.strip() + ",Payment Mode,note\n" + GOOD.strip() + ",UPI,\n")
    shop.load()
    file = next((shop.installation.data / "var/lake/sales").glob("*.parquet"))
    assert duckdb.execute(f"select additional_column, total_cost, sales_date from '{file}'").fetchall() == [
        ('{"payment_mode": "UPI"}', Decimal("100.00"), date(2025, 1, 5))
    ]


def test_the_same_content_under_another_name_adds_nothing(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.put("sales_data/sales_copy.csv", HEADER + GOOD)
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)  # and the same name again
    assert [row["state"] for row in shop.load()["rows"]] == ["duplicate", "duplicate"]
    assert shop.keys("sales_data/") == []
    assert shop.keys("sales_data_processed/") == [
        "sales_data_processed/sales_a.csv",
        "sales_data_processed/sales_copy.csv",
    ]


def test_another_content_under_a_known_name_is_kept_beside_the_first(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.put("sales_data/sales_a.csv", HEADER + "2,122,maida,2025-02-05,2,20,1,20\n")
    assert shop.load()["counts"]["loaded"] == 1
    first, second = shop.keys("sales_data_processed/")
    assert {shop.read(first), shop.read(second)} == {
        (HEADER + GOOD).encode(), (HEADER + "2,122,maida,2025-02-05,2,20,1,20\n").encode(),
    }  # fmt: skip


def test_prefixes_that_would_lose_a_file_are_refused(shop: Shop) -> None:
    """A file cannot be moved to where it lies: the copy would be the object itself, which is then deleted."""
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.installation.write_settings(S3_PROCESSED_PREFIX="sales_data")
    done = shop.installation.run("generic_import", "sales")
    assert (done.returncode, "two of the settings S3_..._PREFIX are 'sales_data/'" in done.stderr) == (78, True)
    shop.installation.write_settings(S3_PROCESSED_PREFIX="done", S3_SPARK_PREFIX="sales_data/spark")
    done = shop.installation.run("generic_import", "sales")
    assert (done.returncode, "S3_SPARK_PREFIX is below S3_INPUT_PREFIX" in done.stderr) == (78, True)
    assert shop.keys() == ["sales_data/sales_a.csv"]
    for name in ("processed_prefix", "error_prefix"):
        with pytest.raises(ConfigurationError, match="both for new and for processed objects"):
            source.address({"bucket": "any", "prefix": "new", name: "new/"})


def test_what_comes_in_may_lie_below_the_processed_prefix(shop: Shop) -> None:
    shop.put("sales/in/sales_a.csv", HEADER + GOOD)
    shop.installation.write_settings(S3_INPUT_PREFIX="sales/in", S3_PROCESSED_PREFIX="sales")
    assert shop.load()["counts"]["loaded"] == 1
    assert shop.keys() == ["sales/sales_a.csv"]


def test_more_objects_than_one_page_of_the_listing(shop: Shop) -> None:
    for number in range(1003):
        shop.put(f"sales_data/{number:04}_of_another_kind.txt", b"")
    shop.put("sales_data/sales_z.csv", HEADER + GOOD)
    summary = shop.load()
    assert summary["counts"]["loaded"] == 1
    said = [text for text in summary["warnings"] if "does not match the import's file_pattern" in text]
    assert len(said) == 21  # the first ones by name
    assert said[-1].startswith("and 983 more of this kind, the last: ")


def test_undone_then_loaded_again_from_the_processed_prefix(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.installation.run("generic_import", "--undo", 1)
    assert shop.load()["files"] == 0
    assert [row["state"] for row in shop.load("--reload")["rows"]] == ["loaded"]
    assert shop.sql("select dataset_id, status from dba.tdataset order by 1") == [(1, "undone"), (2, "active")]
    assert shop.keys() == ["sales_data_processed/sales_a.csv"]
    assert shop.load("--reload")["files"] == 0


def test_a_file_of_an_interrupted_run_is_still_a_reported_and_loaded_once(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    killed = subprocess.run(
        [sys.executable, str(KILLING), "systemscripts.ingest.load:load_rows", "before", "1", "generic_import",
         "sales"], env=shop.installation.process_environment(), capture_output=True, cwd=shop.installation.data,
    )  # fmt: skip
    assert killed.returncode == -9
    assert shop.sql("select status from sales.staging") == [("A",)]
    summary = shop.load()
    assert "sales_a.csv was being processed by a run that interrupted: it is processed again" in summary["warnings"]
    assert shop.sql("select status from sales.staging") == [("I",)]
    assert shop.sql("select count(*), sum(rows_loaded) from dba.tdataset") == [(1, 1)]


def test_an_object_uploaded_in_parts_is_loaded_again_after_an_undo(shop: Shop) -> None:
    """Its ETag is not a hash of its content, and its copy has another."""
    shop.put("sales_data/sales_a.csv", HEADER + "2,122,maida,2025-02-05,2,20,1,20\n")  # its name is taken then
    shop.load()
    key = {"Bucket": shop.bucket, "Key": "sales_data/sales_a.csv"}
    upload = shop.client.create_multipart_upload(**key)["UploadId"]
    part = shop.client.upload_part(**key, UploadId=upload, PartNumber=1, Body=(HEADER + GOOD).encode())
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    shop.client.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts)
    assert "-" in shop.client.head_object(**key)["ETag"]
    loaded = shop.load()["rows"]
    assert len(shop.keys("sales_data_processed/")) == 2
    assert shop.installation.run("generic_import", "--undo", loaded[0]["dataset"]).returncode == 0
    again = shop.load("--reload")
    assert [(row["state"], row["loaded"]) for row in again["rows"]] == [("loaded", 1)]
    assert shop.sql(
        "select count(distinct file_sha256), count(*) from dba.tfile where source_path like '%sales_a.csv'"
    ) == [(2, 3)]


def test_doctor_lists_the_bucket_and_all_buckets_only_where_it_may(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)

    def said() -> list[str]:
        done = shop.installation.run("doctor", "--json", timeout=120)
        assert SECRET not in done.stdout + done.stderr
        lines = json.loads(done.stdout)["rows"]
        own = [row for row in lines if "source of sales" in row["message"]]
        return [f"{row['state']}: {row['message']} {row['next']}" for row in own]

    (line,) = said()
    assert line.startswith(f"ok: source of sales: s3://{shop.bucket}/sales_data/ can be read; sales_data/sales_a.csv")
    assert "the key lists" in line
    shop.installation.write_settings(S3_SECRET_ACCESS_KEY="wrong")
    (line,) = said()
    assert line.startswith("failure: ") and "Correct S3_SECRET_ACCESS_KEY, or the profile." in line
    with only_one_bucket() as address:  # this is how Amazon answers a key that has no right to list them
        shop.installation.write_settings(S3_SECRET_ACCESS_KEY=SECRET, S3_ENDPOINT_URL=address)
        assert said() == [f"ok: source of sales: s3://{shop.bucket}/sales_data/ can be read, nothing waits "]


class _OneBucket(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        denied = self.path.partition("?")[0] == "/"
        content = b"<Error><Code>AccessDenied</Code></Error>" if denied else listing
        self.send_response(403 if denied else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Do nothing; it must not be called."""


class _Role(http.server.BaseHTTPRequestHandler):
    """Gives the keys of a role, as a container's agent does (AWS SDKs reference, "Container credential provider")."""

    def do_GET(self) -> None:
        keys = {"AccessKeyId": "role-key", "SecretAccessKey": "role-secret", "Token": "token"}
        content = json.dumps(keys | {"Expiration": "2099-01-01T00:00:00Z"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def only_one_bucket() -> Iterator[str]:
    """The address of a service whose keys may list a bucket, but not all of them."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OneBucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_listing_of_more_than_a_thousand_keys_is_whole(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer holds a thousand at most: the next page is asked for, and all are cleared, too."""
    keys = [f"sales_data/part {number:04}+ä.csv" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: shop.put(key, "x"), keys))
    monkeypatch.setenv("ETL_ENV_FILE", str(shop.installation.settings_file))
    settings.reset()
    bucket = s3.open_bucket()
    assert sorted(actual.key for actual in bucket.list_objects("sales_data/")) == keys
    bucket.clear("sales_data/")
    assert list(bucket.list_objects("sales_data/")) == []
    settings.reset()


def test_virtual_host_style_addresses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket stands in the name of the host, which not every machine finds: names below localhost are this one."""
    find = socket.getaddrinfo

    def find_here(host: str, *more: object, **named: object) -> object:
        asked.append(host)
        return find("127.0.0.1" if host.endswith(".localhost") else host, *more, **named)  # type: ignore[arg-type]

    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", find_here)
    monkeypatch.setenv("ETL_ENV_FILE", str(shop.installation.settings_file))
    shop.installation.write_settings(S3_ENDPOINT_URL=f"http://localhost:{shop.server.port}", S3_ADDRESSING="virtual")
    settings.reset()
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    assert [actual.key for actual in s3.open_bucket().list_objects("sales_data/")] == ["sales_data/sales_a.csv"]
    assert asked == [f"{shop.bucket}.localhost"]
    settings.reset()


def test_finished_files_are_delivered_into_the_bucket(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_ENV_FILE", str(shop.installation.settings_file))
    settings.reset()
    target = tmp_path / "archive_of_reports.yaml"
    target.write_text("type: s3\nprefix: reports/weekly\n")
    report = tmp_path / "report.csv"
    report.write_text("a,b\n")
    for _ in range(2):  # the same again replaces it
        targets.deliver(targets.load_target("archive_of_reports", tmp_path), [report])
    assert shop.keys() == ["reports/weekly/report.csv"]
    target.write_text("type: s3\nprefx: reports\n")
    with pytest.raises(ConfigurationError, match="line 2: prefx is not a key, did you mean prefix"):
        targets.load_target("archive_of_reports", tmp_path)
    settings.reset()


def hadoop_options(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, str]:
    expected = settings.Settings.model_validate({"s3_bucket": "sales"} | given)
    monkeypatch.setattr(settings, "current", lambda: expected)
    return s3.open_bucket().build_hadoop_options()


def test_spark_gets_the_way_to_the_bucket_and_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"s3_access_key_id": "key", "s3_secret_access_key": "secret", "s3_endpoint_url": "http://127.0.0.1:1"}
    provider = "org.apache.hadoop.fs.s3a."
    assert hadoop_options(monkeypatch, **given, s3_region="eu-west-1") == {
        "fs.s3a.endpoint": "http://127.0.0.1:1", "fs.s3a.endpoint.region": "eu-west-1",
        "fs.s3a.path.style.access": "true", "fs.s3a.access.key": "key", "fs.s3a.secret.key": "secret",
        "fs.s3a.aws.credentials.provider": f"{provider}SimpleAWSCredentialsProvider",
    }  # fmt: skip
    given["s3_endpoint_url"] = "https://s3.example.com"
    actual = hadoop_options(monkeypatch, **given, s3_session_token="token", s3_addressing="virtual")
    assert actual["fs.s3a.path.style.access"] == "false"
    assert actual["fs.s3a.aws.credentials.provider"] == f"{provider}TemporaryAWSCredentialsProvider"
    assert actual["fs.s3a.session.token"] == "token"
    assert "fs.s3a.endpoint" not in hadoop_options(monkeypatch, s3_access_key_id="k", s3_secret_access_key="s")


def test_spark_does_not_get_the_keys_of_this_machines_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    server = http.server.HTTPServer(("127.0.0.1", 0), _Role)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/role")
    try:
        actual = hadoop_options(monkeypatch)
    finally:
        server.shutdown()
        server.server_close()
    assert sorted(actual) == ["fs.s3a.endpoint.region", "fs.s3a.path.style.access"]
