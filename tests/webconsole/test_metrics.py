"""The figures for a monitoring system: valid OpenMetrics, true, and only for the token."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.webconsole.conftest import Console

ODD = 'a"b\\c\nd'


def read_samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, as the reference parser reads it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ask(console: Console, token: str | None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{console.url}/metrics", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def samples(console: Console) -> dict[tuple[str, ...], float]:
    orders: dict[str, Any] = {"schema": {"order_id": {"type": "integer"}}, "max_rejects": 9}
    console.load("metered", "metered_1.csv", "order_id,x\n1,a\n2,b\nx,c\n", **orders)
    console.installation.sql(
        """insert into dba.tlatefile (config_name, due_at) values ('metered', now() + interval '1 minute');
           insert into dba.trun (run_uuid, root_uuid, job, lock_key, status, exit_code, host, os_user, pid,
               process_start, started_at, ended_at)
           values (gen_random_uuid(), gen_random_uuid(), 'odd', 'a"b\\c' || chr(10) || 'd', 'failed', 65, 'h', 'u', 1,
               '', now(), now())"""
    )
    answer = ask(console, METRICS_TOKEN)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    return read_samples(answer.text)


METRICS_TOKEN = "a-token-of-the-monitoring"


def test_the_parser_of_prometheus_reads_true_figures(samples: dict[tuple[str, ...], float]) -> None:
    job = ("generic_import", "metered")
    assert samples["etl_last_run_rows", *job, "loaded"] == 2 and samples["etl_last_run_rows", *job, "rejected"] == 1
    assert samples["etl_last_success_timestamp_seconds", *job] > 1_700_000_000
    assert samples["etl_last_run_duration_seconds", *job] > 0 and samples["etl_last_run_exit_code", *job] == 0
    assert samples["etl_files_late", "metered"] == 1
    assert samples["etl_last_run_exit_code", "odd", ODD] == 65
    assert ("etl_last_success_timestamp_seconds", "odd", ODD) not in samples
    for name in ("etl_datasets_held", "etl_reports_undelivered", "etl_files_refused", "etl_files_waiting"):
        assert samples[(name,)] == 0
    assert samples[("etl_disk_free_bytes",)] > 0 and samples[("etl_database_size_bytes",)] > 0


def test_only_the_token_opens_them(console: Console, samples: dict[tuple[str, ...], float]) -> None:
    for token in (None, "", "wrong", METRICS_TOKEN + "x", console.token("anna"), "\u00e9".encode().decode("latin-1")):
        answer = ask(console, token)
        assert answer.status_code == 401 and "etl_" not in answer.text, token
    by_cookie = requests.get(f"{console.url}/metrics", cookies={"console_session": console.token("anna")}, timeout=30)
    assert by_cookie.status_code == 401
    assert METRICS_TOKEN not in console.installation.read_logs()
