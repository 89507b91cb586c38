"""Downloads from a real local server: what becomes a file, what becomes a result with a reason."""

from __future__ import annotations

import csv
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path

import pytest

from demo import meetmax_server, meetmax_site
from demo.meetmax_server import CUT, EMPTY, ERROR, ERROR_PAGE, INVALID_ID, TOO_MANY, MeetMaxServer
from systemscripts import retries
from systemscripts.sources.meetmax import download, spreadsheet_check

PATH = "/sched/event_119179/__co-list_cp.xls"


@pytest.fixture
def site() -> Iterator[MeetMaxServer]:
    with MeetMaxServer(hiccups={}) as server:
        yield server


def fetch(site: MeetMaxServer, folder: Path, event_id: int = 119179, attempts: int = 3) -> download.DownloadResult:
    url = f"{site.origin}/sched/event_{event_id}/__co-list_cp.xls?event_id={event_id}"
    target = folder / "watcher" / f"list_{event_id}.xls"
    return download.download(
        event_id, url, target, temporary_folder=folder / "temporary", attempts=attempts, backoff_seconds=0.01
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_list_becomes_a_file_with_its_hash(site: MeetMaxServer, tmp_path: Path) -> None:
    actual = fetch(site, tmp_path)
    content = meetmax_site.make_list_file(119179, 1)
    assert (tmp_path / "watcher" / "list_119179.xls").read_bytes() == content
    assert (actual.saved, actual.Bytes, actual.SHA256) == (True, len(content), hashlib.sha256(content).hexdigest())
    assert files(tmp_path) == ["list_119179.xls"]


@pytest.mark.parametrize("event_id", [119191, 119195, 119186])
def test_new_excel_html_and_empty_lists_are_lists(site: MeetMaxServer, tmp_path: Path, event_id: int) -> None:
    assert fetch(site, tmp_path, event_id).saved


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ERROR_PAGE, "an HTML error page (Server Error)"),
        (INVALID_ID, "Invalid Event ID"),
        (EMPTY, "empty file"),
        (ERROR, "HTTP 500"),
        ("404", "HTTP 404"),
    ],
)
def test_what_is_no_list_is_a_result_with_its_reason_and_no_file(
    site: MeetMaxServer, tmp_path: Path, fault: str, reason: str
) -> None:
    site.faults[PATH] = fault
    actual = fetch(site, tmp_path)
    assert (actual.saved, actual.Status) == (False, reason)
    assert files(tmp_path) == []


def test_a_list_shorter_than_announced_is_no_file(site: MeetMaxServer, tmp_path: Path) -> None:
    site.faults[PATH] = CUT
    size = len(meetmax_site.make_list_file(119179, 1))
    assert fetch(site, tmp_path).Status == f"truncated: {size // 2} of {size} bytes"
    assert (files(tmp_path), site.requests[PATH]) == ([], 3)


@pytest.mark.parametrize("fault", [TOO_MANY, ERROR, CUT])
def test_a_passing_fault_is_forgotten(site: MeetMaxServer, tmp_path: Path, fault: str) -> None:
    site.hiccups[PATH] = fault
    assert fetch(site, tmp_path).saved
    assert site.requests[PATH] == 2


def test_retry_after_is_honoured(site: MeetMaxServer, tmp_path: Path) -> None:
    site.hiccups[PATH] = TOO_MANY
    fetch(site, tmp_path)
    first, second = (moment for moment, _, _ in site.log)
    assert 1.0 <= second - first < 3


def test_a_permanent_answer_is_asked_for_once(site: MeetMaxServer, tmp_path: Path) -> None:
    site.faults[PATH] = "404"
    fetch(site, tmp_path)
    assert site.requests[PATH] == 1


