r"""A file at an address, or the files that a page links to.

sources:
  - type: http
    url: https://files.example.com/orders.csv
  - type: http
    url: https://www.example.com/statistics/   # a page
    links: orders_\d+\.csv                     # the names of its linked files
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from systemscripts import file_ledger, progress, settings
from systemscripts.address_rules import AddressRules
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import uploads, variables
from systemscripts.configuration.source_options.http import Options
from systemscripts.db_utils import transaction
from systemscripts.directory_management import compute_sha256, explain_unsafe_arrival
from systemscripts.errors import (
    BadDataError,
    ConfigurationError,
    EtlError,
    TooLargeError,
    TryLaterError,
    describe_faults,
)
from systemscripts.http_client import Client, redact_url
from systemscripts.http_client.file_download import Head, download_file, read_head
from systemscripts.retries import TemporaryError
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.api_pages import build_client
from systemscripts.sources.arrival import size_limits
from systemscripts.sources.types import local

TYPE = "http"
# the content of every file is known
LIVE = False
# how often the free space is looked at while a file arrives
CHECK_BYTES = 64 << 20


@dataclass(frozen=True)
class Link:
    """A file to ask for: its address, and the beginning of its `source_path`, in which there are no secrets."""

    url: str
    address: str


def fetch(request: Request) -> Fetched:
    """Fetch each file whose content is another than the last one from its address.

    A file that cannot be fetched is a failure in the result; the others are fetched. Raises ConfigurationError,
    TryLaterError if the page of the links cannot be read.
    """
    fetched = Fetched()
    if request.only is not None:
        return fetched
    options = _parse_options(request.options, f"import {request.config.config_name}, source http")
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    client = _connect(request, options)
    try:
        for link in _list_links(request, options, client, fetched):
            try:
                arrived = _fetch_file(request, options, client, link, fetched)
            except TryLaterError as error:
                # server or disk would fail the next file as well
                fetched.failures.append(error)
                break
            except EtlError as error:
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
                continue
            if arrived is not None:
                fetched.tickets += arrival.land_files(request, TYPE, [arrived], folder)
    finally:
        client.close()
    return fetched


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Do nothing: a web server keeps its files."""


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options: the URL without parameters."""
    url = redact_url(str(variables.resolve_variables(written.get("url", ""), "source http")))
    return f"{url}#" if written.get("links") else url


@contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """Yield the files that a run would fetch, for a dry run; they are removed afterwards."""
    options = _parse_options(request.options, f"import {request.config.config_name}, source http")
    client, fetched = _connect(request, options), Fetched()
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name:
        paths = []
        try:
            for link in _list_links(request, options, client, fetched):
                arrived = _fetch_file(request, options, client, link, fetched, Path(name))
                if arrived is not None:
                    paths.append(arrived[1].rename(Path(name) / arrived[0].path.rpartition("/")[2]))
        finally:
            client.close()
        yield paths


def probe(written: dict[str, Any]) -> str:
    """Ask for the address once, for doctor.py, and return the result in words; raises EtlError."""
    options = _parse_options(written, "source http")
    client = build_client.connect(options, AddressRules(), "*/*")
    try:
        with client.open_response(options.url, accepted=(200,)) as response:
            size = read_head(response).size
    except TemporaryError as error:
        raise TryLaterError(f"{redact_url(options.url)}: {error}", "Try again later.") from error
    finally:
        client.close()
    return f"{redact_url(options.url)} answers" + (f" with {size:,} bytes" if size is not None else "")


def _parse_options(written: dict[str, Any], where: str) -> Options:
    try:
        return Options.model_validate(variables.resolve_variables(written, where))
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {describe_faults(error, 'source')}") from error


def _connect(request: Request, options: Options) -> Client:
    rules = uploads.get_address_rules(request.connection, request.config.config_name)
    return build_client.connect(options, rules, "*/*")


def _list_links(request: Request, options: Options, client: Client, fetched: Fetched) -> list[Link]:
    """Return the files to ask for: the one at `url`, or those that the page there links to."""
    if not options.links:
        return [Link(options.url, address(request.options))]
    from lxml import etree, html

    page_url, content = client.get_page(options.url)
    try:
        page: Any = html.document_fromstring(content)
    except (etree.LxmlError, ValueError) as error:
        raise BadDataError(f"{redact_url(options.url)} is not a page with links", "Correct url.") from error
    page.make_links_absolute(page_url, handle_failures="discard")
    links: dict[str, Link] = {}
    pattern = compile_pattern(options.links)
    for url in (str(target).partition("#")[0] for target in page.xpath("//a/@href")):
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        if not pattern.fullmatch(name) or url in links or name in request.leave:
            continue
        shown = repr(name)[1:-1]
        if reason := explain_unsafe_arrival(name):
            text = f"{shown}, a link of {redact_url(options.url)}, was not fetched: its name is not allowed, {reason}"
            fetched.leave(Path(shown), text)
        elif page_url.startswith("https:") and not url.startswith("https:"):
            text = f"{shown}, a link of {redact_url(options.url)}, was not fetched: its address is without TLS"
            fetched.leave(Path(shown), text)
        else:
            links[url] = Link(url, address(request.options) + redact_url(url) + _hash_query(url))
    if not links:
        fetched.warn("file_expected", f"{redact_url(options.url)} has no link that matches {options.links}")
    return list(links.values())


def _fetch_file(
    request: Request, options: Options, client: Client, link: Link, fetched: Fetched, folder: Path | None = None
) -> tuple[file_ledger.Origin, Path] | None:
    """Download a file; return its origin and its temporary path, None if its content is known.

    `folder`: where to write instead of the usual place, which keeps what a stopped run downloaded.
    """
    earlier = _find_latest(request, link)
    origins: list[file_ledger.Origin] = []

    def choose_part(head: Head) -> Path:
        origins.append(file_ledger.Origin(_build_path(request, options, link, head), head.size, head.stamp))
        admitted = Fetched()
        if not size_limits.SizeLimits(request, admitted).try_admit(redact_url(link.url), head.size or 0):
            raise admitted.failures[0]
        part = arrival.get_part_path(request, origins[-1])
        return folder / part.name if folder else part

    with progress.track("download", unit="bytes") as tracker:

        def advance(more: int, size: int) -> None:
            max_gb = settings.current().max_file_gb
            if size > max_gb * 2**30:
                raise TooLargeError(redact_url(link.url), size, max_gb)
            if size // CHECK_BYTES != (size - more) // CHECK_BYTES:
                size_limits.check_free_space(redact_url(link.url), request.directories.temporary)
            tracker.advance(more)

        downloaded = download_file(
            client, link.url, earlier.source_stamp or "" if earlier else "", choose_part, advance
        )
    if downloaded is None:
        return None
    head, part = downloaded
    if earlier is not None and _has_content_of(request, earlier, part):
        part.unlink()
        # asked for with its new stamp from now on
        with transaction(request.connection) as cursor:
            file_ledger.record_stamp(cursor, earlier, head.size, head.stamp)
        return None
    if not head.has_end:
        text = f"{redact_url(link.url)} gives no size and no end of the file, so it may be incomplete"
        fetched.warn("file_size_unclear", text)
    return origins[-1], part


def _build_path(request: Request, options: Options, link: Link, head: Head) -> str:
    """Return the `source_path` of a file; its last part is the name of the file.

    Raises ConfigurationError if the import would not accept that name.
    """
    plain = unquote(urlsplit(link.url).path.rpartition("/")[2])
    name = (options.file_name if not options.links else "") or head.name or plain
    if reason := explain_unsafe_arrival(name):
        raise ConfigurationError(
            f"{redact_url(link.url)}: the name {name!r} of the file is not allowed, {reason}",
            "Set file_name in the source.",
        )
    if not options.links and not compile_pattern(request.config.file_pattern).fullmatch(name):
        raise ConfigurationError(
            f"file_pattern of {request.config.config_name} does not match {name}, the file of its http source",
            "Correct file_pattern, or set file_name in the source.",
        )
    return link.address if name == link.address.rpartition("/")[2] else f"{link.address}#/{name}"


def _hash_query(url: str) -> str:
    """Return a mark for the parameters of a link, which tell two files apart and may be secrets; "" without any."""
    query = urlsplit(url).query
    return f"?{hashlib.sha256(query.encode()).hexdigest()[:12]}" if query else ""


def _find_latest(request: Request, link: Link) -> file_ledger.Ticket | None:
    """Return the ticket of the last file from an address, whatever its name and parameters were."""
    with transaction(request.connection) as cursor:
        return file_ledger.find_latest(cursor, request.config.config_name, TYPE, link.address)


def _has_content_of(request: Request, earlier: file_ledger.Ticket, part: Path) -> bool:
    digest = earlier.file_sha256
    if digest is None:
        waiting = file_ledger.to_real_path(earlier.path, request.directories)
        digest = compute_sha256(waiting) if waiting.exists() else ""
    return compute_sha256(part) == digest
