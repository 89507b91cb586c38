"""Check the configuration: imports, pipelines, settings."""

from __future__ import annotations

from systemscripts.job import Summary, job


@job(database=False)
def check_config() -> Summary:
    """Check every YAML file and show the effective settings, with secrets masked; list every error at once.

    Examples:
        check_config.py
    """
    from systemscripts import settings
    from systemscripts.configuration import shared_mailboxes, yaml_row_sync
    from systemscripts.errors import ConfigurationError
    from systemscripts.monitoring.checks import configuration_files

    summary = Summary(headline="the configuration is valid")
    for fault in configuration_files.find_faults():
        summary.problem(fault, ConfigurationError.exit_code)
    for text in yaml_row_sync.find_slow_patterns():
        summary.warn("slow_pattern", text)
    for text in shared_mailboxes.find_conflicts():
        summary.warn("mailbox_shared", f"{text}; set settle: flag in both")
    if summary.problems:
        count = len(summary.problems)
        summary.headline = f"{count} fault{'s' if count > 1 else ''}"
    current = settings.current()
    default = settings.Settings()
    for name in type(current).model_fields:
        value = getattr(current, name)
        changed = "" if value == getattr(default, name) else "set"
        summary.rows.append({"setting": name.upper(), "value": _format_value(value), "differs": changed})
    return summary


def _format_value(value: object) -> object:
    """Return a setting for people: of secrets only the address of the database and the names of variables."""
    from pydantic import SecretStr

    from systemscripts import db_utils

    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return db_utils.redact_address(text) if text.startswith("postgres") else text if text == "embedded" else "***"
    if isinstance(value, dict):
        return ", ".join(f"{name}=***" for name in value)
    return ", ".join(value) if isinstance(value, list) else value


if __name__ == "__main__":
    check_config.main()
