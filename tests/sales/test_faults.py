"""What may be wrong around the sales: one clear line, nothing half, healed by the next run; and no secret anywhere."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from demo.mail_sink import make_certificate
from tests.sales import reference
from tests.sales.conftest import KEY, LESSER_KEY, LESSER_SECRET, SECRET, Shop
from tests.sales.test_bucket import GOOD, HEADER
from tests.sales.test_marts import assert_marts

ROWS = reference.accepted(HEADER + GOOD)


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning:")]
    actual = [line for line in lines if all(word in line for word in words)]
    assert done.returncode == code and actual, (done.returncode, done.stderr, done.stdout)
    assert "Traceback" not in done.stderr
    assert "nanobind" not in done.stderr, "objects of DuckDB outlive the interpreter"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"S3_SECRET_ACCESS_KEY": "wrong+planted/secret"}, 78, ["SignatureDoesNotMatch", "S3_SECRET_ACCESS_KEY"]),
        ({"S3_ACCESS_KEY_ID": "nobody-knows-it"}, 78, ["InvalidAccessKeyId", "S3_ACCESS_KEY_ID"]),
        ({"S3_BUCKET": "no-such-bucket-here"}, 78, ["NoSuchBucket", "S3_BUCKET"]),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:{port}"}, 75, ["does not answer", "later"]),
        ({"S3_ENDPOINT_URL": "http://s3.example.test"}, 78, ["without TLS"]),
        ({"S3_PROFILE": "nobody"}, 78, ["profile", "S3_PROFILE"]),
    ],
)
def test_a_service_that_cannot_be_used_is_said_in_one_line(
    shop: Shop, settings: dict[str, str], code: int, words: list[str]
) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    before = dict(shop.installation.settings)
    shop.installation.write_settings(**{key: value.format(port=free_port()) for key, value in settings.items()})
    done = shop.installation.run("generic_import", "sales")
    assert_one_line(done, code, *words)
    assert shop.sql("select count(*) from dba.tdataset") == [(0,)]
    for secret in (SECRET, "wrong+planted/secret"):
        assert secret not in done.stdout + done.stderr + shop.installation.read_logs()
    shop.installation.settings = before
    shop.installation.write_settings()
    assert shop.load()["counts"]["loaded"] == 1
    assert shop.keys() == ["sales_data_processed/sales_a.csv"]


def test_a_clock_that_is_wrong_is_said(shop: Shop) -> None:
    """The service refuses signatures of another hour: only the clock fixes that."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    done = subprocess.run(
        ["faketime", "-f", "+3h", *shop.installation.command("generic_import", "sales")], capture_output=True,
        text=True, env=shop.installation.process_environment(), cwd=shop.installation.data, timeout=120,
    )  # fmt: skip
    assert_one_line(done, 75, "the clock here is wrong", "Set the clock")
    assert shop.keys() == ["sales_data/sales_a.csv"]


