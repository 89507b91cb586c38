"""Identify a file by its label and date, which its name, its content or the configuration names."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Literal

from systemscripts.bounded_patterns import compile_pattern
from systemscripts.dates import calendar_names, date_formats, date_reader
from systemscripts.errors import BadDataError, ConfigurationError

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
    match = compile_pattern(pattern).fullmatch(name)
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
