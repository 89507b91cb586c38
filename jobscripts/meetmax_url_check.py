"""Find out which MeetMax event pages exist and publish a company list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, deferred_signals, job

if TYPE_CHECKING:
    from pathlib import Path

    from systemscripts.directory_management import Directories
    from systemscripts.sources.meetmax.results import ScanOutcome

RESULTS = "meetmax_url_check.jsonl"  # what a stopped scan has so far, in file_watcher/file_watcher_temp/


@job(lock="", time_limit_hours=24 * 14)
def meetmax_url_check(
    events: Annotated[str, typer.Option(help="Ids and ranges, or known+N.")] = "known+500",
    base_url: Annotated[str, typer.Option(help="Address of an event page, {id} for the event.")] = "",
    delay: Annotated[float | None, typer.Option(help="Seconds between two requests.", min=0)] = None,
    max_hours: Annotated[float | None, typer.Option(help="Stop after this time; the next run goes on.", min=0)] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what a stopped scan has so far.")] = False,
) -> Summary:
    """Ask MeetMax for its event pages, one at a time, and leave the result in file_watcher/.

    A scan that was stopped goes on where it was.

    Examples:
        meetmax_url_check.py
        meetmax_url_check.py --events 119179-119184,120001 --delay 2
    """
    from systemscripts import progress, settings
    from systemscripts.directory_management import Directories
    from systemscripts.sources.meetmax import events as event_ids
    from systemscripts.sources.meetmax import results, spider

    wanted, directories = settings.current(), Directories(settings.current().etl_data_dir)
    path = directories.temporary / RESULTS
    if restart:
        path.unlink(missing_ok=True)
    first = event_ids.parse_event_ids(wanted.meetmax_first_events)
    ids = event_ids.events_to_check(events, _known_events(), first)
    with (
        deferred_signals() as stop_requested,
        progress.track("MeetMax pages", len(results.events_without_answer(ids, path)), "pages") as tracker,
    ):
        outcome = spider.scan(
            ids,
            base_url or wanted.meetmax_base_url,
            path,
            delay_seconds=wanted.meetmax_delay_seconds if delay is None else delay,
            user_agent=wanted.meetmax_user_agent,
            timeout_seconds=wanted.meetmax_timeout_seconds,
            retries=wanted.meetmax_retries,
            max_seconds=(wanted.meetmax_max_hours if max_hours is None else max_hours) * 3600,
            progress=lambda done: tracker.advance(done - tracker.done),
            should_stop=stop_requested,
        )
    return _summary(outcome, path, directories)


def _known_events() -> list[int]:
    """Every id that ever existed: a title once seen stays when the event goes."""
    import contextlib

    from systemscripts import db_utils

    with (
        contextlib.closing(db_utils.connect(purpose="meetmax_url_check")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        cursor.execute("select to_regclass('public.tmeetmaxurlcheck')")
        if cursor.fetchone() == (None,):
            return []
        cursor.execute(
            "select distinct eventid::integer from public.tmeetmaxurlcheck where ifexists = '1' or title <> ''"
        )
        return [row[0] for row in cursor.fetchall()]


def _summary(outcome: ScanOutcome, path: Path, directories: Directories) -> Summary:
    from systemscripts import settings
    from systemscripts.errors import EtlError
    from systemscripts.sources.meetmax import results

    failures = ", ".join(f"{count} {status}" for status, count in outcome.failures.items())
    if outcome.everything_failed or outcome.ended == results.GAVE_UP:
        what, hint = results.explain_failures(outcome.failures)
        raise EtlError(f"{what}: {failures or 'HTTP 404'} ({outcome.answered} pages asked)", hint)
    summary = Summary(files=0)
    summary.headline = (
        f"{outcome.answered} of {outcome.asked} pages: {outcome.existing} exist, {outcome.downloadable} with a list, "
        f"{outcome.invalid} are no event"
    )
    if failures:
        summary.warn("pages_failed", f"failed: {failures}")
    if not outcome.complete:
        left = outcome.asked - outcome.answered
        summary.warn("scan_incomplete", f"{outcome.ended}: the next run goes on with the other {left}")
        return summary
    name = f"{settings.file_stamp()}_MeetMaxURLCheck.csv"
    results.write_results_csv(path, directories.file_watcher / name)
    path.unlink()
    summary.files = 1
    summary.next_steps.append("generic_import.py meetmax_urls")
    return summary


if __name__ == "__main__":
    meetmax_url_check.main()
