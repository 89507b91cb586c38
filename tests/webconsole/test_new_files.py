"""Add a file in the browser: it is read, shown, corrected, tried and loaded, without YAML."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, Console, wait_for
from tests.webconsole.console_pages import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CLEAN = "order_id,ordered_at,amount,who\n" + "".join(
    f"{number},2026-01-{number % 28 + 1:02d},{number}.50,Ann {number}\n" for number in range(1, 41)
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def operator(browser: Browser, console: Console) -> Iterator[Person]:
    with console_pages.open_person(browser, console) as person:
        person.sign_in("anna")
        yield person


def choose_file(person: Person, name: str, content: str | bytes, **more: Any) -> None:
    data = content.encode() if isinstance(content, str) else content
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    person.page.locator("input[type=file]").set_input_files(files=file)  # type: ignore[arg-type]


def test_a_clean_file_is_added_and_loaded_in_three_clicks(operator: Person) -> None:
    page, clicks = operator.page, 0
    operator.link("Add a file")
    clicks += 1
    choose_file(operator, "orders_20260105.csv", CLEAN)
    clicks += 1
    page.get_by_role("button", name="Save and load").click()
    clicks += 1
    page.get_by_text("40 rows loaded").wait_for()
    assert clicks <= 8
    assert "orders_20260106.csv" in operator.text()
    rows = operator.console.installation.sql("select order_id, ordered_at::text, amount from public.orders order by 1")
    assert len(rows) == 40 and str(rows[0][2]) == "1.50" and rows[0][1] == "2026-01-02"


def hold_renamed(console: Console, name: str) -> int:
    """A held file of an import: its column amount is called Betrag."""
    console.load(name, f"{name}_1.csv", CLEAN, **ORDERS)
    console.load(name, f"{name}_2.csv", CLEAN.replace("amount", "Betrag").replace(".50", ".75"))
    return console.dataset(name, "held")


def test_a_renamed_column_is_reviewed_and_accepted_in_two_clicks(operator: Person) -> None:
    page, console = operator.page, operator.console
    dataset_id = hold_renamed(console, "renamed")
    operator.go(f"/console/review/dataset/{dataset_id}")
    text = operator.text()
    assert "amount" in text and "Betrag" in text and "% sure" in text
    assert not operator.faults() and not operator.sticks_out()
    page.get_by_role("button", name="Accept as renamed").click()
    page.get_by_text("accepted and loaded as dataset").first.wait_for()
    amounts = console.installation.sql("select distinct right(amount::text, 3) from public.renamed_current")
    assert amounts == [(".75",)]
    decided = console.installation.sql(
        "select distinct decided_by from dba.tfinding where dataset_id = %s and decision is not null", (dataset_id,)
    )
    assert decided == [("anna",)]


def test_a_held_file_brings_new_columns_with_types(operator: Person) -> None:
    page, console = operator.page, operator.console
    dataset_id = hold_renamed(console, "widened")
    operator.go(f"/console/review/dataset/{dataset_id}")
    page.get_by_role("button", name="Add as new columns").click()
    page.get_by_text("New in the schema").wait_for()
    assert page.get_by_label("Type of betrag").input_value() == "numeric"
    assert page.get_by_label("Type of order_id").input_value() == "integer"
    page.get_by_label("Type of who").select_option("integer")
    page.get_by_text("is not a whole number").first.wait_for()
    page.get_by_label("Type of who").select_option("text")
    page.get_by_role("button", name="Save and load").click()
    page.get_by_text("accepted and loaded as dataset").first.wait_for()
    assert console.installation.sql("select distinct amount, pg_typeof(betrag)::text from public.widened_current") == [
        (None, "numeric")
    ]
    version = (
        "select changed_by, source from dba.tconfighistory where config_name = 'widened' and content::text ~ 'betrag'"
    )
    assert console.installation.sql(version)[0] == ("anna", "row")


SAMPLES = Path(__file__).parents[1] / "samples"
# name of a sample -> rows of its table
UGLY = {
    "html_table.xls": 1, "census_title_notes.csv": 3, "pages_with_repeated_header.csv": 4, "utf16.txt": 2,
    "objects.json": 2, "shift_jis.csv": 3, "workbook_in_zip.zip": 1, "footer_rows_count.txt": 3,
}  # fmt: skip
AMERICAN = "Sale Date,Amount,Paid,Who\n" + "".join(
    f'{number % 12 + 1}/{number % 28 + 1}/2026,"${number * 1000:,}.50",{"YN"[number % 2]},Ann {number}\n'
    for number in range(1, 31)
)
GERMAN = "Umsatz Q3;;;\n\nNr;Kunde;Betrag;Bezahlt\n" + "".join(
    f"{number};Müller & Söhne {number};{number}.000,50 €;{'Ja' if number % 2 else 'Nein'}\n" for number in range(1, 31)
)


def drop_file(person: Person, name: str, content: bytes) -> None:
    """Let go of a file over the page, as a person does with one of their desktop."""
    person.page.evaluate(
        """([name, text]) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(atob(text), letter => letter.charCodeAt(0))], name));
            document.getElementById("add").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
        }""",
        [name, base64.b64encode(content).decode()],
    )


def test_ten_ugly_files_are_dropped_and_loaded_without_yaml(operator: Person) -> None:
    page, console = operator.page, operator.console
    files = {name: ((SAMPLES / name).read_bytes(), rows) for name, rows in UGLY.items()}
    files |= {
        "sales_sept_2026.csv": (AMERICAN.encode(), 30),
        "Umsätze 2026-09 (1).csv": (GERMAN.encode("cp1252"), 30),
    }
    for name, (content, rows) in files.items():
        operator.go("/console/add")
        drop_file(operator, name, content)
        page.get_by_role("button", name="Save and load").click()
        page.get_by_text(f"{rows} row{'' if rows == 1 else 's'} loaded").wait_for()
        assert "dateformat" not in operator.text(), "YAML is seen"
    sql = console.installation.sql
    # there is an import of the name sales already
    assert sql("select sale_date::text, amount, paid from public.sales_2 order by amount limit 1") == [
        ("2026-02-02", Decimal("1000.50"), False)
    ]
    assert sql("select kunde, betrag, bezahlt from public.umsatze order by nr limit 1") == [
        ("Müller & Söhne 1", Decimal("1000.50"), True)
    ]


def send_file(console: Console, name: str, content: bytes, import_name: str = "") -> dict[str, Any]:
    """Add a file by JSON, and wait until it is read and tried."""
    answer = console.post("/files", json={"name": name, "size": len(content), "import": import_name})
    assert answer.status_code == 201, answer.text
    path = answer.headers["Location"]
    half = len(content) // 2
    for offset, part in ((0, content[:half]), (half, content[half:])):
        sent = console.call("PUT", f"{path}?offset={offset}", data=part)
        assert sent.status_code == 200, sent.text
    wait_for(lambda: not console.get(path).json()["is_working"])
    described: dict[str, Any] = console.get(path).json() | {"path": path}
    return described


def test_a_file_for_a_known_import_is_tried_and_loaded_by_json(console: Console) -> None:
    console.load("known", "known_1.csv", CLEAN, **ORDERS)
    draft = send_file(console, "known_2.csv", CLEAN.replace("Ann 7", "Eve").encode(), "known")
    assert draft["tried"]["status"] == "would be loaded" and draft["tried"]["counts"]["loaded"] == 40
    loading = console.post(f"{draft['path']}/load", json={})
    assert loading.status_code == 202, loading.text
    run = loading.headers["Location"]
    wait_for(lambda: (console.get(run).json()["run"] or {}).get("status") == "succeeded")
    assert console.installation.sql("select count(*) from public.known_current where who = 'Eve'") == [(1,)]
    assert console.post(f"{draft['path']}/load", json={}).status_code == 409


def test_a_column_is_renamed_and_left_out_and_the_header_row_is_said(console: Console) -> None:
    draft = send_file(console, "choice.csv", b"code;when;left\na1;01.02.2026;x\nb2;31.03.2026;y\n")
    edits = {"name": "chosen", "target_table": "public.chosen", "columns": {
        "code": {"name": "client_code", "key": True}, "left": {"keep": False}}}  # fmt: skip
    assert console.post(f"{draft['path']}/check", json=edits).status_code == 202
    faulty = console.post(f"{draft['path']}/load", json={"target_table": "dba.tuser"})
    assert faulty.status_code == 422 and "closed to uploads" in faulty.text
    run = console.post(f"{draft['path']}/load", json={"target_table": "public.chosen"}).headers["Location"]
    wait_for(lambda: (console.get(run).json()["run"] or {}).get("status") == "succeeded")
    columns = console.installation.sql(
        "select column_name from information_schema.columns where table_name = 'chosen' order by ordinal_position"
    )
    assert [name for (name,) in columns][2:] == ["client_code", "when"]
    again = send_file(console, "choice.csv", b"code;when\na1;01.02.2026\n")
    path = again["path"]
    assert console.post(f"{path}/load", json={"name": "chosen"}).status_code == 422, "the name is taken"
    assert console.post(f"{path}/read", json={"header_row": 2, "delimiter": ";"}).status_code == 202
    wait_for(lambda: not console.get(path).json()["is_working"])
    assert console.get(path).json()["found"]["headers"] == ["a1", "01.02.2026"]


def test_a_layout_is_found_or_said_and_the_import_has_it(console: Console) -> None:
    lines = "".join(f"DTL{number:06}{name:<10}{number * 125:010}\n" for number, name in enumerate(["Ann", "Ben"] * 4))
    draft = send_file(console, "typed.txt", f"HDR20260105\n{lines}TRL000008\n".encode())
    layout = draft["found"]["layout"]
    assert layout["record_types"] == {"header": "HDR", "rows": "DTL", "trailer": "TRL"}
    assert list(layout["fixed_width"].values()) == ["1-3", "4-9", "10-19", "20-"]
    spans = {"kind": "1-3", "id": "4-9", "client": "10-19", "amount": "20-29"}
    wrong = console.post(f"{draft['path']}/read", json={"fixed_width": {"a": "9-1"}})
    wait_for(lambda: not console.get(draft["path"]).json()["is_working"])
    assert wrong.status_code == 202 and "9-1 ends before it begins" in console.get(draft["path"]).text
    said = console.post(f"{draft['path']}/read", json={"fixed_width": spans, "record_types": layout["record_types"]})
    assert said.status_code == 202, said.text
    wait_for(lambda: not console.get(draft["path"]).json()["is_working"])
    assert console.get(draft["path"]).json()["found"]["headers"] == list(spans)
    run = console.post(f"{draft['path']}/load", json={"target_table": "public.typed"}).headers["Location"]
    wait_for(lambda: (console.get(run).json()["run"] or {}).get("status") == "succeeded")
    loaded = console.installation.sql("select client, amount::text from public.typed order by id limit 2")
    assert [client for client, _ in loaded] == ["Ann", "Ben"]


def test_strange_files_are_refused_with_a_reason_and_leave_nothing(console: Console) -> None:
    for sample in ("billion_laughs.xlsx", "word.xlsx", "login_page.csv", "zero_bytes.csv"):
        draft = send_file(console, sample, (SAMPLES / sample).read_bytes())
        error = (draft["found"] or {}).get("error", "")
        assert error and "unexpected" not in error, (sample, draft)
        assert console.get(draft["page"]).status_code == 200
        assert console.post(f"{draft['path']}/load", json={}).status_code == 409
        assert console.delete(draft["path"]).status_code == 204
        assert console.get(draft["path"]).status_code == 404
    assert not list((console.installation.data / "var" / "console" / "new_files").glob("*/data/*.xlsx"))


# what a page sends about a file that was added
POSTED = ("read", "check", "columns", "load", "for", "again", "remove")


def test_a_file_belongs_to_the_operator_who_added_it(console: Console) -> None:
    draft = send_file(console, "mine.csv", b"code\na1\n")
    password = console.post("/users", json={"name": "olga", "role": "admin"}).json()["password"]
    headers = {"Authorization": f"Bearer {console.login('olga', password).json()['token']}"}
    for method, path in (
        ("GET", draft["path"]), ("PUT", f"{draft['path']}?offset=0"), ("POST", f"{draft['path']}/read"),
        ("POST", f"{draft['path']}/check"), ("POST", f"{draft['path']}/load"), ("DELETE", draft["path"]),
        *(("GET", draft["page"] + part) for part in ("", "/live")),
        *(("POST", f"{draft['page']}/{part}") for part in POSTED),
    ):  # fmt: skip
        assert console.call(method, path, None, headers=headers).status_code == 403, (method, path)
    assert "mine.csv" not in console.call("GET", "/console/add", None, headers=headers).text
    assert "mine.csv" in console.get("/console/add").text


def test_a_bomb_in_a_zip_ends_without_filling_the_disk(console: Console) -> None:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb,
        bomb.open("bomb.csv", "w", force_zip64=True) as out,
    ):
        for _ in range(600):
            out.write(b"0" * 2**20)
    draft = send_file(console, "bomb.zip", packed.getvalue())
    assert "unpack" in draft["found"]["error"] or "expand" in draft["found"]["error"], draft["found"]


def test_names_and_sizes_that_are_not_allowed_are_refused(console: Console) -> None:
    begin = "/files"
    assert console.post(begin, json={"name": "x.csv", "size": 2 << 30}).status_code == 409
    assert console.post(begin, json={"name": "x.csv", "size": 0}).status_code == 409
    for name in ("a\nb.csv", "..", "a\u202egnp.csv", "/"):
        assert console.post(begin, json={"name": name, "size": 3}).status_code == 409, name
    for name, stored in (("../../etc/passwd", "passwd"), ("C:\\data\\x.csv", "x.csv"), (".hidden.csv", "hidden.csv")):
        answer = console.post(begin, json={"name": name, "size": 3})
        assert answer.json()["name"] == stored
        path = answer.headers["Location"]
        assert console.call("PUT", f"{path}?offset=1", data=b"a").status_code == 409, "a gap"
        assert console.call("PUT", f"{path}?offset=0", data=b"abcd").status_code == 409, "more than announced"
        assert console.call("PUT", f"{path}?offset=0", data=b"x" * (5 << 20)).status_code == 413
        assert console.get(path).json()["received"] == 0
        assert console.post(f"{path}/load", json={}).status_code == 409, "it has not arrived"
        console.delete(path)


def test_a_held_file_is_refused_once_and_a_refused_one_is_tried_again_by_json(console: Console) -> None:
    dataset_id = hold_renamed(console, "declined")
    path = f"/reviews/datasets/{dataset_id}"
    review = console.get(path).json()
    assert {line["change"] for line in review["headers"]} == {"same", "renamed"} and review["is_open"]
    assert "Betrag" in review["proposed_letter"] and review["import"] == "declined"
    # there is no mail server here, so nothing is refused either
    assert console.post(f"{path}/refuse", json={"address": "x@example.test"}).status_code == 409
    assert console.post(f"{path}/refuse", json={"address": "no address"}).status_code == 409
    run = console.post(f"{path}/refuse", json={}).headers["Location"]
    wait_for(lambda: (console.get(run).json()["run"] or {}).get("status") == "succeeded")
    assert not console.get(path).json()["is_open"]
    for action in ("refuse", "accept", "columns"):
        assert console.post(f"{path}/{action}", json={}).status_code == 409, action
    console.installation.configure("declined", guards={"need_key": True})
    console.load("declined", "declined_3.csv", "a,b\n1,2\n")
    sql = "select file_id from dba.tfile where config_name = 'declined' and status = 'refused'"
    ((file_id,),) = console.installation.sql(sql)
    assert "no column of the key" in console.get(f"/reviews/files/{file_id}").json()["proposed_letter"]
    assert console.get(f"/console/review/file/{file_id}").status_code == 200
    retried = console.post(f"/reviews/files/{file_id}/retry")
    assert retried.status_code == 202, retried.text
    assert console.get("/reviews/files/999999").status_code == 404
