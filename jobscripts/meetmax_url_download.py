"""Download the company list of each MeetMax event that publishes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.sources.meetmax import download

LISTS = """
    select eventid::integer, downloadlink from public.tmeetmaxurlcheck
    where isdownloadable = '1' and eventid ~ '^[0-9]+$' order by eventid::integer
"""


@job(lock="")
def meetmax_url_download(
    events: Annotated[str, typer.Option(help="Only these ids and ranges.")] = "",
    delay: Annotated[float | None, typer.Option(help="Seconds between two downloads.", min=0)] = None,
) -> Summary:
    """Download every company list that the last checks found, into file_watcher/.

    What is not a spreadsheet is reported with its reason and leaves no file; one list that fails does not stop the
    others.

    Examples:
        meetmax_url_download.py
        meetmax_url_download.py --events 119179-119184 --delay 2
    """
    import time

    import requests

    from systemscripts import progress, settings
    from systemscripts.directory_management import Directories
    from systemscripts.sources.meetmax import download

    wanted, directories = settings.current(), Directories(settings.current().etl_data_dir)
    pause = wanted.meetmax_delay_seconds if delay is None else delay
    lists, stamp = _lists(events), settings.file_stamp()
    found: list[download.DownloadResult] = []
    with requests.Session() as session, progress.track("company lists", len(lists), "lists") as tracker:
        for number, (event, link) in enumerate(lists):
            if number:
                time.sleep(pause)
            target = directories.file_watcher / f"{stamp}_MeetMax_{event}.xls"
            found.append(
                download.download(
                    event, link, target, temporary_folder=directories.temporary, session=session,
                    site=wanted.meetmax_base_url,
                    user_agent=wanted.meetmax_user_agent, attempts=wanted.meetmax_retries + 1,
                )
            )  # fmt: skip
            tracker.advance()
    download.write_download_results(
        found, directories.logs / f"{stamp}_MeetMaxURLDownload_results.csv", directories.temporary
    )
    return _summary(found)


def _lists(events: str) -> list[tuple[int, str]]:
    """Event and address of each list that the newest check of the event found."""
    import contextlib

    from systemscripts import db_utils
    from systemscripts.sources.meetmax import events as event_ids

    wanted = set(event_ids.parse_event_ids(events)) if events else None
    with (
        contextlib.closing(db_utils.connect(purpose="meetmax_url_download")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        cursor.execute("select to_regclass('public.tmeetmaxurlcheck')")
        if cursor.fetchone() == (None,):
            return []
        cursor.execute(LISTS)
        return [(event, link) for event, link in cursor.fetchall() if not wanted or event in wanted]


def _summary(found: list[download.DownloadResult]) -> Summary:
    from systemscripts.errors import BadDataError, TryLaterError

    saved = [result for result in found if result.saved]
    summary = Summary(headline=f"{len(saved)} of {len(found)} lists downloaded", files=len(saved))
    for result in found:
        if not result.saved:
            code = BadDataError.exit_code if result.Bytes else TryLaterError.exit_code
            summary.problem(f"event {result.EventID}: {result.Status}", code)
    if not found:
        summary.headline = "nothing to do: no check has found a list"
        summary.next_steps.append("meetmax_url_check.py, then generic_import.py meetmax_urls")
    elif saved:
        summary.next_steps.append("generic_import.py meetmax_events")
    return summary


if __name__ == "__main__":
    meetmax_url_download.main()
