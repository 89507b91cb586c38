"""Identify a file by label, date and content, and decide what to do with it, given the existing datasets."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from systemscripts.commands import format_command
from systemscripts.datasets.current import SAME_DAY, SAME_LABEL, find_current_snapshot
from systemscripts.dates import calendar_names, date_formats, date_reader
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.summary import Code

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

LabelSource = Literal["filename", "file_content", "static", "none"]
# together with the import's name it must fit into an index entry of 2,704 bytes
MAX_LABEL_CHARACTERS = 500
_COMPRESSED = (".gz", ".zip")


@dataclass(frozen=True)
class Rule:
    """Where one part of the identity is found: its `source`, the `location` there, and for dates the `format`.

    `language` and `pivot`: of the names and two-digit years of a date. `pattern`: of file names, whose groups may be
    locations.
    """

    source: LabelSource
    location: str | None = None
    format: str | None = None
    language: str | None = None
    pivot: int | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Identity:
    """What a file is about: label and day where declared, and the full stamp that orders files."""

    label: str | None = None
    date: date | None = None
    stamp: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do with a file: load it, or record that it is `unchanged` or a `duplicate` of a dataset."""

    action: Literal["load", "unchanged", "duplicate"]
    # the dataset that has the same content
    dataset_id: int | None = None
    # the dataset that it replaces
    supersedes: int | None = None
    reason: str = ""
    # the code of the warning, if the reason is one
    warning: Code | None = None


def split_name_part(name: str, location: str, delimiter: str) -> str:
    """Return the part of a file name, without its suffix, at a position from 0; raise BadDataError if it is missing."""
    path = PurePath(name)
    stem = PurePath(path.stem).stem if path.suffix.lower() in _COMPRESSED else path.stem
    parts = stem.split(delimiter) if delimiter else [stem]
    if int(location) >= len(parts):
        raise BadDataError(
            f"the file name {name} has no part {location} (parts are separated by {delimiter!r} and counted from 0)"
        )
    return parts[int(location)]


def find_group(name: str, pattern: str, group: str) -> str:
    """Return what a group of file_pattern matches in a file name; raise BadDataError if the name does not fit."""
    match = re.fullmatch(pattern, name)
    if match is None or not match[group]:
        raise BadDataError(
            f"the file name {name} does not fit file_pattern {pattern}, whose group {group} is read",
            "Rename the file, or widen file_pattern.",
        )
    return match[group]


def build_identity(label: str | None, date_text: str | None, rule: Rule) -> Identity:
    """Return the identity made from the texts of label and date; `rule`: of the date, whose time only orders files.

    Raises BadDataError when the text is not a date of this format, or the label is too long for an index.
    """
    if label is not None and len(label) > MAX_LABEL_CHARACTERS:
        raise BadDataError(
            f"the label {label[:40]!r}... has {len(label):,} characters, the limit is {MAX_LABEL_CHARACTERS}",
            "Read the label from another column or part of the name (metadata_label_location).",
        )
    if date_text is None:
        return Identity(label)
    try:
        moment = _parse_moment(date_text, rule)
    except ValueError as error:
        raise BadDataError(f"{date_text!r} is not a date of the form {rule.format or 'yyyy-MM-dd'}") from error
    return Identity(label, moment.date(), moment.isoformat())


def _parse_moment(text: str, rule: Rule) -> datetime:
    if rule.format is None:
        return datetime.fromisoformat(text)
    is_free = rule.language is None and date_formats.has_names(rule.format)
    for language in calendar_names.COMMON_LANGUAGES if is_free else (rule.language,):
        with contextlib.suppress(ValueError):
            read = date_reader.make_reader(rule.format, exact=True, language=language, pivot=rule.pivot)
            # stamps only order files, and those of earlier runs name no zone either
            return read(text).replace(tzinfo=None)
    raise ValueError(text)


def find_text_in_name(rule: Rule, name: str, delimiter: str) -> str | None:
    """Return the text that a rule finds without opening the file; None if the rule finds nothing.

    Raises BadDataError when the name has no such part or group, ConfigurationError for a rule that needs the content.
    """
    if rule.source == "none":
        return None
    if rule.source == "static":
        return rule.location
    if rule.source == "filename" and not (rule.location or "0").isdecimal():
        return find_group(name, rule.pattern, rule.location or "")
    if rule.source == "filename":
        return split_name_part(name, rule.location or "0", delimiter)
    raise ConfigurationError(f"{rule.source} needs the content of the file")


