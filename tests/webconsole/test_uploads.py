"""A YAML that is uploaded: faults at their lines, stored, tried, run; and what it may not name."""

from __future__ import annotations

import http.server
import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Installation, Server
from tests.webconsole import console_pages
from tests.webconsole.conftest import Console, run_console, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GOOD = """sources:
  - type: local
    path: incoming
target: {table: public.uploaded}
schema: {order_id: integer, ordered_at: date, amount: numeric}
"""
FAULTY = GOOD.replace("integer", "whole") + "strict_mod: true\n"
ROWS = "order_id,ordered_at,amount\n1,2026-01-05,10.50\n2,2026-01-06,7\n"
LEADS_AWAY = "0xa9fea9fe"  # to every rule about names a name; every resolver makes 169.254.169.254 of it
asked: list[str] = []  # of the web server that sends people elsewhere


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Redirects every request to the address where clouds keep their secrets."""

    def do_GET(self) -> None:
        asked.append(self.path)
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def console(server: Server, tmp_path_factory: pytest.TempPathFactory, elsewhere: int) -> Iterator[Console]:
    """A console whose operator allows uploads to name one server on this machine."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url, reader_url = server.create_database(name)
    installation = Installation(tmp_path_factory.mktemp("uploads"), url, reader_url)
    (installation.data / "file_watcher").mkdir()
    (installation.data / "incoming").mkdir()
    installation.write_settings(
        DATABASE_URL=url, DATABASE_READER_URL=reader_url, FILE_STILL_SECONDS="0", SOURCE_TOKEN="hush-hush-token",
        UPLOAD_ALLOWED_HOSTS=f"127.0.0.1:{elsewhere},{LEADS_AWAY},localhost:2222",
    )  # fmt: skip
    with run_console(installation) as console:
        yield console
    server.execute(f'drop database "{name}" with (force)')


def upload(console: Console, text: str, name: str = "uploaded") -> tuple[int, str]:
    answer = console.post("/upload-config", json={"name": name, "yaml": text})
    return answer.status_code, answer.text


