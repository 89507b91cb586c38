"""Find what a valid job still lacks on this host: variables and folders."""

from __future__ import annotations

from typing import Any

from systemscripts import settings
from systemscripts.configuration import variables
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.errors import ConfigurationError
from systemscripts.summary import Notice, Summary


def summarize_check(name: str, config: ImportConfig, warnings: list[Notice]) -> Summary:
    """Return the result of a check of a valid job: that it can run, or what it lacks on this host."""
    gaps = find_gaps(config)
    summary = Summary(headline=f"{name} is valid, but cannot run here" if gaps else f"{name} is valid")
    summary.warn_all(warnings)
    for gap in gaps:
        summary.problem(gap, ConfigurationError.exit_code)
    return summary


def find_gaps(config: ImportConfig) -> list[str]:
    """Return what the sources and the target of a job lack on this host, each as a sentence with what to do."""
    gaps: list[str] = []
    try:
        variables.resolve_variables(config.target.database, "target")
    except ConfigurationError as error:
        gaps.append(str(error))
    for number, source in enumerate(config.sources, start=1):
        where = f"source {number} ({source.type})"
        try:
            options = variables.resolve_variables(source.options, where)
        except ConfigurationError as error:
            gaps.append(str(error))
            continue
        if source.type == "local":
            gaps += _find_missing_folder(options, where)
    return gaps


def _find_missing_folder(options: dict[str, Any], where: str) -> list[str]:
    path = str(options.get("path") or "")
    folder = settings.current().etl_data_dir / path
    if not path or folder.is_dir():
        return []
    fault = "is not a folder" if folder.exists() else "does not exist"
    return [f"{where}: {folder} {fault}. Create the folder, or correct path."]
