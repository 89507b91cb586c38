"""Objects of a bucket: downloaded to file_watcher/ and, once loaded, moved within the bucket.

Loaded objects go to the processed prefix, refused ones to the error prefix with a file that has the reason. Each is
copied, the copy is checked, then the original is deleted. An object that changed meanwhile stays, as a new delivery.
Options: bucket, prefix, processed_prefix, error_prefix; by default the settings S3_...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systemscripts import file_ledger, masking, s3, settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import sidecar_files, variables
from systemscripts.db_utils import transaction
from systemscripts.directory_management import shorten_name
from systemscripts.errors import ConfigurationError
from systemscripts.progress import track
from systemscripts.s3 import Bucket, Object
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import archived_files, size_limits
from systemscripts.sources.types import local
from systemscripts.summary import Notice, record_warning

# loaded objects are below another prefix, and their content is known
LIVE = False
KEYS = ("bucket", "prefix", "processed_prefix", "error_prefix")


@dataclass(frozen=True)
class Prefixes:
    """The bucket of a source and its prefixes."""

    bucket: str
    prefix: str
    processed: str
    error: str

    def relative(self, key: str) -> str:
        """Return a key relative to the prefix."""
        return key.removeprefix(self.prefix)


def address(options: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    source = _parse_options(options)
    return f"s3://{source.bucket}/{source.prefix}"


def _parse_options(options: dict[str, Any]) -> Prefixes:
    if unknown := sorted(set(options) - set(KEYS)):
        raise ConfigurationError(f"a source of type s3 has no key {', '.join(unknown)}", f"It has: {', '.join(KEYS)}.")
    given, current = variables.resolve_variables(options, "the source of type s3"), settings.current()
    try:
        prefixes = [
            settings.normalize_prefix(str(given.get("prefix", current.s3_input_prefix))),
            settings.normalize_prefix(str(given.get("processed_prefix", current.s3_processed_prefix))),
            settings.normalize_prefix(str(given.get("error_prefix", current.s3_error_prefix))),
        ]
    except ValueError as error:
        raise ConfigurationError(f"a source of type s3: {error}", "Correct its prefixes.") from error
    # the copy would be the object itself, which is deleted then
    if prefixes[0] in prefixes[1:]:
        raise ConfigurationError(
            f"a source of type s3 has the prefix {prefixes[0]!r} both for new and for processed objects",
            "Give it another processed_prefix or error_prefix.",
        )
    return Prefixes(str(given.get("bucket", current.s3_bucket)), *prefixes)


def probe(options: dict[str, Any]) -> str:
    """List the bucket once, for doctor.py, and return the result in words; raises EtlError."""
    source = _parse_options(options)
    if not source.bucket:
        raise variables.UnsetVariableError("S3_BUCKET is not set")
    bucket = s3.open_bucket(source.bucket)
    waiting = next(bucket.list_objects(source.prefix), None)
    names = bucket.list_buckets()
    more = f"; the key lists {len(names)} bucket{'s' * (len(names) != 1)}" if names is not None else ""
    waits = f"; {waiting.key} waits" if waiting else ", nothing waits"
    return f"s3://{source.bucket}/{source.prefix} can be read{waits}{more}"


def fetch(request: Request) -> Fetched:
    """Download the new objects that match the pattern of the import, and write the ticket of each.

    Raises ConfigurationError if the service refuses, TryLaterError if it does not answer.
    """
    fetched, source = Fetched(), _parse_options(request.options)
    if not source.bucket:
        text = f"{request.config.config_name}: S3_BUCKET is not set, no bucket is asked for files"
        fetched.warn("source_not_asked", text)
        return fetched
    bucket = s3.open_bucket(source.bucket)
    for text in _list_interrupted(request):
        fetched.warn("file_again", text)
    for item, origin in [*_list_new(request, source, bucket, fetched), *_list_undone(request, source, bucket)]:
        fetched.tickets += _download_object(request, bucket, item, origin)
    return fetched


def _list_interrupted(request: Request) -> list[str]:
    """Return a sentence for each file that a failed run was working on."""
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select f.name, r.status from dba.tfile f join dba.trun r using (run_uuid)
               where f.config_name = %s and f.status = any(%s) and f.run_uuid <> %s and r.status <> 'succeeded'
               order by f.file_id""",
            (request.config.config_name, list(file_ledger.OPEN), request.run_uuid),
        )
        return [f"{name} was being processed by a run that {ended}: it is processed again" for name, ended in cursor]


