"""Check the configuration: imports, pipelines, settings."""

from __future__ import annotations

from systemscripts.job import Summary, job


@job(database=False)
def check_config() -> Summary:
    """Check every YAML file and show the effective settings, secrets masked; names every fault at once.

    Examples:
        check_config.py
    """
    from pydantic import SecretStr

    from systemscripts import pipelines, settings
    from systemscripts.configuration import exchange
    from systemscripts.errors import ConfigurationError

    summary = Summary(headline="the configuration is sound")
    for fault in exchange.faults():
        summary.problem(fault, ConfigurationError.exit_code)
    for name in pipelines.names():
        try:
            pipelines.load(name)
        except ConfigurationError as error:
            summary.problem(str(error), error.exit_code)
    if summary.problems:
        summary.headline = f"{len(summary.problems)} faults"
    current = settings.current()
    for name in type(current).model_fields:
        value = getattr(current, name)
        shown = "***" if isinstance(value, SecretStr) and not _embedded(value.get_secret_value()) else value
        summary.rows.append({"setting": name.upper(), "value": "embedded" if isinstance(shown, SecretStr) else shown})
    return summary


def _embedded(value: str) -> bool:
    return value == "embedded"


if __name__ == "__main__":
    check_config.main()
