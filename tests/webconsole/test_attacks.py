"""Attacks: each is refused or made harmless."""

from __future__ import annotations

import base64
import csv
import io
import json
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import openpyxl
import pytest
import requests

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, PASSWORDS, Console

INJECTIONS = (
    "order_id; drop table public.orders; --", 'order_id" desc; drop table public.orders; --', "1) or 1=1 --",
    "(select password_hash from dba.tuser limit 1)", "order_id' or '1'='1", "ctid", "tableoid", "*", "%s",
    "%(x)s", "{}", "order_id::text", "\\", "'", '"',
)  # fmt: skip
PLAIN = ("-5", "+3.5", "12%", "plain", "a=b")
MARKUP = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert('stored')</script>"


@pytest.fixture(scope="module")
def orders(console: Console) -> Console:
    rows = f"1,2026-01-05,10.50,Ann\n2,2026-01-06,7,{MARKUP}\n3,x,1,{SCRIPT}\n"
    console.load("orders", f"orders_{quote(MARKUP, safe='')}.csv", "order_id,ordered_at,amount,who\n" + rows, **ORDERS)
    return console


def intact(console: Console) -> bool:
    return console.installation.sql("select count(*) from public.orders") == [(2,)]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_the_names_of_tables_columns_sorts_and_in_values_does_nothing(orders: Console, text: str) -> None:
    table = {"table": "public.orders"}
    asked = [
        {"table": text}, {"table": f"public.{text}"}, table | {"sort": text}, table | {"filters": [{"column": text}]},
        table | {"filters": [{"column": "order_id", "operator": "is", "value": text}]}, table | {"after": text},
    ]  # fmt: skip
    for body in asked:
        answer = orders.post("/data-view", "ben", json=body)
        assert answer.status_code in (404, 422), (body, answer.text)
        assert "argon2" not in answer.text
    harmless = orders.post("/data-view", "ben", json=table | {"filters": [{"column": "who", "value": text}]})
    assert harmless.status_code == 200 and harmless.json()["rows"] == []
    for path in (f"?sort={quote(text)}", f"?column1={quote(text)}&value1=x", f"?after={quote(text)}"):
        assert orders.get(f"/console/tables/public.orders{path}").status_code == 422
    for suffix in ("csv", "xlsx"):
        path = f"/tables/public.orders/download.{suffix}?column1=order_id&operator1=is&value1={quote(text)}"
        assert orders.get(path, "ben").status_code == 422
    assert intact(orders)


def test_names_that_need_quoting_are_shown_as_they_are(orders: Console) -> None:
    orders.installation.sql('create table public."we""ird; drop table x" ("a""b; --" text, "%s" text)')
    orders.installation.sql("""insert into public."we""ird; drop table x" values ('one', 'two')""")
    name = 'public.we"ird; drop table x'
    body = {"table": name, "sort": 'a"b; --', "filters": [{"column": "%s", "operator": "is", "value": "two"}]}
    assert orders.post("/data-view", "ben", json=body).json()["rows"] == [{'a"b; --': "one", "%s": "two"}]
    file = orders.get(f"/console/tables/{quote(name)}/download.csv", "ben")
    assert file.status_code == 200
    assert (
        file.headers["Content-Disposition"]
        == 'attachment; filename="public.we_ird_drop_table_x_'
        + (file.headers["Content-Disposition"].rpartition("_")[2])
    )


def test_what_is_not_for_readers_is_no_table_for_anybody(orders: Console) -> None:
    for name in (
        "dba.tuser",
        "dba.timportconfig",
        "dba.trejectedrow",
        "pg_catalog.pg_authid",
        "information_schema.tables",
    ):
        for user in ("anna", "ben"):
            assert orders.post("/data-view", user, json={"table": name}).status_code == 404
            assert orders.get(f"/console/tables/{name}", user).status_code == 404
            assert orders.get(f"/tables/{name}/download.csv", user).status_code == 404


def test_the_reading_login_cannot_write_even_if_asked(orders: Console) -> None:
    import psycopg2

    for asked in ("off", "on"):
        with psycopg2.connect(orders.installation.reader_url) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"set default_transaction_read_only = {asked}")
            with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
                connection.cursor().execute("delete from public.orders")


