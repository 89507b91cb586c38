"""Close the runs whose process was killed."""

from __future__ import annotations

from systemscripts.job import Summary, count_closed_runs, job


@job(alert=False, sends_alerts=True)
def close_interrupted_runs() -> Summary:
    """Close the runs whose process was killed: send their alert, deliver their log to the database.

    Every script does so at its start. The wrapper runs this one when a signal killed a script, so that the alert does
    not wait for the next start.

    Examples:
        close_interrupted_runs.py
    """
    count = count_closed_runs()
    return Summary(headline=f"{count} interrupted run{'' if count == 1 else 's'} closed")


if __name__ == "__main__":
    close_interrupted_runs.main()
