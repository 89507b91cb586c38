"""Objects of a bucket: downloaded into file_watcher/, and once safe moved within the bucket.

Loaded ones go to the processed prefix, refused ones to the error prefix with their reason beside them: copied, the copy
compared, then deleted. What changed meanwhile stays, as a new delivery. Options: bucket, prefix, processed_prefix,
error_prefix; the settings S3_... where they are not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systemscripts import file_ledger, masking, s3, settings
from systemscripts.configuration import variables
from systemscripts.db_utils import transaction
from systemscripts.directory_management import shorten_name
from systemscripts.errors import ConfigurationError, TooLargeError
from systemscripts.progress import track
from systemscripts.s3 import Bucket, Object
from systemscripts.sources import Fetched, Request
from systemscripts.sources.types import local
from systemscripts.summary import Notice, record_warning

LIVE = False  # what was loaded lies below another prefix, and its content is known
KEYS = ("bucket", "prefix", "processed_prefix", "error_prefix")


@dataclass(frozen=True)
class Prefixes:
    """Where the objects of one source lie, and where they go."""

    bucket: str
    prefix: str
    processed: str
    error: str

    def relative(self, key: str) -> str:
        """A key below the prefix."""
        return key.removeprefix(self.prefix)


def address(options: dict[str, Any]) -> str:
    """The beginning of every `source_path`."""
    place = _parse_options(options)
    return f"s3://{place.bucket}/{place.prefix}"


def _parse_options(options: dict[str, Any]) -> Prefixes:
    if unknown := sorted(set(options) - set(KEYS)):
        raise ConfigurationError(f"a source of type s3 has no key {', '.join(unknown)}", f"It has: {', '.join(KEYS)}.")
    given, wanted = variables.resolve_variables(options, "the source of type s3"), settings.current()
    try:
        prefixes = [
            settings.normalize_prefix(str(given.get("prefix", wanted.s3_input_prefix))),
            settings.normalize_prefix(str(given.get("processed_prefix", wanted.s3_processed_prefix))),
            settings.normalize_prefix(str(given.get("error_prefix", wanted.s3_error_prefix))),
        ]
    except ValueError as error:
        raise ConfigurationError(f"a source of type s3: {error}", "Correct its prefixes.") from error
    if prefixes[0] in prefixes[1:]:  # its copy would be the object itself, which is deleted
        raise ConfigurationError(
            f"a source of type s3 has the prefix {prefixes[0]!r} both for what comes in and for what is done",
            "Give it another processed_prefix or error_prefix.",
        )
    return Prefixes(str(given.get("bucket", wanted.s3_bucket)), *prefixes)


def probe(options: dict[str, Any]) -> str:
    """Look at the bucket once, for doctor.py; what is there in words. Raises EtlError."""
    place = _parse_options(options)
    if not place.bucket:
        raise variables.UnsetVariableError("S3_BUCKET is not set")
    bucket = s3.open_bucket(place.bucket)
    waiting = next(bucket.list_objects(place.prefix), None)
    seen = bucket.list_buckets()
    more = f"; the key lists {len(seen)} bucket{'s' * (len(seen) != 1)}" if seen is not None else ""
    waits = f"; {waiting.key} waits" if waiting else ", nothing waits"
    return f"s3://{place.bucket}/{place.prefix} can be read{waits}{more}"


def fetch(request: Request) -> Fetched:
    """Download what is new and matches the import's pattern, and give each file its ticket.

    Raises ConfigurationError when the service refuses, TryLaterError when it does not answer.
    """
    fetched, place = Fetched(), _parse_options(request.options)
    if not place.bucket:
        text = f"{request.config.config_name}: S3_BUCKET is not set, no bucket is asked for files"
        fetched.warn("source_not_asked", text)
        return fetched
    bucket = s3.open_bucket(place.bucket)
    for text in _list_interrupted(request):
        fetched.warn("file_again", text)
    for found, origin in [*_list_new(request, place, bucket, fetched), *_list_undone(request, place, bucket)]:
        fetched.tickets.append(_download_object(request, bucket, found, origin))
    return fetched


def _list_interrupted(request: Request) -> list[str]:
    """A sentence for each file that a run was working on when it ended badly."""
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select f.name, r.status from dba.tfile f join dba.trun r using (run_uuid)
               where f.config_name = %s and f.status = any(%s) and f.run_uuid <> %s and r.status <> 'succeeded'
               order by f.file_id""",
            (request.config.config_name, list(file_ledger.OPEN), request.run_uuid),
        )
        return [f"{name} was being processed by a run that {ended}: it is processed again" for name, ended in cursor]