def count_versions(console: Console, name: str) -> int:
    rows = console.installation.sql("select count(*) from dba.tconfighistory where config_name = %s", (name,))
    return int(rows[0][0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.mark.parametrize("width", list(console_pages.WIDTHS))
def test_the_operator_uploads_mends_tries_and_runs_a_yaml(console: Console, browser: Browser, width: str) -> None:
    name = f"up_{width}"
    table = f"public.{name}"
    incoming = console.installation.data / "incoming" / width
    incoming.mkdir(parents=True)
    (incoming / "orders.csv").write_text(ROWS)
    with console_pages.open_person(browser, console, width) as who:
        page = who.page
        who.expected = (422,)
        who.sign_in("anna")
        who.go("/console/configurations")
        who.link("Upload a YAML")
        page.get_by_label("Name").fill(name)
        page.get_by_label("or its text").fill(FAULTY.replace("public.uploaded", table))
        page.get_by_role("button", name="Store and run").click()
        faults = page.locator(".yaml .fault")
        faults.first.wait_for()
        assert [item.inner_text().split("\n")[0].strip()[:8] for item in faults.all()] == ["schema: ", "strict_m"]
        assert "did you mean strict_mode?" in who.text() and "Line 6" in who.text()
        assert who.faults() == [] and not who.sticks_out()
        assert count_versions(console, name) == 0
        good = GOOD.replace("public.uploaded", table)
        good = good.replace("path: incoming", f"path: incoming/{width}\n    pattern: .*")
        page.get_by_label("A file").set_input_files(
            files=[{"name": f"../../{name}.yaml", "mimeType": "text/yaml", "buffer": good.encode()}]
        )
        page.get_by_role("button", name="Store and dry run").click()
        page.get_by_text("2 rows read, 2 loaded").first.wait_for()
        assert "nothing written" in who.text() and f'create table "public"."{name}"' in who.text()
        assert (incoming / "orders.csv").exists()
        assert console.installation.sql("select 1 from dba.tfile where config_name = %s", (name,)) == []
        who.go(f"/console/configurations/{name}")
        who.link("Run")
        page.get_by_role("button", name="Run now").click()
        page.get_by_text("2 rows read, 2 loaded").first.wait_for()
        who.go(f"/console/tables/{table}")
        assert "10.50" in who.text()
    history = console.installation.sql(
        "select version, changed_by, source from dba.tconfighistory where config_name = %s", (name,)
    )
    assert history == [(1, "anna", "upload")]


@pytest.mark.parametrize("width", list(console_pages.WIDTHS))
def test_an_analyst_sees_the_rows_of_a_yaml_and_nothing_is_stored(
    console: Console, browser: Browser, width: str
) -> None:
    console.installation.sql("create table if not exists public.seen (n text); delete from public.seen")
    console.installation.sql("insert into public.seen values ('a row that is there')")
    console.installation.sql("update dba.tusergroup set tables = '{*}' where group_name = 'default'")
    with console_pages.open_person(browser, console, width) as who:
        who.expected = (422,)
        who.sign_in("ben")
        who.link("View a YAML")
        who.page.get_by_label("or its text").fill(GOOD.replace("uploaded", "seen") + "nonsense: 1\n")
        who.page.get_by_role("button", name="Show the rows").click()
        who.page.get_by_text("nonsense is not a key").first.wait_for()
        who.page.get_by_label("or its text").fill(GOOD.replace("uploaded", "seen"))
        who.page.get_by_role("button", name="Show the rows").click()
        who.page.wait_for_url("**/console/tables/public.seen")
        assert "a row that is there" in who.text()
    seen = console.post("/data-view", "ben", json={"yaml": GOOD.replace("uploaded", "seen")})
    assert seen.json()["rows"] == [{"n": "a row that is there"}]
    assert count_versions(console, "seen") == count_versions(console, "looked_at") == 0


def test_the_same_content_is_no_new_version_and_another_is(console: Console) -> None:
    assert upload(console, GOOD, "twice")[0] == 201
    assert upload(console, GOOD, "twice")[0] == 201
    assert count_versions(console, "twice") == 1
    assert upload(console, GOOD.replace("numeric", "text"), "twice")[0] == 201
    assert count_versions(console, "twice") == 2
    assert console.post("/configurations/twice/versions/1/restore").status_code == 200
    assert count_versions(console, "twice") == 3
    assert upload(console, GOOD.replace("numeric", "text"), "twice")[0] == 201
    assert count_versions(console, "twice") == 4
    assert not (console.installation.data / "config").exists()  # never into a folder of files


SOURCE = "sources:\n  - {{type: api, url: '{}'}}\ntarget: {{table: public.uploaded}}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: !!python/object/apply:os.system ['touch /tmp/owned']\n", "constructor"),
        ("a: !!python/name:os.system\n", "constructor"),
        ("a: &a [1]\nb: [*a, *a]\nsources: 1\n", "sources"),
        (SOURCE.format("http://169.254.169.254/latest/meta-data/"), "169.254.169.254"),
        (SOURCE.format("http://[::ffff:169.254.169.254]/"), "not"),
        (SOURCE.format("http://2852039166/"), "2852039166"),
        (SOURCE.format("http://localhost:5432/"), "localhost"),
        (SOURCE.format("http://127.0.0.1:5432/"), "127.0.0.1 is not among"),  # another port of it is
        (SOURCE.format("http://example.test/"), "example.test"),
        (SOURCE.format("file:///etc/passwd"), ""),
        (GOOD.replace("path: incoming", "path: ../../etc"), "path"),
        (GOOD.replace("path: incoming", "path: /etc"), "path"),
        (GOOD.replace("path: incoming", "path: var"), "var"),
        (GOOD + "output_csv_path: /etc/cron.d/x\n", "output_csv_path"),
        (GOOD.replace("path: incoming", "path: incoming\n    note: ${DATABASE_URL}"), ""),
        (SOURCE.format("http://example.test/?q=${DATABASE_URL}"), ""),
        (SOURCE.format("http://example.test/${SOURCE_TOKEN}"), "SOURCE_TOKEN"),
        (GOOD.replace("public.uploaded", "dba.tuser"), "dba"),
        (GOOD.replace("public.uploaded", "pg_catalog.pg_class"), "pg_catalog"),
        (GOOD + "transform: x.y\n", "transform"),
        (GOOD + "after_change: x.sql\n", "after_change"),
        (SOURCE.format("http://u:p4ssw0rd@example.test/"), "plain text"),
        (GOOD + "target_table: public.other\n", "twice"),
        (GOOD.replace("path: incoming", 'path: "a\\0b"'), "NUL"), ("? [a]\n: b\n", ""), ("a: 2026-13-45\n", ""),
        ("a: &a [*a]\n", ""), ("a: " + "[" * 5000, ""), ("1: 2\n", ""), (GOOD.replace("local", "[x]"), "type"),
        ("", ""), ("just words\n", ""), ("[1, 2]\n", ""), ("a: {", ""), ("a: 1\na: 2\n", "twice"),
        ("x" * 300_000, ""),
    ],
)  # fmt: skip
def test_what_an_upload_may_not_name_is_refused_with_its_line(console: Console, text: str, says: str) -> None:
    status, answer = upload(console, text)
    assert status == 422, answer
    assert says in answer and "p4ssw0rd" not in answer and "hush-hush" not in answer
    assert count_versions(console, "uploaded") == 0
    page = console.post("/console/upload", data={"name": "uploaded", "yaml": text, "how": "store"})
    assert page.status_code == 422
    assert console.post("/data-view", "ben", json={"yaml": text or "x"}).status_code == 422
    assert count_versions(console, "uploaded") == 0


