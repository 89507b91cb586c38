"""What a run warns of is a row, counted in the run, and seen wherever an operator looks; a green run has none."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from systemscripts.summary import Code
from tests.conftest import PROJECT, Installation
from tests.webconsole.conftest import Console

FILE = 'id,amount,note,extra\n1,10,a 5" pipe,x\n2,ten,b,x\n3,eleven,c,x\n4,twelve,d,x\n' + "".join(
    f"{number},{number},e,x\n" for number in range(5, 20)
)
CODES = ["columns_not_loaded", "duplicate_of_undone", "rows_rejected", "stray_quotes"]
SCHEMA = {"id": {"type": "integer"}, "amount": {"type": "integer"}, "note": {"type": "text"}}


@pytest.fixture(scope="module")
def warned_console(console: Console) -> dict[str, Any]:
    """Rejected rows, a stray quote, a column not loaded, a duplicate of what was undone."""
    here = console.installation
    here.configure("orders", schema=SCHEMA, importstrategyid=2, max_rejects=100)
    here.configure("things")
    here.drop("orders_0.csv", "id,amount,note\n100,1,first\n")
    undone = here.summary("generic_import", "orders")["rows"][0]["dataset"]
    assert here.run("generic_import", "--undo", undone).returncode == 0
    here.drop("orders_0.csv", "id,amount,note\n100,1,first\n")
    here.drop("orders_1.csv", FILE)
    summary = here.summary("generic_import", "orders")
    [(run_uuid, log_file)] = here.sql(
        "select run_uuid::text, log_file from dba.trun where job = 'generic_import' order by started_at desc limit 1"
    )
    loaded = next(row["dataset"] for row in summary["rows"] if row["state"] == "loaded")
    here.drop("things_1.csv", "name\na\n")
    here.summary("generic_import", "things")
    return {"summary": summary, "run_uuid": run_uuid, "log_file": Path(log_file), "undone": undone, "loaded": loaded}


def test_each_warning_is_a_row_with_its_import_file_and_dataset(
    console: Console, warned_console: dict[str, Any]
) -> None:
    rows = console.installation.sql(
        """select code, config_name, file_name, dataset_id, text from dba.v_warning
           where run_uuid = %s order by code""",
        (warned_console["run_uuid"],),
    )
    assert [row[0] for row in rows] == CODES
    by_code = {row[0]: row[1:] for row in rows}
    assert by_code["rows_rejected"][:3] == ("orders", "orders_1.csv", warned_console["loaded"])
    assert "3 of 19 rows rejected" in by_code["rows_rejected"][3]
    assert by_code["columns_not_loaded"][3] == "orders_1.csv: columns not loaded: extra"
    assert by_code["stray_quotes"][3] == "orders_1.csv: 1 stray quotes were kept as characters"
    assert by_code["duplicate_of_undone"][:3] == ("orders", "orders_0.csv", warned_console["undone"])
    assert console.installation.sql(
        "select warnings, is_green, status from dba.trun where run_uuid = %s", (warned_console["run_uuid"],)
    ) == [(4, False, "succeeded")]


def test_a_run_without_a_warning_is_green(console: Console, warned_console: dict[str, Any]) -> None:
    [row] = console.installation.sql(
        "select run_uuid, warnings, is_green from dba.v_run where lock_key = 'things' order by started_at desc limit 1"
    )
    assert row[1:] == (0, True)
    assert console.installation.sql("select * from dba.twarning where run_uuid = %s", row[:1]) == []
    assert console.get("/runs?job=generic_import").json()["rows"][0]["is_green"] is True


def test_the_log_files_of_the_run_have_them_once(console: Console, warned_console: dict[str, Any]) -> None:
    texts = warned_console["summary"]["warnings"]
    entries = [json.loads(line) for line in warned_console["log_file"].read_text().splitlines()]
    assert sorted(e["message"] for e in entries if e["level"] == "WARNING") == sorted(texts)
    assert sorted(e["detail"]["code"] for e in entries if e["level"] == "WARNING") == CODES
    with warned_console["log_file"].with_suffix(".csv").open() as stream:
        assert sorted(row["message"] for row in csv.DictReader(stream) if row["level"] == "WARNING") == sorted(texts)
    readable = warned_console["log_file"].with_suffix(".txt").read_text()
    assert [readable.count(text) for text in texts] == [1] * 4
    assert sorted(row["code"] for row in warned_console["summary"]["warning_rows"]) == CODES
    assert console.installation.sql(
        "select count(*) from dba.tlogentry where run_uuid = %s and level = 'WARNING'", (warned_console["run_uuid"],)
    ) == [(4,)]


def test_status_shows_them_by_import_and_code(console: Console, warned_console: dict[str, Any]) -> None:
    lines = console.installation.run("status").stdout.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("warnings "))
    shown = "\n".join(lines[begin : begin + 6])
    assert "orders: rows_rejected, 1 time, last " in shown
    assert "orders_1.csv: 3 of 19 rows rejected" in shown


def test_the_weekly_summary_lists_them(console: Console, warned_console: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "summary.html"
    done = console.installation.run("send_report", "weekly_summary", "--preview", path)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    for code in CODES:
        assert code in text
    assert "orders_1.csv: 3 of 19 rows rejected" in text


def test_the_console_shows_them_with_the_run_its_datasets_and_its_import(
    console: Console, warned_console: dict[str, Any]
) -> None:
    session = console.browser_session("anna")

    def page(path: str) -> str:
        answer = session.get(console.url + path, timeout=60)
        assert answer.status_code == 200
        return answer.text

    assert "4 warnings" in page("/console/runs?job=generic_import")
    assert "4 warnings" in page("/console/runs?status=succeeded+with+warnings")
    run = page(f"/console/runs/{warned_console['run_uuid']}")
    assert [run.count(f">{code}<") for code in CODES] == [1] * 4
    assert "columns not loaded: extra" in page(f"/console/datasets/{warned_console['loaded']}")
    assert "duplicate_of_undone" in page(f"/console/datasets/{warned_console['undone']}")
    assert "3 of 19 rows rejected" in page("/console/configurations/orders")
    desk = page("/console/")
    assert "rows_rejected" in desk
    assert "All is well" not in desk


def test_the_api_gives_them_with_the_run_and_the_dataset(console: Console, warned_console: dict[str, Any]) -> None:
    state = console.get(f"/runs/{warned_console['run_uuid']}").json()
    assert (state["run"]["warnings"], state["run"]["is_green"]) == (4, False)
    assert sorted(row["code"] for row in state["warnings"]) == CODES
    dataset = console.get(f"/datasets/{warned_console['loaded']}").json()
    assert sorted(row["code"] for row in dataset["warnings"]) == ["columns_not_loaded", "rows_rejected", "stray_quotes"]


def test_a_dry_run_warns_too_but_is_not_listed_as_a_load(console: Console, warned_console: dict[str, Any]) -> None:
    here = console.installation
    waiting = here.drop("orders_2.csv", FILE.replace("pipe", "tube"))
    summary = here.summary("generic_import", "orders", "--dry-run")
    waiting.unlink()
    assert any("3 of 19 rows rejected" in text for text in summary["warnings"])
    rows = here.sql("select is_trial, file_id, dataset_id from dba.v_warning where code = 'rows_rejected' order by 1")
    assert rows[-1] == (True, None, None)
    assert "orders: rows_rejected, 1 time, last " in here.run("status").stdout


def test_the_reader_sees_the_view_and_not_the_table(console: Console, warned_console: dict[str, Any]) -> None:
    reader = Installation(console.installation.data, console.installation.reader_url, "")
    assert reader.sql("select count(*) > 0 from dba.v_warning") == [(True,)]
    with pytest.raises(Exception, match="permission denied for table twarning"):
        reader.sql("select * from dba.twarning")


def test_each_code_is_explained_on_the_page_of_warnings_and_used() -> None:
    text = (PROJECT / "docs" / "warnings.md").read_text()
    explained = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert Counter(explained) == Counter(get_args(Code))
    product = "\n".join(
        path.read_text() for folder in ("systemscripts", "jobscripts", "webconsole")
        for path in (PROJECT / folder).rglob("*.py") if path.name != "summary.py"
    )  # fmt: skip
    unused = [code for code in get_args(Code) if code != "other" and f'"{code}"' not in product]
    assert unused == []


def test_every_warning_that_the_product_logs_has_a_code() -> None:
    without = [
        f"{path}:{call.lineno}"
        for folder in ("systemscripts", "jobscripts", "webconsole")
        for path in (PROJECT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "logger.warning"
        if not any(
            keyword.arg == "extra" and re.search("'(code|notice)'", ast.unparse(keyword)) for keyword in call.keywords
        )
    ]
    assert without == []


def test_purge_takes_them_with_the_logs_they_belong_to(console: Console, warned_console: dict[str, Any]) -> None:
    here = console.installation
    here.sql(
        "update dba.twarning set warned_at = now() - interval '4000 days' where run_uuid = %s",
        (warned_console["run_uuid"],),
    )
    assert any(row["what"] == "warnings" for row in here.summary("purge", "--dry-run")["rows"])
    assert here.run("purge").returncode == 0
    assert here.sql("select * from dba.twarning where run_uuid = %s", (warned_console["run_uuid"],)) == []
