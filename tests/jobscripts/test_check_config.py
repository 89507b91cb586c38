"""check_config.py: the effective settings, nothing secret among them, and every fault at once."""

from __future__ import annotations

from pathlib import Path

from systemscripts.configuration import yaml_row_sync
from tests.conftest import Installation


def test_the_effective_settings_are_shown_without_secrets(installation: Installation) -> None:
    installation.write_settings(SMTP_PASSWORD="the-mail-secret", SOURCE_CLIENT_PASSWORD="the-source-secret")
    summary = installation.summary("check_config", DATABASE_LOCK_SECONDS="33")
    assert (summary["exit_code"], summary["headline"]) == (0, "the configuration is valid")
    shown = {row["setting"]: (row["value"], row["differs"]) for row in summary["rows"]}
    assert shown["DATABASE_LOCK_SECONDS"] == (33, "set")
    assert shown["DATABASE_CONNECT_SECONDS"] == (10, "")
    assert shown["SMTP_PASSWORD"] == ("***", "set")
    assert shown["SOURCE_VARIABLES"] == ("SOURCE_CLIENT_PASSWORD=***", "set")
    assert shown["DATABASE_URL"][0].startswith("127.0.0.1:")
    assert "secret" not in str(summary)
    assert installation.url.split(":")[2].partition("@")[0] not in str(summary)


def test_an_expression_that_may_take_for_ever_is_warned_of(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(
        r"""file_pattern: '(orders_?)+(\d+,?)*\.csv'
target_table: public.orders
sources: [{type: local, path: /srv/in, pattern: '(?:\w+-)*x'}]
schema:
  good: {checks: {regex: '[A-Z]{2}\d{6}'}}
  slow: {checks: {regex: '(a+)+'}}
"""
    )
    warned = list(yaml_row_sync.find_slow_patterns(tmp_path))
    assert [text.split()[1] for text in warned] == ["file_pattern:", "sources.0.pattern:", "schema.slow.checks.regex:"]
    assert "(a+)+ repeats a part that itself repeats" in warned[2]
    assert list(yaml_row_sync.find_slow_patterns()) == []
