"""Find the MeetMax event pages that exist and publish a company list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, defer_signals, job

if TYPE_CHECKING:
    from pathlib import Path

    from systemscripts.directory_management import Directories
    from systemscripts.sources.meetmax.checked_events import CheckedEvents
    from systemscripts.sources.meetmax.results import ScanOutcome

# the results of a stopped scan, in file_watcher/file_watcher_temp/
RESULTS = "meetmax_url_check.jsonl"


@job(lock="", time_limit_hours=24 * 14)
def meetmax_url_check(
    events: Annotated[str, typer.Option(help="Ids and ranges, or known+N.")] = "known+500",
    base_url: Annotated[str, typer.Option(help="Address of an event page, {id} for the event.")] = "",
    delay: Annotated[float | None, typer.Option(help="Seconds between two requests.", min=0)] = None,
    max_hours: Annotated[
        float | None, typer.Option(help="Stop after this time; the next run continues.", min=0)
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Discard the result of a stopped scan.")] = False,
    accept_drop: Annotated[
        bool, typer.Option("--accept-drop", help="Accept a scan in which many events are gone or have the same page.")
    ] = False,
) -> Summary:
    """Request the event pages of MeetMax, one at a time, and write the result to file_watcher/.

    A stopped scan resumes where it was. A scan fails and changes nothing if the site shows other pages than event pages
    (maintenance, a login, many known events gone at once).

    Examples:
        meetmax_url_check.py
        meetmax_url_check.py --events 119179-119184,120001 --delay 2
    """
    from systemscripts import progress, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import ConfigurationError
    from systemscripts.sources.meetmax import event_ids, results, spider

    current, directories = settings.current(), Directories(settings.current().etl_data_dir)
    path = directories.temporary / RESULTS
    if restart:
        path.unlink(missing_ok=True)
    first = event_ids.parse_event_ids(current.meetmax_first_events) if current.meetmax_first_events else []
    known = _load_known_events()
    if not (first or known.seen or events[:1].isdecimal()):
        raise ConfigurationError(
            "no event is known, and MEETMAX_FIRST_EVENTS is not set", "Set it, such as 119000-119999."
        )
    ids = event_ids.select_events(events, known.seen, first, known.unanswered)
    with (
        defer_signals() as stop_requested,
        progress.track("MeetMax pages", len(results.events_without_answer(ids, path)), "pages") as tracker,
    ):
        outcome = spider.scan(
            ids,
            base_url or current.meetmax_base_url,
            path,
            delay_seconds=current.meetmax_delay_seconds if delay is None else delay,
            user_agent=current.meetmax_user_agent,
            timeout_seconds=current.meetmax_timeout_seconds,
            retries=current.meetmax_retries,
            max_seconds=(current.meetmax_max_hours if max_hours is None else max_hours) * 3600,
            progress=lambda done: tracker.advance(done - tracker.done),
            should_stop=stop_requested,
            accepts_same_pages=accept_drop,
        )
    is_whole = events.startswith("known")
    return _summarize(outcome, path, directories, None if accept_drop else known.titles, is_whole)


def _load_known_events() -> CheckedEvents:
    """Return what earlier checks found."""
    import contextlib

    from systemscripts import db_utils
    from systemscripts.sources.meetmax import checked_events

    with contextlib.closing(db_utils.connect(purpose="meetmax_url_check")) as connection:
        return checked_events.load_checked_events(connection)


def _summarize(
    outcome: ScanOutcome, path: Path, directories: Directories, titles: dict[int, str] | None, is_whole: bool
) -> Summary:
    from systemscripts import settings
    from systemscripts.sources.meetmax import checked_events, page_kinds, results, site_check

    newest = results.newest_results(path)
    repeated = {} if titles is None else site_check.find_repeated_pages(newest, titles)
    site_check.refuse_bad_scan(path, outcome, len(repeated), titles)
    failures = outcome.failures | ({page_kinds.SAME_PAGE: len(repeated)} if repeated else {})
    summary = Summary(files=0)
    summary.headline = (
        f"{outcome.answered} of {outcome.asked} pages: {outcome.existing} exist, {outcome.downloadable} with a list, "
        f"{outcome.invalid} are not an event"
    )
    if failures:
        summary.warn("pages_failed", f"failed: {site_check.list_failures(failures)}")
    if not outcome.complete:
        left = outcome.asked - outcome.answered
        summary.warn("scan_incomplete", f"{outcome.ended}: the next run continues with the other {left}")
        return summary
    name = f"{settings.format_file_stamp()}_MeetMaxURLCheck.csv"
    results.write_results_csv(path, directories.file_watcher / name, repeated)
    if not is_whole:
        checked_events.register_chosen(directories.file_watcher / name, directories)
    path.unlink()
    summary.files = 1
    summary.next_steps.append(format_command("generic_import", "meetmax_urls"))
    return summary


if __name__ == "__main__":
    meetmax_url_check.main()