def find_stamp_in_name(rule: Rule, name: str, delimiter: str) -> str:
    """Return the stamp that orders files, read from a file name without opening the file; "" where there is none.

    Raises BadDataError when the name has no such part, or it is not a date of the rule's format.
    """
    return build_identity(None, find_text_in_name(rule, name, delimiter), rule).stamp


def decide_load(
    cursor: Cursor, config_name: str, load_mode: str, identity: Identity, content: str, reload: bool
) -> Decision:
    """Decide about a content by the rules of docs/architecture.md (identity and load modes).

    `content`: its SHA-256. `reload`: load it even if it was undone.
    """
    if load_mode == "upsert":
        return _decide_upsert(cursor, config_name, content, reload)
    same: dict[str, object] = {"name": config_name, "label": identity.label, "day": identity.date}
    is_whole = load_mode == "snapshot"
    # datasets of other load modes are part of the state too, so the content of a snapshot alone does not decide
    is_mixed = is_whole and _has_other_modes(cursor, same)
    if is_whole and not is_mixed:
        current = find_current_snapshot(cursor, config_name, identity.label)
        if current and current[1] == content:
            return Decision("unchanged", current[0], reason=f"same content as dataset {current[0]}, the current one")
    cursor.execute(
        f"""select dataset_id, status from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY} and content_sha256 = %(content)s
              and (load_mode = 'snapshot' or status = 'undone' or not %(is_whole)s)
            order by status = 'active' desc, status = 'held' desc, dataset_id desc limit 1""",
        {**same, "content": content, "is_whole": is_whole},
    )
    known = cursor.fetchone()
    if known and known[1] == "active" and not is_mixed:
        return Decision("duplicate", known[0], reason=f"same content as dataset {known[0]}, which is active")
    return _decide_known(known, reload) or Decision(
        "load", supersedes=_find_active_snapshot(cursor, same) if is_whole else None
    )


def _has_other_modes(cursor: Cursor, same: dict[str, object]) -> bool:
    cursor.execute(
        f"""select exists (select from dba.tdataset where config_name = %(name)s and {SAME_LABEL}
            and status = 'active' and load_mode in ('append', 'upsert', 'new_rows'))""",
        same,
    )
    return cursor.fetchone() == (True,)


def _decide_upsert(cursor: Cursor, config_name: str, content: str, reload: bool) -> Decision:
    """Compare only with the newest active dataset: a source may return to an earlier state."""
    cursor.execute(
        """select dataset_id, content_sha256 from dba.tdataset
           where config_name = %s and status = 'active' and load_mode = 'upsert'
           order by dataset_id desc limit 1""",
        (config_name,),
    )
    newest = cursor.fetchone()
    if newest and newest[1] == content:
        return Decision("unchanged", newest[0], reason=f"same content as dataset {newest[0]}, the newest one")
    cursor.execute(
        """select dataset_id, status from dba.tdataset where config_name = %s and content_sha256 = %s
           order by status = 'held' desc, dataset_id desc limit 1""",
        (config_name, content),
    )
    return _decide_known(cursor.fetchone(), reload) or Decision("load")


def _decide_known(known: tuple[int, str] | None, reload: bool) -> Decision | None:
    """Decide about a content by its newest dataset: one loaded after an undo makes the undo history."""
    if known is None:
        return None
    dataset_id, status = known
    if status == "held":
        text = f"duplicate of held {dataset_id}, undecided: {describe_held_steps(dataset_id)}"
        return Decision("duplicate", dataset_id, reason=text, warning="duplicate_of_held")
    if status == "undone" and not reload:
        text = f"same content as dataset {dataset_id}, which was undone; --reload loads it again"
        return Decision("duplicate", dataset_id, reason=text, warning="duplicate_of_undone")
    return None


def describe_held_steps(dataset_id: int | str) -> str:
    """Return the commands that decide about a held dataset, or about each one (`N`)."""
    return f"{format_command('datasets', 'accept', dataset_id)}, or {format_command('datasets', 'undo', dataset_id)}"


def find_active(cursor: Cursor, config_name: str, identity: Identity) -> int | None:
    """Return the active snapshot of the label and day of a file, or None."""
    return _find_active_snapshot(cursor, {"name": config_name, "label": identity.label, "day": identity.date})


def _find_active_snapshot(cursor: Cursor, same: dict[str, object]) -> int | None:
    cursor.execute(
        f"""select dataset_id from dba.tdataset where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY}
            and status = 'active' and load_mode = 'snapshot'""",
        same,
    )
    row = cursor.fetchone()
    return row[0] if row else None