def _list_new(
    request: Request, source: Prefixes, bucket: Bucket, fetched: Fetched
) -> Iterator[tuple[Object, file_ledger.Origin]]:
    """Yield the objects below the prefix that have no ticket, each with its origin."""
    pattern = compile_pattern(request.config.file_pattern)
    meant: list[tuple[Object, file_ledger.Origin]] = []
    own = tuple(prefix for prefix in (source.processed, source.error) if prefix.startswith(source.prefix))
    for item in bucket.list_objects(source.prefix):
        name = item.key.rpartition("/")[2]
        if item.key.startswith(own) or name in request.leave:
            continue
        if sidecar_files.is_about_known(name, pattern.fullmatch):
            continue
        if not pattern.fullmatch(name):
            text = f"{bucket.address}{item.key} does not match the import's file_pattern"
            fetched.leave(Path(item.key), text, "file_unmatched")
            continue
        meant.append((item, file_ledger.Origin(f"{bucket.address}{item.key}", item.size, item.stamp)))
    known = archived_files.list_known(request, "s3", [origin for _, origin in meant], is_unsettled=True)
    limits = size_limits.SizeLimits(request, fetched)
    for item, origin in meant:
        if origin not in known and limits.try_admit(origin.path, item.size):
            yield item, origin


def _list_undone(request: Request, source: Prefixes, bucket: Bucket) -> Iterator[tuple[Object, file_ledger.Origin]]:
    """Yield undone objects from the processed prefix, for --reload."""
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
        # the name with the hash first: if it exists, the plain name has other content
        for candidate in reversed(_list_candidates(source.processed + source.relative(key), digest)):
            item = bucket.find(candidate)
            if item is not None and s3.has_same_content(item, size, etag):
                yield item, file_ledger.Origin(path, item.size, item.stamp)
                break
        else:
            text = f"{path} was undone, but it is no longer below {source.processed}"
            record_warning(Notice("archived_file_missing", text, request.config.config_name), on_console=True)


def _download_object(
    request: Request, bucket: Bucket, item: Object, origin: file_ledger.Origin
) -> list[file_ledger.Ticket]:
    """Write the ticket of an object and download it; of an archive, download it and land its members."""
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    if request.unpacking is not None:
        part = arrival.get_part_path(request, origin)
        bucket.download(item, part)
        return arrival.land_files(request, "s3", [(origin, part)], folder)
    path = folder / shorten_name(origin.path.rpartition("/")[2])
    with transaction(request.connection) as cursor:
        stored = file_ledger.to_stored_path(path, request.directories)
        if path.exists() or file_ledger.is_path_taken(cursor, request.config.config_name, stored):
            # another file of this name: dropped by hand, or from another folder of the bucket
            path = path.with_name(f"{path.stem}_{item.etag[:8]}{path.suffix}")
        ticket = file_ledger.register_file(
            cursor, request.config.config_name, path, request.directories, request.run_uuid, "s3", origin
        )
    with track(path.name, item.size / 1e6, "MB") as tracker:
        bucket.download(item, path)
        tracker.advance(item.size / 1e6)
    return [ticket]


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Move the object to the processed or error prefix; may be repeated at any point.

    Raises ConfigurationError if the service refuses, TryLaterError if it does not answer.
    """
    source = _parse_options(request.options)
    bucket = s3.open_bucket(source.bucket)
    key = (ticket.source_path or "").removeprefix(bucket.address)
    item = bucket.find(key)
    if item is None or item.stamp != ticket.source_stamp:
        # moved already, or replaced by a new delivery that the next run fetches
        return
    prefix = source.error if ticket.status == "refused" else source.processed
    target_key = _find_free_key(bucket, prefix + source.relative(key), item, ticket.file_sha256 or item.etag)
    if ticket.status == "refused":
        reason = f"{ticket.name} was refused by the import {ticket.config_name}.\n\n{ticket.reason}\n"
        bucket.write(f"{target_key}.reason.txt", masking.mask(reason).encode())
    if bucket.find(target_key) is None:
        bucket.copy(item, target_key)
    if (again := bucket.find(key)) is not None and again.stamp == item.stamp:
        bucket.delete(key)


def _find_free_key(bucket: Bucket, target_key: str, item: Object, digest: str) -> str:
    """Return the key, or if other content has it, the key with a part of the hash."""
    for candidate in _list_candidates(target_key, digest):
        existing = bucket.find(candidate)
        if existing is None or (existing.size == item.size and existing.etag == item.etag):
            return candidate
    return _list_candidates(target_key, digest)[-1]


def _list_candidates(target_key: str, digest: str) -> list[str]:
    folder, slash, name = target_key.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    marked = [f"{stem}_{part}{dot}{suffix}" if stem else f"{name}_{part}" for part in (digest[:8], digest)]
    return [target_key, *(f"{folder}{slash}{name}" for name in marked)]
