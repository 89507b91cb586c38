"""Say how fresh an import is: when it last loaded, when its next load is due, and whether one is late."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from systemscripts import schedules, settings
from systemscripts.configuration.arrival import to_cron
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.errors import EtlError
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

logger = logging.getLogger(__name__)
# how long after its time a load may be missing
GRACE = timedelta(hours=2)
# pipelines are files: they are read again after this time
KEEP_SECONDS = 30.0
_known: dict[str, tuple[float, list[Pipeline]]] = {}


@dataclass(frozen=True)
class Freshness:
    """Of one import: `tone` is good, warn (the last load is missing) or bad (more than one is)."""

    loaded_at: datetime | None
    next_at: datetime | None
    tone: str


def load_freshness(cursor: Cursor) -> dict[str, Freshness]:
    """Return how fresh each import is, by its name; `cursor`: of the login etl."""
    rows = connections.fetch_rows(
        cursor,
        """select c.config_name, c.datasource, c.is_active, c.expected ->> 'every' as every, (
               select f.status_at from dba.tfile f where f.config_name = c.config_name
                   and f.status in ('loaded', 'unchanged', 'duplicate') order by f.status_at desc limit 1) as loaded_at
           from dba.timportconfig c""",
    )
    pipelines = _load_pipelines()
    return {row["config_name"]: _judge(row, pipelines) for row in rows}


def merge(several: list[Freshness]) -> Freshness | None:
    """Return the freshness of a table that several imports fill: the newest load, the next one, the worst tone."""
    if not several:
        return None
    loaded = [item.loaded_at for item in several if item.loaded_at]
    coming = [item.next_at for item in several if item.next_at]
    tone = max((item.tone for item in several), key=["plain", "good", "warn", "bad"].index)
    return Freshness(max(loaded, default=None), min(coming, default=None), tone)


def _judge(row: dict[str, Any], pipelines: list[Pipeline]) -> Freshness:
    loaded_at, now = row["loaded_at"], settings.now()
    schedule = _find_schedule(row, pipelines)
    if not schedule or not row["is_active"]:
        return Freshness(loaded_at, None, "plain")
    last = schedules.find_last_expected(schedule, now - GRACE)
    before = schedules.find_last_expected(schedule, last)
    next_at = schedules.find_next_run(schedule, now)
    if loaded_at is None:
        return Freshness(None, next_at, "plain")
    # a file that came somewhat early belongs to the time after it
    tone = "good" if loaded_at >= last - GRACE else "warn" if loaded_at >= before - GRACE else "bad"
    return Freshness(loaded_at, next_at, tone)


def _find_schedule(row: dict[str, Any], pipelines: list[Pipeline]) -> str:
    """Return the cron schedule of an import: as declared, else of the pipeline that loads it, else ""."""
    if row["every"]:
        return to_cron(row["every"])
    for pipeline in pipelines:
        for step in pipeline.steps:
            names = (row["config_name"], row["datasource"])
            if step.job == "generic_import" and any(name in step.arguments for name in names if name):
                return pipeline.schedule
    return ""


def _load_pipelines() -> list[Pipeline]:
    until, pipelines = _known.get("pipelines", (0.0, []))
    if time.monotonic() > until:
        try:
            pipelines = schedules.list_scheduled()
        except EtlError as error:
            # a faulty pipeline is reported by doctor and watchdog
            logger.debug("console: pipelines cannot be read: %s", error)
        _known["pipelines"] = (time.monotonic() + KEEP_SECONDS, pipelines)
    return pipelines
