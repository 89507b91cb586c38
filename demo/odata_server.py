"""A small OData server on loopback; like real ones it sometimes answers 429 or 503, and splits long results into pages.

To start it by hand: `python -m demo.odata_server --port 8010`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from demo import gho_data, http_server, odata_filter

BUSY, DOWN, CUT, SLOW = "429", "503", "cut", "slow"
TYPE = "application/json; odata.metadata=minimal"


class ODataServer(http_server.HttpServer):
    """Collections of records on 127.0.0.1, below /api.

    page_size: the most records in one response. hiccups: request number (from 1) -> fault. `records` may be changed at
    any time; `fault(number, path, query)` may return a fault for any request; `token`: the required bearer token.
    """

    def __init__(self, port: int = 0, page_size: int = 100, hiccups: dict[int, str] | None = None) -> None:
        super().__init__(port)
        self.records: dict[str, list[dict[str, Any]]] = {
            code: gho_data.make_records(code) for code in gho_data.INDICATORS
        }
        self.page_size, self.hiccups = page_size, hiccups or {}
        # path and parameters
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.fault: Callable[[int, str, dict[str, str]], str] = lambda number, path, query: ""
        self.token = ""
        # added to @odata.count
        self.count_error = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """The URL above the collections."""
        return f"http://{http_server.HOST}:{self.port}/api"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        query = dict(parse_qsl(parts.query))
        with self._lock:
            self.requests.append((parts.path, query))
            self.headers.append(dict(handler.headers))
            number = len(self.requests)
        fault = self.fault(number, parts.path, query) or self.hiccups.get(number, "")
        if fault in (BUSY, DOWN):
            _send_json(handler, int(fault), {"error": {"message": "Try again"}}, {"Retry-After": "0"})
            return
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            _send_json(handler, 401, {"error": {"message": "Who are you?"}})
            return
        if fault == SLOW:
            time.sleep(2)
        code = parts.path.removeprefix("/api/")
        if code not in self.records:
            _send_json(handler, 404, {"error": {"message": f"Resource not found for the segment '{code}'."}})
            return
        try:
            body = self._make_page(code, query)
        except odata_filter.FilterError as error:
            _send_json(handler, 400, {"error": {"message": str(error)}})
            return
        _send_json(handler, 200, body, cut=fault == CUT)

    def _make_page(self, code: str, query: dict[str, str]) -> dict[str, Any]:
        test = odata_filter.parse_filter(query["$filter"]) if query.get("$filter") else None
        records = [record for record in self.records[code] if test is None or test(record)]
        for name, _, direction in (part.strip().partition(" ") for part in query.get("$orderby", "").split(",")):
            if name:
                records.sort(key=lambda record: (record.get(name) is not None, record.get(name)))
                records = records[::-1] if direction == "desc" else records
        skip, top = int(query.get("$skip", 0)), int(query.get("$top", len(records)))
        page = records[skip : skip + min(top, self.page_size)]
        body: dict[str, Any] = {"@odata.context": f"{self.base_url}/$metadata#{code}"}
        if query.get("$count") == "true":
            body["@odata.count"] = len(records) + self.count_error
        chosen = query.get("$select", "").split(",") if query.get("$select") else None
        body["value"] = [{k: v for k, v in record.items() if chosen is None or k in chosen} for record in page]
        if skip + len(page) < len(records) and len(page) < top:
            more = {**query, "$skip": str(skip + len(page))}
            more |= {"$top": str(top - len(page))} if "$top" in query else {}
            body["@odata.nextLink"] = f"{self.base_url}/{code}?{urlencode(more, quote_via=quote)}"
        return body


def _send_json(
    handler: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False
) -> None:
    # The client may have disconnected.
    with contextlib.suppress(OSError):
        http_server.send_answer(handler, status, json.dumps(body).encode(), TYPE, headers, cut)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8010)
    arguments = parser.parse_args()
    with ODataServer(arguments.port) as server:
        print(f"{server.base_url}/WHOSIS_000001", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
