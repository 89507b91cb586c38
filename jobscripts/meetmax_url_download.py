"""Download the company list of each MeetMax event that publishes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.sources.meetmax import download


@job(lock="")
def meetmax_url_download(
    events: Annotated[str, typer.Option(help="Only these ids and ranges.")] = "",
    delay: Annotated[float | None, typer.Option(help="Seconds between two downloads.", min=0)] = None,
) -> Summary:
    """Download every company list that the last checks found into file_watcher/.

    Anything that is not a list is reported with its reason and not stored; a failed list does not stop the others.
    After ten failures in a row the remaining lists are left to the next run.

    Examples:
        meetmax_url_download.py
        meetmax_url_download.py --events 119179-119184 --delay 2
    """
    import contextlib
    import time

    import requests

    from systemscripts import db_utils, progress, settings
    from systemscripts.directory_management import Directories
    from systemscripts.sources.meetmax import checked_events, download, event_ids

    current, directories = settings.current(), Directories(settings.current().etl_data_dir)
    pause = current.meetmax_delay_seconds if delay is None else delay
    stamp, chosen_ids = settings.format_file_stamp(), event_ids.parse_event_ids(events) if events else []
    with contextlib.closing(db_utils.connect(purpose="meetmax_url_download")) as connection:
        lists = checked_events.load_lists(connection, chosen_ids)
        key_headers = checked_events.load_key_headers(connection)
    fetched = set() if events else download.find_fetched(directories.logs, settings.now())
    results = [
        download.DownloadResult(event, link, download.FETCHED_BEFORE) for event, link in lists if event in fetched
    ]
    lists = [(event, link) for event, link in lists if event not in fetched]
    failed_in_a_row = 0
    with requests.Session() as session, progress.track("company lists", len(lists), "lists") as tracker:
        for number, (event, link) in enumerate(lists):
            if failed_in_a_row >= download.GIVE_UP_AFTER:
                results.append(download.DownloadResult(event, link, download.NOT_ASKED))
                continue
            if number:
                time.sleep(pause)
            target = directories.file_watcher / f"{stamp}_MeetMax_{event}.xls"
            results.append(
                download.download(
                    event, link, target, temporary_folder=directories.temporary, session=session,
                    site=current.meetmax_base_url,
                    user_agent=current.meetmax_user_agent, key_headers=key_headers,
                    # after a list that failed in all its attempts, one attempt shows whether the site still fails
                    attempts=1 if failed_in_a_row else current.meetmax_retries + 1,
                )
            )  # fmt: skip
            failed_in_a_row = failed_in_a_row + 1 if results[-1].is_site_fault else 0
            tracker.advance()
    download.write_download_results(
        results, directories.logs / f"{stamp}{download.RESULTS_SUFFIX}", directories.temporary
    )
    return _summarize(results)


def _summarize(results: list[download.DownloadResult]) -> Summary:
    from systemscripts.errors import BadDataError, TryLaterError
    from systemscripts.sources.meetmax import download

    saved = [result for result in results if result.saved]
    before = sum(result.Status == download.FETCHED_BEFORE for result in results)
    summary = Summary(headline=f"{len(saved)} of {len(results)} lists downloaded", files=len(saved))
    summary.headline += f", {before} by the run before" if before else ""
    left = [result for result in results if result.Status == download.NOT_ASKED]
    tried = [result for result in results if result.Status not in (download.NOT_ASKED, download.FETCHED_BEFORE)]
    if left:
        last = tried[-1]
        summary.problem(
            f"MeetMax gives no lists: {download.GIVE_UP_AFTER} in a row failed, the last one, event {last.EventID}: "
            f"{last.Status}; {len(left)} were not requested, the next run continues with them",
            TryLaterError.exit_code,
        )
        tried = tried[: -download.GIVE_UP_AFTER]
    for result in tried:
        if not result.saved:
            code = BadDataError.exit_code if result.Bytes else TryLaterError.exit_code
            summary.problem(f"event {result.EventID}: {result.Status}", code)
    if not results:
        summary.headline = "nothing to do: no check has found a list"
        summary.next_steps.append(
            f"{format_command('meetmax_url_check')}, then {format_command('generic_import', 'meetmax_urls')}"
        )
    elif saved:
        summary.next_steps.append(format_command("generic_import", "meetmax_events"))
    return summary


if __name__ == "__main__":
    meetmax_url_download.main()