def test_a_server_that_is_away_is_a_result(site: MeetMaxServer, tmp_path: Path) -> None:
    site.stop()
    assert fetch(site, tmp_path, attempts=2).Status == "ConnectionError"


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another server, which notes who comes and answers with a list."""

    asked: list[str] = []
    leads_to = ""  # a redirect, where it is one

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302 if self.leads_to and self.path != "/list.xls" else 200)
        if self.leads_to:
            self.send_header("Location", self.leads_to)
        self.end_headers()
        self.wfile.write(meetmax_site.make_list_file(119179, 1))

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


@pytest.fixture
def elsewhere() -> Iterator[int]:
    Elsewhere.asked, Elsewhere.leads_to = [], ""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{port}/list.xls", "http://127.0.0.1:{port}\\@www.meetmax.test/list.xls",
        "http://www.meetmax.test@127.0.0.1:{port}/list.xls", "file:///etc/passwd", "//127.0.0.1:{port}/list.xls", "http://[",
    ],
)  # fmt: skip
def test_a_link_to_another_host_is_not_followed(elsewhere: int, tmp_path: Path, link: str) -> None:
    actual = download.download(
        1, link.format(port=elsewhere), tmp_path / "list.xls", temporary_folder=tmp_path / "temporary",
        site="http://www.meetmax.test/sched/event_{id}/", attempts=1,
    )  # fmt: skip
    assert actual.Status.startswith("a link to another site (") and not actual.saved
    assert Elsewhere.asked == [] and files(tmp_path) == []


@pytest.mark.parametrize("leads_to", ["http://localhost:{port}/list.xls", "http://127.0.0.1:1/", "/list.xls", "/round"])
def test_a_redirect_is_followed_within_the_site_only(elsewhere: int, tmp_path: Path, leads_to: str) -> None:
    Elsewhere.leads_to = leads_to.format(port=elsewhere)
    url = f"http://127.0.0.1:{elsewhere}/first"
    actual = download.download(1, url, tmp_path / "list.xls", temporary_folder=tmp_path / "temporary", attempts=1)
    assert actual.saved is (leads_to == "/list.xls")
    reason = {"/list.xls": "downloaded", "/round": "more than 5 redirects"}.get(leads_to, "a link to another site (")
    assert actual.Status.startswith(reason)
    assert ("/list.xls" in Elsewhere.asked) is actual.saved


def test_an_old_target_survives_a_failed_download(site: MeetMaxServer, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    site.faults[PATH] = ERROR_PAGE
    assert not fetch(site, tmp_path).saved
    assert (tmp_path / "watcher" / "list_119179.xls").read_bytes() == meetmax_site.make_list_file(119179, 1)


def test_the_results_are_a_csv_in_the_order_of_the_downloads(tmp_path: Path) -> None:
    actual = [
        download.DownloadResult(7, "http://x/7", "downloaded", 12, "ab"),
        download.DownloadResult(3, "u", "no, not"),
    ]
    target = tmp_path / "logs" / "20260302T070000_MeetMaxURLDownload_results.csv"
    download.write_download_results(actual, target)
    with target.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["EventID", "DownloadURL", "Status", "Bytes", "SHA256"]
    assert rows[1:] == [["7", "http://x/7", "downloaded", "12", "ab"], ["3", "u", "no, not", "0", ""]]
    assert files(tmp_path) == [target.name]


def zip_with(name: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as container:
        container.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zip_with("xl/workbook.xml"), ""),
        (zip_with("xl/workbook.bin"), ""),
        (zip_with("word/document.xml"), "a zip file without a workbook"),
        (zip_with("xl/workbook.xml")[:-30], "a damaged zip file"),
        (spreadsheet_check.OLE_MAGIC + bytes(600), "an OLE file without a workbook"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither a workbook nor HTML"),
        (b"  \n ", "empty file"),
        (b"Company;Ticker\nA;B\n", "text, but not HTML"),
        (b"<TABLE><TR><TD>Company</TABLE>", ""),
        ("<table><tr><th>Firma</th></tr></table>".encode("utf-16"), ""),
        (b"<html><body><p>No list", "an HTML page without a table"),
        (b"<title>Log in</title><table><tr><td><input type=password></table>", "an HTML error page (Log in)"),
        (b"<div class='alert alert-danger'>Sorry</div><table><tr><td>x</table>", "an HTML error page"),
        (b"<div class='alert alert-danger'>Invalid Event ID: 5</div>", "Invalid Event ID"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",  # a zip carries the time
)
def test_the_content_decides_what_a_spreadsheet_is(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "list.xls"
    path.write_bytes(content)
    assert spreadsheet_check.explain_fault(path) == reason


def test_pauses_double_up_to_a_minute() -> None:
    assert [retries.compute_pause(failed, 1.0) for failed in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_pauses_differ_but_are_never_shorter() -> None:
    pauses = [retries.choose_pause(3, 1.0) for _ in range(20)]
    assert 8.0 <= min(pauses) < max(pauses) <= 10.0


def test_retry_after_may_be_seconds_or_a_date_or_nonsense() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retries.parse_retry_after("120") == 120
    assert 25 < retries.parse_retry_after(soon) <= 30
    assert retries.parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [retries.parse_retry_after(text) for text in (None, "", "soon", "-5")] == [0.0] * 4


def test_the_server_of_the_demo_knows_every_path_of_its_hiccups() -> None:
    assert set(meetmax_server.HICCUPS) <= set(meetmax_site.build_site(1))
