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
]  # fmt: skip
# what there really is, so that more than the words for "not found" is tried
REAL = """
[parameters]
"path.dataset_id" = [1, 2, 77]
"path.name" = ["orders", "public.orders", "dba.tuser"]
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


def test_it_names_every_route_that_programs_use(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    for method, path in WANTED:
        assert method in description["paths"].get(path, {}), (method, path)


def test_every_json_route_is_described(description: dict[str, Any]) -> None:
    own = {"/openapi.json", "/auth/logout", "/static/<path:filename>"}
    described = sum(map(len, description["paths"].values()))
    assert sum(not route.is_page and route.rule not in own for route in routes.list_routes()) == described


def test_whatever_is_sent_no_answer_is_an_error_of_the_server(console: Console, tmp_path: Any) -> None:
    console.load("orders", "orders_1.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.5\n2,x,2\n", **ORDERS)
    console.load("orders", "orders_2.csv", "order_id,ordered_at,amount\n1,2026-01-05,1.7\n")
    run_uuid = console.installation.sql("select run_uuid from dba.trun where job = 'generic_import' limit 1")[0][0]
    (tmp_path / "schemathesis.toml").write_text(REAL.format(run_uuid=run_uuid))
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run",
            f"{console.url}/openapi.json",
            "--header", f"Authorization: Bearer {console.token('anna')}",
            "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
            "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "12"),
            "--exclude-path-regex", "^/auth/login$", "--request-timeout", "30", "--no-color", "--seed", "1",
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert console.login("ben", PASSWORDS["ben"]).status_code == 200
