"""check_config.py: the effective settings, nothing secret among them, and every fault at once."""

from __future__ import annotations

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