@pytest.mark.parametrize(
    "path",
    ["/static/../../config/.env", "/static/..%2f..%2fconfig%2f.env", "/static/%2e%2e/%2e%2e/config/.env.example",
     "/static//etc/passwd", "/console/tables/..%2f..%2fetc%2fpasswd", "/configurations/..%2f..%2fx/versions/1",
     "/console/configurations/..%2F..%2Fetc%2Fpasswd", "/datasets/1/rejects/export.%2e%2e%2fx"],
)  # fmt: skip
def test_no_path_leads_out_of_where_it_belongs(orders: Console, path: str) -> None:
    # as bytes on the wire: an HTTP library would tidy the path up
    host, port = urlsplit(orders.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        request = f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {orders.token('anna')}\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"HTTP/1.0 404" in answer.splitlines()[0], answer[:300]
    assert b"root:" not in answer and b"DATABASE_URL" not in answer


def test_a_hundred_megabytes_are_not_taken(orders: Console) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000_000

    for path, headers in (("/upload-config", {"Content-Type": "application/json"}), ("/console/upload", {})):
        for body in (b"x" * 100_000_000, endless()):
            try:
                status = orders.post(path, data=body, headers=headers).status_code
            except requests.ConnectionError:  # it hangs up in the middle, which is an answer too
                continue
            assert status == 413
    assert orders.get("/health", None).status_code == 200


@pytest.mark.parametrize("megabytes", [2, 20])
def test_what_is_too_large_is_answered_with_what_to_do(orders: Console, megabytes: int) -> None:
    # of the larger ones only the head: the announced length is refused before the body arrives
    host, port = urlsplit(orders.url).netloc.split(":")
    for path, starts_with in (("/console/upload", b"<!doctype html>"), ("/upload-config", b'{"error":')):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {orders.token('anna')}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {megabytes}000000\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + b"x" * (2_000_000 * (megabytes == 2)))
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        status, _, body = answer.partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 413"), answer[:300]
        assert body.strip().lower().startswith(starts_with), body[:300]
        assert b"or put them into file_watcher/" in body


def test_cells_that_a_spreadsheet_would_run_are_made_text(console: Console) -> None:
    values = [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1+1",
        " =cmd|' /C calc'!A0",
        "＝1+1",
        "-5",
        "+3.5",
        "12%",
        "plain",
        "a=b",
    ]
    rows = [["n", "v"], *([str(number), value] for number, value in enumerate(values, start=1))]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    console.load("formulas", "formulas_1.csv", text.getvalue(), reading={"delimiter": ","})
    safe = console.get("/tables/public.formulas/download.csv", "ben").content.decode("utf-8-sig")
    matches = [row["v"] for row in csv.DictReader(io.StringIO(safe, newline=""))]
    assert matches == [value if value in PLAIN else f"'{value}" for value in values]
    sheet = openpyxl.load_workbook(
        io.BytesIO(console.get("/tables/public.formulas/download.xlsx", "ben").content)
    ).active
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]  # type: ignore[union-attr]


def test_markup_in_headers_file_names_cells_reasons_and_log_lines_stays_text(orders: Console) -> None:
    header = f"id,{MARKUP},note\n"
    orders.load(
        "markup", f"markup_{MARKUP.replace('/', '')}.csv", header + f"1,a,{SCRIPT}\n2,b,{MARKUP}\n", max_rejects=100,
        schema={"id": {"type": "integer"}},
    )  # fmt: skip
    orders.load("markup", "markup_2.csv", header + f"{SCRIPT},a,b\n3,c,{MARKUP}\n")
    orders.installation.sql(
        """insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, level, message, detail)
           values ('6a6f3c9e-6a7d-4d8e-9d53-0f1d3c1b2a3f', 1, now() + interval '1 minute', %s, 'ERROR', %s,
                   jsonb_build_object('traceback', %s::text))""",
        (MARKUP, SCRIPT, MARKUP),
    )
    dataset = orders.dataset("markup")
    run = orders.installation.sql("select run_uuid from dba.tdataset where dataset_id = %s", (dataset,))[0][0]
    with console_pages.start_browser() as browser, console_pages.open_person(browser, orders) as who:
        who.sign_in("anna")
        for path, seen in (
            ("/console/tables/public.markup", MARKUP), (f"/console/datasets/{dataset}", SCRIPT),
            ("/console/log", SCRIPT), (f"/console/datasets/{dataset}/changes", SCRIPT), ("/console/datasets", MARKUP),
            (f"/console/runs/{run}", "markup_2.csv"), ("/console/rejects", "markup_2.csv"),
            (f"/console/tables/public.markup?column1=note&value1={quote(SCRIPT)}", SCRIPT),
        ):  # fmt: skip
            who.go(path)
            assert seen in who.page.content().replace("&lt;", "<").replace("&gt;", ">"), path
            assert who.page.locator("main img, main script").count() == 0, path
        # complaints (a dialog, an error of the policy) fail at the end


