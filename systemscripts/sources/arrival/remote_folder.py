"""What every source has in common that reads a folder of another host: which of its files are new, and what then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from systemscripts import file_ledger, masking, settings
from systemscripts.bounded_patterns import NamePattern, compile_pattern
from systemscripts.configuration import sidecar_files, variables
from systemscripts.configuration.source_options.sftp import RemoteFolder
from systemscripts.directory_management import explain_unsafe_arrival, is_in_progress
from systemscripts.errors import ConfigurationError, describe_faults
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import archived_files, size_limits

Model = TypeVar("Model", bound=RemoteFolder)


def parse_options(model: type[Model], written: dict[str, Any], where: str, secrets: Iterable[str]) -> Model:
    """Return the options of a source with variables resolved; raises ConfigurationError with every fault.

    `secrets`: the keys whose values are masked.
    """
    resolved = variables.resolve_variables(written, where)
    masking.register_secrets(secret for key in secrets for secret in _list_secrets(resolved.get(key)))
    try:
        return model.model_validate(resolved)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {describe_faults(error, 'source')}") from error


def _list_secrets(value: object) -> list[str]:
    """Return what is to be masked of a key: its value, or of several options those that are texts."""
    if isinstance(value, dict):
        return [part for part in value.values() if part and isinstance(part, str)]
    return [str(value)] if value else []


def build_address(options: RemoteFolder) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return f"{options.address}/{options.folder.strip('/')}/"


class Entry(Protocol):
    """One entry of a list; None, or "", where the server does not say."""

    @property
    def name(self) -> str:
        """Return the name, which may be anything."""

    @property
    def size(self) -> int | None:
        """Return the size in bytes."""

    @property
    def modified(self) -> float | None:
        """Return the time of the last change, by the clock of the server."""

    @property
    def is_file(self) -> bool | None:
        """Return whether it is a file, and not a folder or a link."""

    @property
    def stamp(self) -> str:
        """Return what tells another file of the same size."""


AnyEntry = TypeVar("AnyEntry", bound=Entry)


def list_still(
    request: Request, source_type: str, options: RemoteFolder, list_folder: Callable[[], list[AnyEntry]],
    fetched: Fetched,
) -> list[AnyEntry]:  # fmt: skip
    """Return the new files whose size and time did not change between two lists."""
    first = _list_new(request, source_type, options, list_folder(), fetched)
    if not first:
        return []
    time.sleep(settings.current().sftp_still_seconds)
    second = set(list_folder())
    for entry in first:
        if entry not in second:
            text = f"{entry.name} is still being written at {options.name}, left for the next run"
            fetched.leave(Path(entry.name), text, "file_still_written")
        elif entry.size is None and not entry.stamp:
            fetched.warn(
                "file_size_unclear",
                f"{options.name} gives neither size nor time of {entry.name}, so it may be incomplete",
            )
    return sorted((entry for entry in first if entry in second), key=lambda entry: (entry.modified or 0, entry.name))


def _list_new(
    request: Request, source_type: str, options: RemoteFolder, entries: Sequence[AnyEntry], fetched: Fetched
) -> list[AnyEntry]:
    new = []
    expected = arrival.parse_single_name(options.pattern)
    if expected and options.settle == "keep" and expected not in [entry.name for entry in entries]:
        fetched.warn("file_expected", f"{options.join_path(expected)} does not exist at {options.name}")
    reasons = find_reasons(request, source_type, options, entries)
    limits = size_limits.SizeLimits(request, fetched)
    for entry, reason in zip(entries, reasons, strict=True):
        if reason is None:
            if limits.try_admit(f"{options.join_path(entry.name)} at {options.name}", entry.size or 0):
                new.append(entry)
        elif reason.startswith("!"):
            shown = repr(entry.name)[1:-1] if explain_unsafe_arrival(entry.name) else entry.name
            text = f"{shown} at {options.name}{options.folder} was not fetched: {reason[1:]}"
            fetched.leave(Path(f"{options.name}/{shown}"), text)
    return new


def find_reasons(
    request: Request, source_type: str, options: RemoteFolder, entries: Sequence[Entry]
) -> list[str | None]:
    """Return for each file why it is not fetched, None if it is; a leading ! means that the operator is told."""
    reasons = [_find_reason(request, options, entry) for entry in entries]
    # of a file without size and time, only its content can tell whether it is another one
    origins = {
        number: build_origin(options, entry)
        for number, (entry, reason) in enumerate(zip(entries, reasons, strict=True))
        if reason is None and not (entry.size is None and not entry.stamp and options.settle == "keep")
    }
    # if files are removed once loaded, the same name later on is a new delivery
    unsettled = options.settle != "keep"
    known = archived_files.list_known(request, source_type, list(origins.values()), unsettled)
    return ["fetched before" if origins.get(number) in known else reason for number, reason in enumerate(reasons)]


def _find_reason(request: Request, options: RemoteFolder, entry: Entry) -> str | None:
    """Return what the list tells against a file, whether or not it was fetched before."""
    if reason := explain_unsafe_arrival(entry.name):
        return f"!its name is not allowed here, {reason}; ask the owner of the server to rename it"
    if is_in_progress(entry.name):
        return "still being written"
    if not is_meant(request, options, entry.name):
        return "does not match"
    if sidecar_files.is_about_known(entry.name, _compile_pattern(request, options).fullmatch):
        return "has the totals or the checksum of a file"
    if entry.is_file is False:
        ours = (options.done_folder, options.refused_folder or "refused")
        return "a folder of ours" if entry.name in ours else "!it is not a file"
    return None


def is_meant(request: Request, options: RemoteFolder, name: str) -> bool:
    """Return whether a name is allowed and matches the pattern of the source."""
    return not explain_unsafe_arrival(name) and _compile_pattern(request, options).fullmatch(name) is not None


def _compile_pattern(request: Request, options: RemoteFolder) -> NamePattern:
    return compile_pattern(options.pattern or request.config.file_pattern)


def build_origin(options: RemoteFolder, entry: Entry) -> file_ledger.Origin:
    """Return what a file is at its source."""
    path = options.join_path(entry.name).lstrip("/")
    return file_ledger.Origin(f"{options.address}/{path}", entry.size, entry.stamp)


def is_another(entry: Entry, ticket: file_ledger.Ticket) -> bool:
    """Return whether the file on the server differs from the fetched one; missing attributes do not count."""
    has_other_size = None not in (entry.size, ticket.source_size) and entry.size != ticket.source_size
    has_other_stamp = bool(entry.stamp and ticket.source_stamp) and entry.stamp != ticket.source_stamp
    return has_other_size or has_other_stamp


def settle_file(
    options: RemoteFolder,
    ticket: file_ledger.Ticket,
    find_entry: Callable[[str], Entry | None],
    move_file: Callable[[str, str, str], object],
    remove_file: Callable[[str], object],
) -> None:
    """Delete or move the file of a ticket on the server, if it did not change there.

    `move_file`: from a path into a folder, with a mark for its name where that is taken.
    """
    path = options.join_path(ticket.name)
    entry = find_entry(path)
    if entry is None or is_another(entry, ticket):
        # settled by a run that was killed before it recorded that, or replaced by another delivery
        return
    if folder := choose_folder(options, ticket):
        move_file(path, options.join_path(folder), (ticket.file_sha256 or "")[:8])
    else:
        remove_file(path)


def choose_folder(options: RemoteFolder, ticket: file_ledger.Ticket) -> str:
    """Return the folder of the server into which a loaded or refused file is moved, "" if it is deleted."""
    refused_folder = options.refused_folder or ("refused" if options.settle == "move" else "")
    if ticket.status == "refused" and refused_folder:
        return refused_folder
    return options.done_folder if options.settle == "move" else ""
