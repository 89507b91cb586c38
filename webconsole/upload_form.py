"""Check an uploaded YAML by the rules for uploads, with errors at their lines, and store it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from flask import request

from systemscripts.configuration import config_versions, edit_import, uploads, yaml_job
from systemscripts.configuration.yaml_documents import parse_document
from systemscripts.db_utils import transaction
from systemscripts.errors import ConfigurationError
from webconsole import connections

logger = logging.getLogger(__name__)

# the largest configurations are a few kilobytes
MAX_YAML_BYTES = 256 * 1024
_AT_LINE = re.compile(r"^\S+ line (\d+): (.*)$", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Fault:
    """What is wrong and in which line; line 0 means the whole file."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class Upload:
    """A name, a YAML text and what is wrong with them."""

    name: str
    text: str
    faults: tuple[Fault, ...]

    @property
    def content(self) -> bytes:
        """Return the text as bytes, as it is stored."""
        return self.text.encode()

    @property
    def lines(self) -> list[str]:
        """Return the lines of the text, for display with `find_faults_at`."""
        return self.text.splitlines()

    def find_faults_at(self, line: int) -> list[str]:
        """Return the errors of a line, counted from 1."""
        return [fault.text for fault in self.faults if fault.line == line]


def read_form() -> Upload:
    """Return the upload of the current form: the file, else the text; the name, else that of the file."""
    file = request.files.get("file")
    if file is not None and file.filename:
        text = file.stream.read(MAX_YAML_BYTES + 1).decode("utf-8-sig", "replace")
        name = request.form.get("name", "").strip() or make_name(file.filename)
    else:
        text, name = request.form.get("yaml", ""), request.form.get("name", "").strip()
    return check_upload(name, text)


def make_name(file_name: str) -> str:
    """Return a name for a configuration from a file name, without any folder."""
    return re.sub(r"[^a-z0-9]+", "_", Path(file_name.replace("\\", "/")).stem.lower()).strip("_")[:41]


def check_upload(name: str, text: str) -> Upload:
    """Return an upload with its errors, without storing it."""
    text = text.replace("\r\n", "\n")
    if "\x00" in text:
        return Upload(name, text.replace("\x00", "\ufffd"), (Fault(0, "The file contains invalid characters (NUL)."),))
    if len(text.encode("utf-8", "replace")) > MAX_YAML_BYTES:
        return Upload(name, text[:2000], (Fault(0, "The file is larger than 256 kB."),))
    if not _NAME.fullmatch(name):
        fault = Fault(
            0, f"{name!r} is not a valid name. Use lower-case letters, digits and _, and start with a letter."
        )
        return Upload(name, text, (fault,))
    return Upload(
        name, text, tuple(_parse_fault(error) for error in uploads.find_faults(name, text.encode("utf-8", "replace")))
    )


def check_edit(name: str, text: str, seen_version: str = "") -> Upload:
    """Return an edited configuration with its errors, without storing it; raise MissingError if it does not exist.

    `seen_version`: the version that was edited; a newer one is an error. "": not known.
    """
    text = text.replace("\r\n", "\n")
    if "\x00" in text:
        return Upload(name, text.replace("\x00", "\ufffd"), (Fault(0, "The text contains invalid characters (NUL)."),))
    content = text.encode("utf-8", "replace")
    if len(content) > MAX_YAML_BYTES:
        return Upload(name, text[:2000], (Fault(0, "The text is larger than 256 kB."),))
    faults = [
        _parse_fault(fault) for fault in edit_import.find_edit_faults(connections.connect_as_etl(), name, content)
    ]
    with connections.read_as_etl() as cursor:
        (newest,) = config_versions.list_versions(cursor, name, limit=1)
    if seen_version not in ("", str(newest.version)):
        text_of_fault = f"Version {newest.version} was stored meanwhile, by {newest.changed_by}: compare, then store."
        faults.insert(0, Fault(0, text_of_fault))
    return Upload(name, text, tuple(faults))


def _parse_fault(text: str) -> Fault:
    match = _AT_LINE.match(text)
    return Fault(int(match[1]), match[2]) if match else Fault(0, text)


def find_target(upload: Upload) -> str:
    """Return the table that a valid upload fills; raise ConfigurationError if it fills none."""
    config, _, _ = yaml_job.build_job(parse_document(Path(f"{upload.name}.yaml"), upload.content), upload.name)
    if not config.target_table:
        raise ConfigurationError(f"{upload.name} does not fill a table of the database", "See its files instead.")
    return config.target_table


def find_operator_target(text: str) -> str:
    """Return the table that a YAML names if an import of the operator fills it, else an empty text.

    Such a table may be viewed by its name alone: the rules for uploads concern what is stored and run.
    """
    try:
        values = parse_document(Path("viewed.yaml"), text.encode("utf-8", "replace")).values
    except ConfigurationError:
        return ""
    target = values.get("target")
    table = values.get("target_table") or (target.get("table") if isinstance(target, dict) else "")
    with connections.read_as_etl() as cursor:
        cursor.execute(
            "select 1 from dba.timportconfig where target_table = %s and managed_by <> 'upload'", (str(table or ""),)
        )
        return str(table) if cursor.fetchone() else ""


def store_upload(upload: Upload, user_name: str) -> str:
    """Store a valid upload as the next version and return a sentence about it.

    Raise ConfigurationError with every error.
    """
    connection = connections.connect_as_etl()
    version = uploads.store_upload(connection, upload.name, upload.content)
    if version is None:
        return f"{upload.name} already has this content"
    with transaction(connection) as cursor:
        config_versions.note_author(cursor, upload.name, version, user_name)
    logger.info("console: %s uploaded %s, now version %s", user_name, upload.name, version)
    return f"{upload.name} is stored as version {version}"
