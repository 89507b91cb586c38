"""Check cron: its file, and whether it runs at all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from systemscripts import schedules
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View
from systemscripts.schedules import cron_file, install_cron, own_cron_file
from systemscripts.schedules.install_cron import CronFile

ORDER = 50
KEYS = ("cron_file",)


def find(view: View) -> Iterator[Finding]:
    """Report that cron ignores the file, that it starts something else, or that it is gone after it was there."""
    path = own_cron_file.find_path()
    try:
        line = _check_file(install_cron.compare_file(path, cron_file.render_own()))
    except EtlError as error:
        line = Line.from_error("cron file", error)
    if not path.exists() and not view.is_noted("cron file", str(path)):
        # cron is not used here, or not yet
        return
    view.find_since("cron file", str(path))
    if line.state == FAILURE:
        yield Finding("cron_file", "cron does not start the jobs as it should", line.message, _lower(line.next), "file")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def check(context: Context) -> Iterator[Line]:
    """Yield lines on the file, the daemon and the pauses."""
    if context.settings is None:
        yield Line(WARNING, "cron file", "not checked: the settings are faulty", "Correct the settings first.")
        return
    try:
        expected = cron_file.render_own()
        compared = install_cron.compare_file(context.cron_file, expected)
    except EtlError as error:
        yield Line.from_error("cron file", error)
        return
    yield _check_file(compared)
    yield from _gone_installations()
    if not is_cron_running():
        yield Line(WARNING, "cron", "no cron daemon runs here", "Run: sudo systemctl enable --now cron")
    for pipeline in schedules.list_not_set_up():
        yield Line(
            OK,
            "pipeline",
            f"{pipeline.name} is not set up, so not scheduled; not set: {', '.join(pipeline.unset_settings)}",
        )
    with suppress(EtlError):
        for pause in schedules.read_pauses(context.directories).values():
            yield Line(
                WARNING,
                "pause",
                str(pause),
                f"To end it, run: {format_command('schedule', 'resume', *([] if pause.name == '*' else [pause.name]))}",
            )


def _check_file(compared: CronFile) -> Line:
    """Return whether cron starts what it should by a file: by its content, mode and owner."""
    if compared.content is None:
        return Line(
            FAILURE,
            "cron file",
            f"{compared.path} does not exist: nothing starts by itself",
            f"Run: {format_command('schedule', 'apply')}",
        )
    if not compared.is_equal:
        return Line(
            FAILURE,
            "cron file",
            f"{compared.path} does not match the pipelines",
            f"Run: {format_command('schedule', 'show')}, then {format_command('schedule', 'apply')}",
        )
    if compared.path.stat().st_mode & 0o022:
        return Line(
            FAILURE,
            "cron file",
            f"{compared.path} can be written by others, so cron ignores it",
            f"Run: sudo chmod 644 {shlex.quote(str(compared.path))}",
        )
    if not _is_owned_by_root(compared.path):
        return Line(
            FAILURE,
            "cron file",
            f"{compared.path} does not belong to root, so cron ignores it",
            f"Run: sudo chown root:root {shlex.quote(str(compared.path))}",
        )
    return Line(OK, "cron file", f"{compared.path} matches the pipelines")


def _gone_installations() -> Iterator[Line]:
    """Yield the cron files of the suite that start an installation that no longer exists."""
    for path in sorted(own_cron_file.CRON_FOLDER.glob(f"{own_cron_file.NAME}*")):
        project = own_cron_file.parse_project(own_cron_file.read_owner(path))
        if own_cron_file.read_owner(path) and not (project / "run_python_etl_script.sh").exists():
            yield Line(
                WARNING,
                "cron file",
                f"{path} starts {project}, which does not exist",
                f"Run: sudo rm {shlex.quote(str(path))}",
            )


def _is_owned_by_root(path: Path) -> bool:
    """Return whether cron accepts the owner: root for a file in /etc/cron.d; a trial file elsewhere has its own."""
    return path.stat().st_uid == 0 or path.parent.stat().st_uid != 0


def is_cron_running() -> bool:
    """Return whether a cron daemon runs on this host (proc(5))."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() in ("cron", "crond"):
                return True
    return False
