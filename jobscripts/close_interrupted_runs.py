"""Close what killed runs have left."""

from __future__ import annotations

from systemscripts.job import Summary, count_closed_runs, job


@job(alert=False, sends_alerts=True)
def close_interrupted_runs() -> Summary:
    """Close the runs whose process was killed: their alert goes out, their log reaches the database.

    Every script does so at its start. The wrapper runs this one when a script died of a signal, so that nobody has to
    wait for the next start.

    Examples:
        close_interrupted_runs.py
    """
    found = count_closed_runs()
    return Summary(headline=f"{found} interrupted run{'' if found == 1 else 's'} closed")


if __name__ == "__main__":
    close_interrupted_runs.main()
