r"""Files that come in archives: with `unpack` of a source each member of a zip or tar has its own ticket.

A member is known by its path, ARCHIVE!/MEMBER, and by its stamp: that of the archive, its size, a hash of the pattern
that chose it, how many of its files the import takes, and how many it has. So the tickets alone tell whether an archive
came in whole and is safe; with another pattern it is read again, and only what was not taken before is fetched.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import variables
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import compute_sha256, explain_unsafe_arrival
from systemscripts.errors import BadDataError, EtlError
from systemscripts.sources import Fetched, Request, Unpacking, arrival
from systemscripts.sources.arrival import size_limits
from systemscripts.summary import Notice
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.workbooks import unpack_members

MARK = "!/"
# the end of a stamp; tickets of earlier versions have no hash
_AFTER_SIZE = re.compile(r"( [0-9a-f]{8})? [0-9]+/[0-9]+$")


def land_members(
    request: Request, source_type: str, arrived: Sequence[tuple[file_ledger.Origin, Path]], folder: Path
) -> list[file_ledger.Ticket]:
    """Land the members of complete archives; one that cannot be read is a failure of the request."""
    assert request.unpacking is not None
    tickets: list[file_ledger.Ticket] = []
    for origin, part in arrived:
        try:
            tickets += _land_archive(request, request.unpacking, source_type, origin, part, folder)
        except EtlError as error:
            if request.connection.closed:
                raise
            request.unpacking.failures.append(error)
        part.unlink(missing_ok=True)
    return tickets


def _land_archive(
    request: Request, unpacking: Unpacking, source_type: str, origin: file_ledger.Origin, part: Path, folder: Path
) -> list[file_ledger.Ticket]:
    reading = build_reading(request)
    with _give_name(request, origin, part) as archive:
        members = unpack_members.list_members(archive, reading)
        chosen = choose_members(archive.name, members, unpacking.pattern)
        if len(chosen) < len(members):
            names = ", ".join(member for member in members if member not in chosen)
            text = f"{archive.name} has files that do not match {unpacking.pattern}: {names}"
            unpacking.notices.append(Notice("file_not_taken", f"{text}; it stays until an import has loaded them"))
        # without a time only the content tells another archive
        version = f"{origin.stamp or compute_sha256(part)[:16]}-{origin.size}"
        stamp = f"{version} {_hash_pattern(unpacking.pattern)} {len(chosen)}/{len(members)}"
        origins = {
            member: file_ledger.Origin(f"{origin.path}{MARK}{member.replace(chr(92), '/')}", size, stamp)
            for member, size in chosen.items()
        }
        with transaction(request.connection) as cursor:
            paths = [one.path for one in origins.values()]
            known = file_ledger.renew_stamps(
                cursor, request.config.config_name, source_type, paths, f"{version} ", stamp
            )
        new = {member: one for member, one in origins.items() if one.path not in known}
        admitted = Fetched()
        limits = size_limits.SizeLimits(request, admitted)
        if not all(limits.try_admit(one.path, one.size or 0) for one in new.values()):
            raise admitted.failures[0]
        parts = {member: arrival.get_part_path(request, one) for member, one in new.items()}
        if parts:
            unpack_members.unpack_members(archive, parts, reading)
    landing = [(new[member], path) for member, path in parts.items()]
    return arrival.land_files(replace(request, unpacking=None), source_type, landing, folder)


def choose_members(archive: str, members: dict[str, int], pattern: str) -> dict[str, int]:
    """Return the members whose names match, with their sizes; raises BadDataError for a name that is not allowed."""
    compiled = compile_pattern(pattern)
    chosen = {}
    for member, size in members.items():
        name = get_last_part(member)
        if compiled.fullmatch(name) is None:
            continue
        if reason := explain_unsafe_arrival(name):
            raise BadDataError(f"{archive} contains {member!r}, whose name is not allowed: {reason}")
        chosen[member] = size
    return chosen


def get_last_part(member: str) -> str:
    """Return the name of a member without its folders."""
    return member.replace("\\", "/").rpartition("/")[2]


def build_reading(request: Request) -> ReadingOptions:
    """Return how the archives of an import are read: with its passwords."""
    passwords = variables.resolve_variables(request.config.reading.password, "reading.password")
    return ReadingOptions(passwords=tuple(passwords))


@contextmanager
def _give_name(request: Request, origin: file_ledger.Origin, part: Path) -> Iterator[Path]:
    """Yield an archive under its own name, for messages and for what its ending says."""
    prefix = f"dry_run_{os.getpid()}_"
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=prefix) as folder:
        named = Path(folder) / origin.path.rpartition("/")[2]
        os.link(part, named)
        yield named


@contextmanager
def preview_members(request: Request, archives: Sequence[Path], pattern: str) -> Iterator[list[Path]]:
    """Yield copies of the members of archives that an import would take, for a dry run; they are removed afterwards."""
    prefix = f"dry_run_{os.getpid()}_"
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=prefix) as folder:
        paths: list[Path] = []
        for number, archive in enumerate(archives):
            chosen = choose_members(archive.name, unpack_members.list_members(archive, build_reading(request)), pattern)
            targets = {}
            for position, member in enumerate(chosen):
                # two members may have one name, in two folders
                own = Path(folder) / f"{number}_{position}"
                own.mkdir()
                targets[member] = own / get_last_part(member)
            if targets:
                unpack_members.unpack_members(archive, targets, build_reading(request))
            paths += targets.values()
        yield paths


def list_known(
    request: Request, source_type: str, origins: Sequence[file_ledger.Origin], is_unsettled: bool = False
) -> set[file_ledger.Origin]:
    """Return which files, or archives with each wanted member, were fetched before (`file_ledger.list_known`)."""
    name = request.config.config_name
    if not origins:
        return set()
    with transaction(request.connection) as cursor:
        if request.unpacking is None:
            return file_ledger.list_known(cursor, name, source_type, origins, is_unsettled)
        pattern = _hash_pattern(request.unpacking.pattern)
        return {origin for origin in origins if _has_all_members(cursor, name, source_type, origin, pattern)}


def _has_all_members(
    cursor: Cursor, config_name: str, source_type: str, origin: file_ledger.Origin, pattern: str
) -> bool:
    known = file_ledger.list_origins(cursor, config_name, source_type, f"{origin.path}{MARK}")
    before = f"{origin.stamp}-{origin.size} {pattern}"
    of_this = [one for one in known if one.stamp.rpartition(" ")[0] == before]
    return bool(of_this) and len({one.path for one in of_this}) >= _parse_counts(of_this[0].stamp)[0]


def find_settled_archive(request: Request, ticket: file_ledger.Ticket) -> file_ledger.Ticket | None:
    """Return the ticket that the archive of a member would have, once all of its files are safe here; else None."""
    stamp, path = ticket.source_stamp or "", ticket.source_path or ""
    archive, mark, _ = path.partition(MARK)
    if not mark:
        return ticket
    before = _AFTER_SIZE.sub("", stamp)
    with transaction(request.connection) as cursor:
        safe, is_refused = file_ledger.count_safe_members(cursor, ticket.source, f"{archive}{MARK}", f"{before} ")
    if safe < _parse_counts(stamp)[1]:
        return None
    modified, _, size = before.rpartition("-")
    return replace(
        ticket,
        name=archive.rpartition("/")[2],
        source_path=archive,
        source_size=int(size) if size.isdigit() else None,
        source_stamp=modified,
        status="refused" if is_refused else ticket.status,
    )


def _hash_pattern(pattern: str) -> str:
    return hashlib.sha256(pattern.encode()).hexdigest()[:8]


def _parse_counts(stamp: str) -> tuple[int, int]:
    """Return how many files of an archive the import takes, and how many it has."""
    own, _, whole = stamp.rpartition(" ")[2].partition("/")
    return int(own), int(whole)
