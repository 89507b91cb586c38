"""Cron: its file, and whether it runs at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from systemscripts import schedules
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.schedules import cron_file, install_cron, own_cron_file

ORDER = 50


def check(context: Context) -> Iterator[Line]:
    """The file, the daemon, the pauses."""
    if context.settings is None:
        yield Line(WARNING, "cron file", "not looked at: the settings are faulty", "Correct the settings first.")
        return
    try:
        wanted = cron_file.wanted()
        compared = install_cron.compare(context.cron_file, wanted)
    except EtlError as error:
        yield Line.of("cron file", error)
        return
    if compared.found is None:
        yield Line(
            FAILURE, "cron file", f"{compared.path} is not there: nothing starts by itself", "Run: schedule.py apply"
        )
    elif not compared.equal:
        yield Line(
            FAILURE,
            "cron file",
            f"{compared.path} is not what the pipelines say",
            "Run: schedule.py show, then schedule.py apply",
        )
    elif compared.path.stat().st_mode & 0o022:
        yield Line(
            FAILURE,
            "cron file",
            f"{compared.path} can be written by others, so cron passes over it",
            f"Run: sudo chmod 644 {compared.path}",
        )
    elif not _owned_by_root(compared.path):
        yield Line(
            FAILURE,
            "cron file",
            f"{compared.path} does not belong to root, so cron passes over it",
            f"Run: sudo chown root:root {compared.path}",
        )
    else:
        yield Line(OK, "cron file", f"{compared.path} is what the pipelines say")
    yield from _gone_installations()
    if not running():
        yield Line(WARNING, "cron", "no cron daemon runs here", "Run: sudo systemctl enable --now cron")
    for pipeline in schedules.not_set_up():
        yield Line(
            OK, "pipeline", f"{pipeline.name} is not set up, so not scheduled: no {', '.join(pipeline.unset_settings)}"
        )
    with suppress(EtlError):
        for pause in schedules.pauses(context.directories).values():
            yield Line(
                WARNING, "pause", str(pause), f"schedule.py resume {'' if pause.name == '*' else pause.name} ends it."
            )


def _gone_installations() -> Iterator[Line]:
    """The cron files of the suite that start what is not there any longer."""
    for path in sorted(own_cron_file.CRON_FOLDER.glob(f"{own_cron_file.NAME}*")):
        project = own_cron_file.project_of(own_cron_file.owner(path))
        if own_cron_file.owner(path) and not (project / "run_python_etl_script.sh").exists():
            yield Line(WARNING, "cron file", f"{path} starts {project}, which is not there", f"Run: sudo rm {path}")


def _owned_by_root(path: Path) -> bool:
    """As cron wants it of a file of /etc/cron.d; a trial file in somebody's own folder is his."""
    return path.stat().st_uid == 0 or path.parent.stat().st_uid != 0


def running() -> bool:
    """Whether a cron daemon runs on this host (proc(5))."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() in ("cron", "crond"):
                return True
    return False
