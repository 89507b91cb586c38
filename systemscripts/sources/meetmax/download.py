"""Download one company list, and refuse everything that is not a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import logging
import os
import time
from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin

from systemscripts import retries
from systemscripts.sources.meetmax import pages, results, spreadsheet_check

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

COLUMNS = ("EventID", "DownloadURL", "Status", "Bytes", "SHA256")
DOWNLOADED = "downloaded"
FETCHED_BEFORE = "downloaded by the previous run"
NOT_ASKED = "not requested: the site is not serving lists"
RESULTS_SUFFIX = "_MeetMaxURLDownload_results.csv"
# After so many failed lists in a row, the others are left to the next run.
GIVE_UP_AFTER = 10
# A run that gave up longer ago is not resumed, since its lists may have changed.
RESUME_HOURS = 24.0
USER_AGENT = "client-etl-workflow (weekly check of published company lists)"
# seconds to connect, and seconds without data while reading
TIMEOUTS = (10.0, 60.0)
# A server that sends a byte a minute never exceeds a timeout.
MAX_DOWNLOAD_SECONDS = 900.0
# A company list has about 100 KB.
MAX_BYTES = 256 * 2**20
# The redirects of the site need one.
MAX_REDIRECTS = 5
CHUNK_BYTES = 64 * 2**10
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class DownloadResult:
    """One line of the results of the downloads. `Status`: `downloaded`, or the reason why there is no file."""

    EventID: int
    DownloadURL: str
    Status: str
    Bytes: int = 0
    SHA256: str = ""
    # whether the site and not only this list may be faulty; not a column of the results
    is_site_fault: bool = field(default=False, compare=False)

    @property
    def saved(self) -> bool:
        """Whether the file is at its target."""
        return self.Status == DOWNLOADED


class AnswerError(Exception):
    """The response is not a list; the text says why. `is_site_fault`: other lists may fail in the same way."""

    def __init__(self, reason: str, is_site_fault: bool = False) -> None:
        super().__init__(reason)
        self.is_site_fault = is_site_fault


class TemporaryAnswerError(AnswerError):
    """A response that may be better at the next attempt, at the earliest in `requested_seconds`."""

    def __init__(self, reason: str, requested_seconds: float = 0.0) -> None:
        super().__init__(reason, is_site_fault=True)
        self.requested_seconds = requested_seconds


def download(
    event_id: int,
    url: str,
    target: Path,
    *,
    temporary_folder: Path,
    site: str = "",
    user_agent: str = USER_AGENT,
    session: requests.Session | None = None,
    attempts: int = 5,
    backoff_seconds: float = 1.0,
    timeouts: tuple[float, float] = TIMEOUTS,
    key_headers: Set[str] = frozenset(),
) -> DownloadResult:
    """Download `url` to `target` and return the result. `target` is complete or does not exist.

    `temporary_folder`: for the incomplete file, on the same file system as `target`. `site`: an address of the only
    host that may be requested, also after redirects; by default that of `url`. `session`: keeps one connection for many
    lists. `attempts`: after 429, 5xx and lost connections, with a pause of `backoff_seconds` that doubles, or that of
    Retry-After if it is longer. `timeouts`: seconds to connect, seconds between two reads. `key_headers`: see
    `spreadsheet_check`. If the content is not a spreadsheet, or is the list of another event, the result has the reason
    and there is no file. Raises OSError when the file cannot be written.
    """
    import requests

    temporary_folder.mkdir(parents=True, exist_ok=True)
    temporary = temporary_folder / f".{target.name}.{os.getpid()}.part"
    own = session or requests.Session()
    try:
        for attempt in retries.build_attempts(f"event {event_id}", attempts, backoff_seconds, _is_temporary):
            with attempt:
                size, digest = _fetch(own, event_id, url, site or url, user_agent, timeouts, temporary)
        if reason := spreadsheet_check.explain_fault(temporary, key_headers):
            return DownloadResult(event_id, url, reason, size, digest, reason.startswith("an HTML"))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        return DownloadResult(event_id, url, DOWNLOADED, size, digest)
    except AnswerError as error:
        return DownloadResult(event_id, url, str(error), is_site_fault=error.is_site_fault)
    except requests.RequestException as error:
        log.debug("Event %s: %s", event_id, error, exc_info=True)
        return DownloadResult(event_id, url, type(error).__name__, is_site_fault=True)
    finally:
        temporary.unlink(missing_ok=True)
        if session is None:
            own.close()


def write_download_results(
    downloads: Iterable[DownloadResult], csv_path: Path, temporary_folder: Path | None = None
) -> None:
    """Write the results as CSV in the given order, atomically. Raises OSError."""
    folder = temporary_folder or csv_path.parent
    folder.mkdir(parents=True, exist_ok=True)
    results.write_csv_atomically(csv_path, COLUMNS, map(asdict, downloads), folder)


def find_fetched(folder: Path, now: datetime) -> set[int]:
    """Return the events whose lists the last run downloaded before it gave up, if that is less than a day ago."""
    newest = max(folder.glob(f"*{RESULTS_SUFFIX}"), default=None)
    stamp = newest.name.removesuffix(RESULTS_SUFFIX) if newest else ""
    if newest is None or stamp < f"{now - timedelta(hours=RESUME_HOURS):%Y%m%dT%H%M%S}":
        return set()
    with newest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    gave_up = any(row["Status"] == NOT_ASKED for row in rows)
    return {int(row["EventID"]) for row in rows if row["Status"] in (DOWNLOADED, FETCHED_BEFORE)} if gave_up else set()


def _is_temporary(error: BaseException) -> bool:
    import requests

    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, TemporaryAnswerError)
    return isinstance(error, lost) and not isinstance(error, requests.exceptions.SSLError)


def _fetch(
    session: requests.Session,
    event_id: int,
    url: str,
    site: str,
    user_agent: str,
    timeouts: tuple[float, float],
    path: Path,
) -> tuple[int, str]:
    """Write one response to `path`, also to the disk. Return its size in bytes and its SHA-256."""
    import requests

    with _ask(session, url, site, user_agent, timeouts) as response:
        _check_status(response)
        if not pages.is_of_event(response.url, event_id):
            where = response.url.partition("?")[0][-100:]
            raise AnswerError(f"redirected to another event: {where}", is_site_fault=True)
        announced = response.headers.get("Content-Length", "")
        with path.open("wb") as file:
            try:
                size, digest = _copy(response, file)
                complete = True
            except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError):
                complete = False
            file.flush()
            os.fsync(file.fileno())
        # bytes as sent, before decompression
        received = response.raw.tell()
    if not complete or (announced.isdigit() and received < int(announced)):
        raise TemporaryAnswerError(f"truncated: {received} of {announced or 'unknown'} bytes")
    return size, digest


def _ask(
    session: requests.Session, url: str, site: str, user_agent: str, timeouts: tuple[float, float]
) -> requests.Response:
    """Return the response to a link, after redirects. Raises AnswerError for a redirect to another site."""
    for _ in range(MAX_REDIRECTS + 1):
        _check_host(url, site)
        response = session.get(
            url, headers={"User-Agent": user_agent}, stream=True, timeout=timeouts, allow_redirects=False
        )
        following = session.get_redirect_target(response)
        if following is None:
            return response
        response.close()
        url = urljoin(response.url, following)
    raise AnswerError(f"more than {MAX_REDIRECTS} redirects")


def _check_host(url: str, site: str) -> None:
    """Raise AnswerError unless a link leads to the host of the site, with or without TLS, at the same port."""
    # Use the parser of requests, since others find another host in http://a\\@b/.
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    def parse_host(text: str) -> tuple[str | None, int | None]:
        address = parse_url(text)
        if address.scheme not in DEFAULT_PORTS or not address.host or address.auth:
            raise LocationParseError(text)
        is_default = address.port in (None, DEFAULT_PORTS[address.scheme])
        return address.host, None if is_default else address.port

    try:
        is_ours = parse_host(url) == parse_host(site)
    except LocationParseError:
        is_ours = False
    if not is_ours:
        raise AnswerError(f"a link to another site ({url.partition('?')[0][:100]})", is_site_fault=True)


def _check_status(response: requests.Response) -> None:
    """Raise AnswerError unless the status is 200."""
    status = response.status_code
    if status == 429 or status == 408 or status >= 500:
        requested = retries.find_requested_pause(status, response.headers.get)
        raise TemporaryAnswerError(f"HTTP {status}", min(requested, retries.MAX_REQUESTED_SECONDS))
    if status != 200:
        raise AnswerError(f"HTTP {status}")


def _copy(response: requests.Response, file: BinaryIO) -> tuple[int, str]:
    """Copy the body to a file, within the limits of time and size. Return its size in bytes and its SHA-256."""
    started, size, digest = time.monotonic(), 0, hashlib.sha256()
    for chunk in response.iter_content(CHUNK_BYTES):
        size += len(chunk)
        digest.update(chunk)
        file.write(chunk)
        if size > MAX_BYTES:
            raise AnswerError(f"more than {MAX_BYTES} bytes")
        if time.monotonic() - started > MAX_DOWNLOAD_SECONDS:
            raise AnswerError(f"not finished after {MAX_DOWNLOAD_SECONDS:.0f} s")
    return size, digest.hexdigest()
