"""Show one screen: last and next runs, problems, waiting files, warnings, sizes."""

from __future__ import annotations

from systemscripts.job import Summary, job


@job(database=False, alert=False)
def status() -> Summary:
    """Show last and next runs, lasting problems, what is running and waiting, warnings, sizes and the version.

    It also works while the database is down, and then says so.

    Examples:
        status.py
    """
    import platform

    from systemscripts import db_utils, settings
    from systemscripts.db_utils import migrations
    from systemscripts.directory_management import Directories
    from systemscripts.errors import EtlError
    from systemscripts.monitoring import status_screen

    directories = Directories(settings.current().etl_data_dir)
    connection, trouble = None, ""
    try:
        connection = db_utils.connect(purpose="status")
        migrations.apply_pending(connection)
        screen = status_screen.gather_screen(directories, connection)
    except EtlError as error:
        trouble = str(error)
        screen = status_screen.gather_screen(directories, None, trouble)
    finally:
        if connection is not None:
            connection.close()
    summary = Summary(rows=screen.pipelines, details=["", *screen.lines()])
    moment = f"{settings.now():%a %Y-%m-%d %H:%M %Z}"
    summary.headline = f"Client ETL Workflow {settings.read_version()} on {platform.node()}, {moment}\n"
    return summary


if __name__ == "__main__":
    status.main()
