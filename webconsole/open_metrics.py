"""Write figures as OpenMetrics text (version 1.0), which Prometheus and others collect."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systemscripts import settings
from webconsole import connections
from webconsole.queries import metrics

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


@dataclass
class Gauge:
    """One figure with its samples: labels -> value. A unit is the end of the name."""

    name: str
    text: str
    unit: str = ""
    samples: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float | None, **labels: str) -> None:
        """Add a sample; None adds nothing."""
        if value is not None:
            self.samples[tuple(labels.items())] = value

    def render(self) -> str:
        """Return the lines of the figure."""
        lines = [f"# TYPE {self.name} gauge", *([f"# UNIT {self.name} {self.unit}"] if self.unit else [])]
        lines.append(f"# HELP {self.name} {_escape(self.text)}")
        for labels, value in self.samples.items():
            pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels)
            lines.append(f"{self.name}{{{pairs}}} {value!r}" if pairs else f"{self.name} {value!r}")
        return "\n".join(lines)


def collect_metrics() -> str:
    """Return every figure of this installation as OpenMetrics text."""
    with connections.read_as_etl() as cursor:
        last_runs = metrics.list_last_runs(cursor)
        counts, late = metrics.read_counts(cursor), metrics.list_late(cursor)
    gauges = [*_describe_runs(last_runs), *_describe_counts(counts, late), *_describe_disk()]
    return "\n".join([*(gauge.render() for gauge in gauges), "# EOF\n"])


def _describe_runs(last_runs: list[dict[str, Any]]) -> list[Gauge]:
    success = Gauge("etl_last_success_timestamp_seconds", "When the job last succeeded.", "seconds")
    ended = Gauge("etl_last_run_timestamp_seconds", "When the job last ended, in whatever way.", "seconds")
    duration = Gauge("etl_last_run_duration_seconds", "How long the last run took.", "seconds")
    exit_code = Gauge("etl_last_run_exit_code", "Exit code of the last run, 0 is success.")
    rows = Gauge("etl_last_run_rows", "Rows of the last run by what became of them.")
    for run in last_runs:
        labels = {"job": run["job"], "key": run["lock_key"]}
        success.set(run["succeeded_at"].timestamp() if run["succeeded_at"] else None, **labels)
        ended.set(run["ended_at"].timestamp(), **labels)
        duration.set(run["seconds"], **labels)
        exit_code.set(run["exit_code"], **labels)
        for state in ("read", "loaded", "rejected", "held"):
            rows.set(run[f"rows_{state}"], **labels, state=state)
    return [success, ended, duration, exit_code, rows]


def _describe_counts(counts: Mapping[str, int], late: list[dict[str, Any]]) -> list[Gauge]:
    texts = {
        "waiting": ("etl_files_waiting", "Files that are not loaded yet."),
        "refused": ("etl_files_refused", "Refused files that no later load has resolved."),
        "held": ("etl_datasets_held", "Loads that wait for a decision."),
        "undelivered": ("etl_reports_undelivered", "Reports that the mail server has not accepted yet."),
        "running": ("etl_runs_running", "Runs in progress."),
    }
    gauges = []
    for key, (name, text) in texts.items():
        gauges.append(Gauge(name, text))
        gauges[-1].set(counts[key])
    late_files = Gauge("etl_files_late", "Due times that no file has met yet, by import.")
    for row in late:
        late_files.set(row["late"], **{"import": row["config_name"]})
    size = Gauge("etl_database_size_bytes", "Size of the database.", "bytes")
    size.set(counts["database_bytes"])
    return [*gauges, late_files, size]


def _describe_disk() -> list[Gauge]:
    usage = shutil.disk_usage(Path(settings.current().etl_data_dir))
    free = Gauge("etl_disk_free_bytes", "Free space on the disk of the data folder.", "bytes")
    total = Gauge("etl_disk_total_bytes", "Size of the disk of the data folder.", "bytes")
    free.set(usage.free)
    total.set(usage.total)
    return [free, total]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
