"""Find problems that no run can report itself: missed runs, full disks, missing backups, expiring certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection
    from systemscripts.directory_management import Directories


@job(lock="", database=False, time_limit_hours=0.5)
def watchdog() -> Summary:
    """Check the installation and alert about problems: at once, weekly while they last, and when they are resolved.

    Cron runs it each hour. It needs no database, and succeeds even if it finds problems; it sends those as alerts.

    Examples:
        watchdog.py
    """
    from systemscripts import alerts, settings
    from systemscripts.directory_management import Directories
    from systemscripts.monitoring import ping_url, watchdog_checks
    from systemscripts.monitoring import watchdog_view as views
    from systemscripts.schedules import coming_runs

    directories = Directories(settings.current().etl_data_dir)
    connection, trouble = _connect(directories)
    try:
        view = views.build_view(directories, connection)
        findings, unseen = watchdog_checks.find_problems(view)
        retired_jobs = list(watchdog_checks.find_retired_jobs(view))
        alerts.settle_decided(connection, directories)
        if connection is not None:
            coming_runs.note_coming_runs(connection, directories)
    finally:
        if connection is not None:
            connection.close()
    # first, or a reminder would be sent before the last message
    for state, reason in retired_jobs:
        alerts.retire_job(state.job, state.key, reason, directories)
    alerts.record_findings(findings, directories, unseen)
    problems = [f"{finding.title}: {finding.error}" for finding in findings] + ([trouble] if trouble else [])
    ping_url.send_ping(problems)
    number = len(problems)
    summary = Summary(headline=f"{number} problem{'' if number == 1 else 's'}" if problems else "all is well")
    for text in problems:
        summary.warn("installation_at_fault", text)
    summary.next_steps = [finding.hint for finding in findings]
    return summary


def _connect(directories: Directories) -> tuple[Connection | None, str]:
    """Return a connection; or None, and why."""
    from systemscripts import alerts, db_utils
    from systemscripts.db_utils import migrations
    from systemscripts.errors import EtlError

    try:
        connection = db_utils.connect(purpose="watchdog")
        migrations.apply_pending(connection)
    except EtlError as error:
        alerts.record_database_down(error, directories)
        cause = alerts.find_cause(error, directories)
        return None, f"{cause.title if cause else 'the database cannot be used'}: {error}"
    alerts.record_database_up(directories)
    return connection, ""


if __name__ == "__main__":
    watchdog.main()