class _EmptyBucket(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Do nothing; it must not be called."""


def test_a_certificate_that_nobody_vouches_for_is_refused(shop: Shop, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyBucket)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shop.installation.write_settings(S3_ENDPOINT_URL=f"https://127.0.0.1:{server.server_port}")
        assert_one_line(
            shop.installation.run("generic_import", "sales"), 78, "certificate is not trusted", "S3_CA_FILE"
        )
        shop.installation.write_settings(S3_CA_FILE=str(certificate))
        assert shop.installation.run("generic_import", "sales").returncode == 0
    finally:
        server.shutdown()
        server.server_close()


def test_a_connection_that_breaks_off_in_a_download_is_no_wrong_setting(shop: Shop) -> None:
    whole = HEADER + GOOD * 20_000
    shop.put("sales_data/sales_a.csv", whole)
    with cutting_proxy(shop.server.port, after=200_000) as port:
        shop.installation.write_settings(S3_ENDPOINT_URL=f"http://127.0.0.1:{port}")
        assert_one_line(shop.installation.run("generic_import", "sales"), 75, "was interrupted", "again later")
    assert shop.installation.list_waiting() == [] and shop.sql("select count(*) from dba.tdataset") == [(0,)]
    shop.installation.write_settings(S3_ENDPOINT_URL=shop.server.url)
    assert shop.load()["counts"]["loaded"] == 20_000 * GOOD.count("\n")


@contextlib.contextmanager
def cutting_proxy(port: int, after: int) -> Iterator[int]:
    """Passes everything on to a port of this machine, but cuts each connection once so many bytes came back."""

    def pass_on(source: socket.socket, destination: socket.socket, limit: float = float("inf")) -> None:
        passed = 0
        with contextlib.suppress(OSError), source, destination:
            while passed < limit and (piece := source.recv(65536)):
                destination.sendall(piece)
                passed += len(piece)
            for item in (source, destination):
                item.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=pass_on, args=(server, client, after), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_bucket_that_is_missing_is_not_made_by_the_marts(shop: Shop) -> None:
    """Some services make a bucket for anyone who writes to it: a misspelt name would split the marts in silence."""
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.installation.write_settings(S3_BUCKET="no-such-bucket-here")
    assert_one_line(shop.installation.run("sales_marts"), 78, "NoSuchBucket", "S3_BUCKET")
    shop.installation.write_settings(S3_BUCKET=shop.bucket)
    assert shop.marts()["exit_code"] == 0
    assert_marts(shop, ROWS)


def test_a_full_disk_below_the_lake(shop: Shop) -> None:
    lake = shop.installation.data / "var/lake"
    lake.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(lake)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    text = HEADER + "".join(f"{n % 12 + 1},121,sugar,2025-02-07,3,{n}.25,1,{n}.25\n" for n in range(20_000))
    shop.put("sales_data/sales_a.csv", text)
    try:
        done = shop.installation.run("generic_import", "sales")
        assert_one_line(done, 1, "lake/sales/dataset_", "No space left on device. Free disk space")
        assert "IO Error" not in done.stderr
        assert [path for path in lake.rglob("*") if path.is_file()] == []
        assert shop.sql("select count(*) from dba.tdataset") == [(0,)]
        assert shop.keys() == ["sales_data/sales_a.csv"]
    finally:
        subprocess.run(["umount", str(lake)], check=True)
    assert shop.load()["counts"]["loaded"] == 20_000
    assert shop.keys() == ["sales_data_processed/sales_a.csv"]


def test_a_prefix_that_may_not_be_written(shop: Shop) -> None:
    """The rows are safe; the object moves, and the marts appear, once the right is given."""
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.installation.write_settings(S3_ACCESS_KEY_ID=LESSER_KEY, S3_SECRET_ACCESS_KEY=LESSER_SECRET)
    done = shop.installation.run("generic_import", "sales")
    assert_one_line(done, 1, "AccessDenied", "sales_data_processed/")
    assert shop.keys() == ["sales_data/sales_a.csv"]
    done = shop.installation.run("sales_marts")
    assert_one_line(done, 78, "AccessDenied", "customer_data_mart/")
    assert shop.keys() == ["sales_data/sales_a.csv"]
    shop.installation.write_settings(S3_ACCESS_KEY_ID=KEY, S3_SECRET_ACCESS_KEY=SECRET)
    assert shop.load()["exit_code"] == 0
    assert shop.keys() == ["sales_data_processed/sales_a.csv"]
    assert shop.marts()["exit_code"] == 0
    assert_marts(shop, ROWS)


def test_a_full_disk_leaves_the_version_before(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.marts()
    small = shop.installation.data / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        text = HEADER + "".join(
            f"{n % 12 + 1},121,sugar,2025-02-0{n % 9 + 1},{n % 9 + 1},{n}.25,1,{n}.25\n" for n in range(20_000)
        )
        shop.put("sales_data/sales_b.csv", text)
        shop.load()
        shop.installation.write_settings(MARTS_DIRECTORY=str(small / "marts"))
        done = shop.installation.run("sales_marts")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert_one_line(done, 1, "small/marts", "No space left on device. Free disk space")
        assert "IO Error" not in done.stderr, "DuckDB's inner state tells the operator nothing"
        assert not list(small.rglob("current"))
        assert not list(small.rglob(".work*"))
        assert {row[4] for row in shop.customers()} == {date(2025, 1, 1)}, "the database has the rows of before"
    finally:
        subprocess.run(["umount", str(small)], check=True)
    shop.installation.write_settings(MARTS_DIRECTORY="var/marts")
    assert shop.marts()["exit_code"] == 0
    assert_marts(shop, [*ROWS, *reference.accepted(text)])


def test_a_database_that_is_down(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    url = shop.installation.url
    head, _, tail = url.partition("@")
    shop.installation.write_settings(DATABASE_URL=f"{head}@127.0.0.1:{free_port()}/{tail.partition('/')[2]}")
    assert_one_line(shop.installation.run("sales_marts"), 75, "does not answer")
    shop.installation.write_settings(DATABASE_URL=url)
    shop.marts()
    assert_marts(shop, ROWS)


def test_no_secret_is_anywhere(shop: Shop, tmp_path: Path) -> None:
    """Not in the process list while a job works, not in files, not in a table."""
    key_file = tmp_path / "secret.key"
    environment = shop.installation.process_environment(SECRET_KEY_FILE=str(key_file))
    result = subprocess.run(
        shop.installation.command("secret", "encrypt"), input=SECRET, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0 and result.stdout.startswith("enc:"), result.stderr
    assert key_file.stat().st_mode & 0o777 == 0o600
    shop.installation.write_settings(S3_SECRET_ACCESS_KEY=result.stdout.strip(), SECRET_KEY_FILE=str(key_file))
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    said = tmp_path / "said"
    with said.open("wb") as stream:
        running = subprocess.Popen(
            shop.installation.command("generic_import", "sales", "--debug"), stdout=stream, stderr=stream,
            env=shop.installation.process_environment(), cwd=shop.installation.data,
        )  # fmt: skip
    seen = b""
    while running.poll() is None:
        for item in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen += item.read_bytes()
            except OSError:
                continue
        time.sleep(0.05)
    output = said.read_text()
    assert running.returncode == 0, output
    assert b"generic_import" in seen
    shop.marts()
    tables = shop.sql(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('dba', 'sales', 'public')"
    )
    stored = "".join(str(shop.sql(f'select * from "{schema}"."{name}"')) for schema, name in tables)
    everything = output + seen.decode(errors="replace") + shop.installation.read_logs() + stored
    key = key_file.read_text().strip()
    for secret in (SECRET, key, key[:20]):
        assert secret not in everything
    key_file.chmod(0o644)
    assert_one_line(shop.installation.run("sales_marts"), 78, "S3_SECRET_ACCESS_KEY", "no one else", "chmod 600")
    key_file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(key_file, 12345, -1)
        assert_one_line(shop.installation.run("sales_marts"), 78, "no one else", f"install -m 600 -o 0 {key_file}")
        os.chown(key_file, 0, -1)
    key_file.write_text("A" * 43 + "=\n")
    # secret.py reads the settings too: with the value still in them it could make no new one
    assert_one_line(shop.installation.run("sales_marts"), 78, "another key, or damaged", "remove the value")