def test_a_thousand_fold_yaml_is_refused_and_not_unfolded(console: Console) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    status, _ = upload(console, "\n".join(lines) + "\n")
    assert status == 422


def test_a_redirect_to_a_forbidden_address_is_not_followed(console: Console, elsewhere: int) -> None:
    text = SOURCE.format(f"http://127.0.0.1:{elsewhere}/data")
    status, answer = upload(console, text, "led_away")
    assert status == 201, answer
    run = console.post("/jobs", json={"job": "run_elt", "name": "led_away"}).json()["run_uuid"]
    wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] not in ("starting", "running"), 120)
    ended = console.get(f"/jobs/{run}").json()
    assert ended["run"]["status"] == "failed", ended
    assert "/data" in asked
    assert "169.254.169.254" in ended["run"]["error"], ended["run"]["error"]
    assert console.installation.sql("select count(*) from dba.tdataset where config_name = 'led_away'") == [(0,)]


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("away_http", f"{{type: api, url: 'http://{LEADS_AWAY}/latest/meta-data/'}}", f"{LEADS_AWAY} leads to 169.254"),
        (
            "away_sftp",
            f"{{type: sftp, host: '{LEADS_AWAY}', user: u, path: /x.csv, agent: true}}",
            f"{LEADS_AWAY} leads to 169.254",
        ),
        (
            "own_machine",
            "{type: sftp, host: 'localhost:2222', user: u, path: /x.csv, agent: true}",
            "address of a private network",
        ),
    ],
)
def test_a_listed_name_that_leads_to_a_forbidden_address_is_not_connected_to(
    console: Console, name: str, source: str, says: str
) -> None:
    status, answer = upload(console, f"sources:\n  - {source}\ntarget: {{table: public.uploaded}}\n", name)
    assert status == 201, answer
    run = console.post("/jobs", json={"job": "run_elt", "name": name}).json()["run_uuid"]
    wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] not in ("starting", "running"), 120)
    ended = console.get(f"/jobs/{run}").json()["run"]
    assert ended["status"] == "failed", ended
    assert says in ended["error"], ended["error"]
    page = console.get(f"/console/runs/{run}")
    assert page.status_code == 200 and says in page.text


def test_a_name_of_the_operators_import_cannot_be_taken_over(console: Console) -> None:
    console.installation.configure("his_own")
    status, answer = upload(console, GOOD, "his_own")
    assert status in (409, 422) and "operator" in answer
    assert console.post("/upload-config", json={"name": "../x", "yaml": GOOD}).status_code == 422
