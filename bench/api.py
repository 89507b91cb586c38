"""Compares fetching the pages of an HTTP API with `requests` alone, both from one server that takes a while for each.

    .venv/bin/python -m bench.api --pages 100 --delay-ms 50

Ours is the whole command: start-up, each page checked and written to the disk, ledger; the other program asks for the
same pages in one session and writes their records as JSON lines.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from bench import measurement
from bench.installation import Bench, create_installation
from bench.measurement import Run

PAGE_RECORDS = 200
PROGRAM = """
import json, sys
import requests

session, page = requests.Session(), 1
with open(sys.argv[2], "w") as stream:
    while True:
        records = session.get(sys.argv[1], params={"page": page, "per_page": sys.argv[3]}).json()["items"]
        if not records:
            break
        stream.writelines(json.dumps(record) + "\\n" for record in records)
        page += 1
"""


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--delay-ms", type=float, default=50, help="what the server takes for a page")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    url = _start_server(options.pages, options.delay_ms / 1000)
    with create_installation() as bench:
        _configure(bench, url)
        turns = [(_run_requests(bench, url), _run_fetch(bench)) for _ in range(options.repeats + 1)]
    # the first turn is a warm-up
    theirs, ours = ([turn[which] for turn in turns[1:]] for which in (0, 1))
    waited = (options.pages + 1) * options.delay_ms / 1000
    print(f"{options.pages:,} pages of {PAGE_RECORDS} records; the server takes {waited:.2f} s for all")
    print(measurement.format_table([("requests", theirs), ("generic_import", ours)], theirs))


def _start_server(pages: int, delay_seconds: float) -> str:
    """Return the URL of an API whose page after the last one is empty."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # otherwise the body waits until the client has acknowledged the headers
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            first = (page - 1) * PAGE_RECORDS
            numbers = range(first, first + PAGE_RECORDS) if page <= pages else ()
            records = [{"id": number, "name": f"thing {number}", "price": 9.5} for number in numbers]
            content = json.dumps({"items": records}).encode()
            time.sleep(delay_seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/things"


def _configure(bench: Bench, url: str) -> None:
    paging = {"style": "page", "size": PAGE_RECORDS, "max_pages": 1_000_000}
    source = {"type": "api", "url": url, "records": "items", "paging": paging}
    bench.psql(
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, sources) values "
        f"('bench', '.*', 'public.imported', 'append', '{json.dumps([source])}')"
    )


def _run_requests(bench: Bench, url: str) -> Run:
    target = bench.folder / "fetched.jsonl"
    return measurement.run_command([sys.executable, "-c", PROGRAM, url, str(target), str(PAGE_RECORDS)], os.environ)


def _run_fetch(bench: Bench) -> Run:
    for path in (bench.folder / "file_watcher").glob("*.jsonl"):
        path.unlink()
    bench.psql("delete from dba.tfile")
    bench.settle()
    return bench.job("generic_import", "bench", "--phase", "fetch")


if __name__ == "__main__":
    main()
