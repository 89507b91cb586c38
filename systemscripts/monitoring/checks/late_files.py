"""Find files that did not come when they were due: as the import declares, or as they always came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from systemscripts.alerts import Finding
from systemscripts.configuration import ImportConfig, load_valid_imports, pipeline_config
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.monitoring.lateness import Late, find_late, find_silence
from systemscripts.monitoring.watchdog_view import View

KEYS = ("late", "silent")
# their files are made here, so that a file that is missing is a run that is missing
FILE_MAKING_JOBS = {"meetmax_url_check", "meetmax_url_download", "generate_sales_data"}
LOOKED_BACK = 40  # files: some months of a weekly feed, and quickly read


def find(view: View) -> Iterator[Finding]:
    """Name each import, and each expected label, whose file is late."""
    connection = view.need_database()
    own = _list_own_imports()
    for config in load_valid_imports(connection)[0]:
        if not config.is_active:
            continue
        if config.expected.every:
            try:
                yield from _find_declared(view, connection, config)
            except ConfigurationError as error:
                title = f"no late file of {config.config_name} can be found"
                yield Finding(f"late {config.config_name} except", title, error.message, error.hint)
        elif config.config_name not in own and _is_fed_from_outside(config):
            yield from _find_learned(view, connection, config)


def _find_declared(view: View, connection: Connection, config: ImportConfig) -> Iterator[Finding]:
    since = view.find_since(f"expected {config.config_name}", config.expected.model_dump_json(by_alias=True))
    for label in config.expected.labels or [""]:
        last = _read_last_arrival(connection, config.config_name, label)
        if late := find_late(config.expected, last, since, view.now):
            _note_late(connection, config.config_name, label, late)
            what = f"{config.config_name} {label}".strip()
            yield _describe(f"late {what}", what, late, f"due {late.due:%a %Y-%m-%d %H:%M}")


def _find_learned(view: View, connection: Connection, config: ImportConfig) -> Iterator[Finding]:
    arrivals = _read_arrivals(connection, config.config_name)
    if arrivals and (late := find_silence(arrivals, view.now)):
        _note_late(connection, config.config_name, "", late)
        usual = f"usually one comes every {(late.due - arrivals[-1]).days or 1} days"
        yield _describe(f"silent {config.config_name}", config.config_name, late, usual)


def _note_late(connection: Connection, config_name: str, label: str, late: Late) -> None:
    """Keep that a file is late, once for each due time: dba.v_sender counts them."""
    with transaction(connection) as cursor:
        cursor.execute(
            "insert into dba.tlatefile (config_name, label, due_at) values (%s, %s, %s) on conflict do nothing",
            (config_name, label, late.due),
        )


def _describe(key: str, what: str, late: Late, why: str) -> Finding:
    last = f"the last one came {late.last:%a %Y-%m-%d %H:%M}" if late.last else "none has come so far"
    hint = "ask the sender; where none is due any longer, change expected: in the import, or set is_active to false"
    return Finding(key, f"a file of {what} is late", f"{why}, {last}", hint, f"{late.due:%Y-%m-%d %H:%M}")


def _read_last_arrival(connection: Connection, config_name: str, label: str) -> datetime | None:
    with transaction(connection) as cursor:
        cursor.execute(
            """select created_at from dba.tfile where config_name = %(name)s and (%(label)s = '' or label = %(label)s)
               order by created_at desc limit 1""",
            {"name": config_name, "label": label},
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _read_arrivals(connection: Connection, config_name: str) -> list[datetime]:
    """Return when the last files of an import came, oldest first."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select created_at from dba.tfile where config_name = %s order by created_at desc limit %s",
            (config_name, LOOKED_BACK),
        )
        return [row[0] for row in reversed(cursor.fetchall())]


def _is_fed_from_outside(config: ImportConfig) -> bool:
    """Whether senders decide when files come: not a YAML job, nor a source that brings what is new."""
    has_own_times = config.job.start_time is not None or config.job.end_time is not None
    return not has_own_times and not config.is_incremental


def _list_own_imports() -> set[str]:
    """Return the imports that a pipeline loads after a job that makes their files."""
    own = set()
    for pipeline in pipeline_config.load_pipelines():
        if any(step.job in FILE_MAKING_JOBS for step in pipeline.steps):
            own |= {step.arguments[0] for step in pipeline.steps if step.job == "generic_import" and step.arguments}
    return own