def test_secrets_are_masked_wherever_they_are_shown(console: Console) -> None:
    console.installation.configure(
        "secretive", sources=[{"type": "api", "url": "https://u:hush-hush@example.test/x", "token": "s3cr3t-token",
                               "password": "${SOURCE_PASSWORD}"}]
    )  # fmt: skip
    version = console.installation.sql("select max(version) from dba.tconfighistory where config_name = 'secretive'")[
        0
    ][0]
    for path in (
        f"/console/configurations/secretive/{version}", "/console/configurations/secretive", "/config-history",
        f"/configurations/secretive/versions/{version}",
    ):  # fmt: skip
        text = console.get(path).text
        assert "s3cr3t-token" not in text and "hush-hush" not in text, path
    assert "${SOURCE_PASSWORD}" in console.get(f"/configurations/secretive/versions/{version}").text


def test_half_letters_nul_and_huge_names_are_answered_not_broken(orders: Console) -> None:
    half, nul = "\ud800", "a\x00b"
    for text in (half, nul, "x" * 900_000):
        for path, body in (
            ("/auth/login", {"user_name": text, "password": "p" * 12}),
            ("/auth/login", {"user_name": "nobody", "password": text}),
            ("/data-view", {"table": text}),
            ("/data-view", {"table": "public.orders", "filters": [{"column": "who", "value": text}]}),
            ("/upload-config", {"name": "half", "yaml": f"a: {text}\n"}),
            ("/jobs", {"job": "generic_import", "name": text}),
        ):
            answer = orders.post(path, json=body)
            assert 400 <= answer.status_code < 500 or text == "x" * 900_000, (
                path,
                answer.status_code,
                answer.text[:300],
            )
            assert answer.status_code < 500
    assert orders.get("/runs?job=%00").status_code == 400
    assert orders.get("/runs?after=%ED%A0%80").status_code < 500


def test_numbers_too_long_or_of_other_scripts_are_answered_not_broken(orders: Console) -> None:
    dataset = orders.dataset("orders")
    orders.installation.sql("create or replace view public.v_two as select 1 as one union all select 2")
    orders.installation.sql("grant select on public.v_two to reader")
    for digits in ("9" * 5000, "9" * 30, "\u00b2", "\u0663" * 11):
        key = base64.urlsafe_b64encode(json.dumps([digits]).encode()).decode().rstrip("=")
        for path in (
            f"/console/datasets/{dataset}/changes?with={digits}", f"/datasets/{dataset}/changes?with={digits}",
            f"/console/configurations/orders/1/diff?with={digits}", f"/console/history?after={key}",
            f"/config-history?after={key}", f"/console/tables/public.v_two?after={key}",
            f"/console/tables/public.orders?dataset={digits}",
        ):  # fmt: skip
            assert orders.get(path).status_code == 422, path[:80]


def test_beyond_this_machine_the_cookie_goes_over_tls_only(orders: Console) -> None:
    data = {"user_name": "anna", "password": PASSWORDS["anna"]}
    local = requests.post(f"{orders.url}/auth/login", data=data, allow_redirects=False)
    assert "Secure" not in local.headers["Set-Cookie"]
    other = requests.post(
        f"{orders.url}/auth/login", data=data, allow_redirects=False, headers={"Host": "console.example.test"}
    )
    assert "Secure" in other.headers["Set-Cookie"]


def test_a_job_cannot_be_given_options(console: Console) -> None:
    for name in ("--undo", "-x", "a b", "../x", "x;y", "--all", ""):
        body = {"job": "generic_import", "name": name}
        assert console.post("/jobs", json=body).status_code in (409, 422), name
    assert console.post("/jobs", json={"job": "database", "name": "url"}).status_code == 422
