"""The JSON routes as their description says, and nothing that anybody sends breaks them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.webconsole import routes
from tests.webconsole.conftest import ORDERS, PASSWORDS, Console

WANTED = [
    ("post", "/auth/login"), ("get", "/config-history"), ("post", "/jobs"), ("get", "/jobs/{run_uuid}"),
    ("delete", "/jobs/{run_uuid}"), ("get", "/logs"), ("post", "/data-view"), ("get", "/coverage-report"),
    ("get", "/health"), ("get", "/runs"), ("get", "/datasets"), ("post", "/datasets/{dataset_id}/undo"),
    ("post", "/datasets/{dataset_id}/accept"), ("get", "/datasets/{dataset_id}/changes"), ("get", "/rejects"),
    ("post", "/datasets/{dataset_id}/rejects/replay"), ("get", "/datasets/{dataset_id}/rejects/export.{ending}"),
    ("get", "/configurations/{name}/versions/{version}/diff"),
    ("post", "/configurations/{name}/versions/{version}/restore"), ("get", "/tables/{name}/download.{ending}"),
    ("get", "/desk"), ("post", "/desk/dismissals"), ("get", "/schedules"), ("post", "/schedules/{name}/pause"),
    ("put", "/schedules/{name}/times"), ("post", "/runs/{run_uuid}/undo"), ("put", "/configurations/{name}"),
]  # fmt: skip
# what there really is, so that more than the words for "not found" is tried
REAL = """
[parameters]
"path.dataset_id" = [1, 2, 77]
"path.name" = ["orders", "public.orders", "dba.tuser", "zoe", "default"]
"path.version" = [1, 2, 0]
"path.run_uuid" = ["{run_uuid}", "6a6f3c9e-6a7d-4d8e-9d53-0f1d3c1b2a3f"]
"""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
)  # fmt: skip


@pytest.fixture(scope="module")
def description(console: Console) -> dict[str, Any]:
    document: dict[str, Any] = console.get("/openapi.json", None).json()
    return document


@pytest.fixture(scope="module")
def typed_description(console: Console) -> dict[str, Any]:
    """The description of /api/v1, whose answers have types."""
    document: dict[str, Any] = console.get("/api/v1/openapi.json", None).json()
    return document


def test_it_names_every_route_that_programs_use(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    for method, path in WANTED:
        assert method in description["paths"].get(path, {}), (method, path)


def test_every_json_route_is_described_under_its_old_path_and_under_v1(
    description: dict[str, Any], typed_description: dict[str, Any]
) -> None:
    own = {"/openapi.json", "/auth/logout", "/static/<path:filename>", "/metrics"}
    described = sum(map(len, description["paths"].values()))
    by_rule = [route for route in routes.list_routes() if not route.is_page]
    assert sum(not route.rule.startswith("/api/") and route.rule not in own for route in by_rule) == described
    assert {path.removeprefix("/api/v1") for path in typed_description["paths"]} == set(description["paths"])


def test_each_operation_of_v1_has_an_id_a_type_and_problems_and_each_list_a_limit(
    typed_description: dict[str, Any],
) -> None:
    operations = [operation for path in typed_description["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert sorted(set(ids)) == sorted(ids)
    for operation in operations:
        (answer,) = [answer for status, answer in operation["responses"].items() if status < "300"]
        if not (content := answer.get("content")):
            continue
        schema = next(iter(content.values()))["schema"]
        assert "$ref" in schema or schema["format"] == "binary", operation["operationId"]
        assert set(operation["responses"]["404"]["content"]) == {"application/problem+json"}
        answer_type = typed_description["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        if "next" in answer_type.get("properties", {}) and operation["operationId"] != "view_rows":
            assert {"limit", "after"} <= {parameter["name"] for parameter in operation["parameters"]}


def test_a_problem_says_what_is_wrong_and_what_to_do_without_secrets(console: Console) -> None:
    for method, path, name, status in (
        ("GET", "/api/v1/datasets/999999", "anna", 404), ("GET", "/api/v1/nothing", "anna", 404),
        ("GET", "/api/v1/runs", None, 401), ("GET", "/api/v1/runs", "ben", 403),
        ("GET", "/api/v1/runs?limit=0", "anna", 422), ("GET", "/api/v1/runs?after=x", "anna", 422),
        ("POST", "/api/v1/data-view", "anna", 415), ("PUT", "/api/v1/runs", "anna", 405),
    ):  # fmt: skip
        answer = console.call(method, path, name)
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status and problem["title"] and problem["detail"]
        assert problem["instance"] == path.partition("?")[0] and "hint" in problem
    faults = console.post("/api/v1/upload-config", json={"name": "bad", "yaml": "a: ["}).json()
    assert faults["status"] == 422 and faults["faults"]
    assert console.get("/runs/nothing").json().keys() == {"error", "hint"}


def test_every_list_is_read_page_by_page_without_gap_or_repetition(console: Console) -> None:
    for number in range(3):
        console.load("paged", f"paged_{number}.csv", f"id,x\n{number},a\nx,b\n", max_rejects=9, load_mode="append",
                     schema={"id": {"type": "integer"}})  # fmt: skip
    dataset = console.dataset("paged")
    run = console.installation.sql("select run_uuid from dba.tdataset where dataset_id = %s", (dataset,))[0][0]
    for path in ("runs", "datasets", "rejects", "config-history", "configurations", "tables", "users", "groups",
                 "logs", f"runs/{run}/log", f"datasets/{dataset}/rejects", f"datasets/{dataset}/changes",
                 "refused-files", "schedules", "waiting-jobs"):  # fmt: skip
        whole = console.get(f"/api/v1/{path}?limit=1000").json()["rows"]
        paged: list[Any] = []
        after = ""
        while after is not None and len(paged) < 40:
            page = console.get(f"/api/v1/{path}", params={"limit": "2", "after": after} if after else {"limit": "2"})
            assert page.status_code == 200, page.text
            assert len(page.json()["rows"]) <= 2
            paged += page.json()["rows"]
            after = page.json()["next"]
        if path in ("logs", "runs"):
            # the log of the console grows meanwhile, and a running run has a duration
            assert len(paged) == len({(row["run_uuid"], row.get("sequence")) for row in paged})
        else:
            assert paged == whole[: len(paged)] and (after is not None or len(paged) == len(whole)), path


def test_whatever_is_sent_no_answer_is_an_error_of_the_server(console: Console, tmp_path: Any) -> None:
    console.load("orders", "orders_1.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.5\n2,x,2\n", **ORDERS)
    console.load("orders", "orders_2.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.7\n")
    console.installation.run("console_user", "add", "zoe", "--generate")
    run_uuid = console.installation.sql("select run_uuid from dba.trun where job = 'generic_import' limit 1")[0][0]
    (tmp_path / "schemathesis.toml").write_text(REAL.format(run_uuid=run_uuid))
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run",
            f"{console.url}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {console.token('anna')}",
            "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
            "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "2"),
            "--exclude-path-regex", "/auth/login$", "--request-timeout", "30", "--no-color", "--seed", "1",
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    # the token was good until the end
    assert console.get("/runs").status_code == 200
    assert console.login("ben", PASSWORDS["ben"]).status_code == 200