def _list_new(
    request: Request, place: Prefixes, bucket: Bucket, fetched: Fetched
) -> Iterator[tuple[Object, file_ledger.Origin]]:
    """The objects below the prefix that no ticket is about."""
    pattern = re.compile(request.config.file_pattern)
    own = tuple(prefix for prefix in (place.processed, place.error) if prefix.startswith(place.prefix))
    for found in bucket.list_objects(place.prefix):
        name = found.key.rpartition("/")[2]
        if found.key.startswith(own) or name in request.leave:
            continue
        if not pattern.fullmatch(name):
            text = f"{bucket.address}{found.key} does not match the import's file_pattern"
            fetched.leave(Path(found.key), text, "file_unmatched")
            continue
        origin = file_ledger.Origin(f"{bucket.address}{found.key}", found.size, found.stamp)
        with transaction(request.connection) as cursor:
            known = file_ledger.is_known(cursor, request.config.config_name, "s3", origin, unsettled=True)
        if known:
            continue
        if found.size > settings.current().max_file_gb * 2**30:
            fetched.failures.append(TooLargeError(origin.path, found.size, settings.current().max_file_gb))
        else:
            yield found, origin


def _list_undone(request: Request, place: Prefixes, bucket: Bucket) -> Iterator[tuple[Object, file_ledger.Origin]]:
    """With --reload: what was undone, from the processed prefix, which is the archive."""
    if not request.reload:
        return
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select distinct on (f.source_path) f.source_path, f.source_size, f.source_stamp, f.file_sha256
               from dba.tfile f
               where f.config_name = %s and f.source = 's3' and f.status = 'undone' and not exists (
                   select from dba.tfile l where l.config_name = f.config_name and l.file_sha256 = f.file_sha256
                   and l.status in ('fetched', 'prepared', 'loaded'))
               order by f.source_path, f.file_id desc""",
            (request.config.config_name,),
        )
        undone = cursor.fetchall()
    for path, size, stamp, digest in undone:
        key, etag = path.removeprefix(bucket.address), (stamp or "").partition(" ")[0]
        # the name with the hash first: where it is, the plain name is another content's
        for candidate in reversed(_list_candidates(place.processed + place.relative(key), digest)):
            found = bucket.find(candidate)
            if found is not None and s3.has_same_content(found, size, etag):
                yield found, file_ledger.Origin(path, found.size, found.stamp)
                break
        else:
            text = f"{path} was undone, but it is no longer below {place.processed}"
            record_warning(Notice("archived_file_missing", text, request.config.config_name), on_console=True)


def _download_object(request: Request, bucket: Bucket, found: Object, origin: file_ledger.Origin) -> file_ledger.Ticket:
    """Open the ticket of one object and download it."""
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / shorten_name(origin.path.rpartition("/")[2])
    with transaction(request.connection) as cursor:
        taken = {ticket.path for ticket in file_ledger.list_open_tickets(cursor, request.config.config_name)}
        if path.exists() or file_ledger.to_stored_path(path, request.directories) in taken:
            # another file of this name: dropped by hand, or from another folder of the bucket
            path = path.with_name(f"{path.stem}_{found.etag[:8]}{path.suffix}")
        ticket = file_ledger.register_file(
            cursor, request.config.config_name, path, request.directories, request.run_uuid, "s3", origin
        )
    with track(path.name, found.size / 1e6, "MB") as tracker:
        bucket.download(found, path)
        tracker.advance(found.size / 1e6)
    return ticket


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Move the object to where it belongs; may be repeated at any point, and does nothing where it is done.

    Raises ConfigurationError when the service refuses it, TryLaterError when it does not answer.
    """
    place = _parse_options(request.options)
    bucket = s3.open_bucket(place.bucket)
    key = (ticket.source_path or "").removeprefix(bucket.address)
    found = bucket.find(key)
    if found is None or found.stamp != ticket.source_stamp:
        return  # moved already, or replaced by a new delivery that the next run fetches
    prefix = place.error if ticket.status == "refused" else place.processed
    goal = _find_free_key(bucket, prefix + place.relative(key), found, ticket.file_sha256 or found.etag)
    if ticket.status == "refused":
        reason = f"{ticket.name} was refused by the import {ticket.config_name}.\n\n{ticket.reason}\n"
        bucket.write(f"{goal}.reason.txt", masking.mask(reason).encode())
    if bucket.find(goal) is None:
        bucket.copy(found, goal)
    if (again := bucket.find(key)) is not None and again.stamp == found.stamp:
        bucket.delete(key)


def _find_free_key(bucket: Bucket, goal: str, found: Object, digest: str) -> str:
    """A key that no other content has: the wanted one, else with the beginning of the hash."""
    for candidate in _list_candidates(goal, digest):
        there = bucket.find(candidate)
        if there is None or (there.size == found.size and there.etag == found.etag):
            return candidate
    return _list_candidates(goal, digest)[-1]


def _list_candidates(goal: str, digest: str) -> list[str]:
    folder, slash, name = goal.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    marked = [f"{stem}_{part}{dot}{ending}" if stem else f"{name}_{part}" for part in (digest[:8], digest)]
    return [goal, *(f"{folder}{slash}{each}" for each in marked)]
