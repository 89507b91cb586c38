"""A YAML that somebody uploads: checked by the rules for uploads, faults at their lines; stored or only looked at."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from flask import request

from systemscripts.configuration import uploads, yaml_job
from systemscripts.configuration.yaml_documents import parse_document
from systemscripts.db_utils import transaction
from systemscripts.errors import ConfigurationError
from webconsole import connections

logger = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024
_AT_LINE = re.compile(r"^\S+ line (\d+): (.*)$", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where; line 0 where it is the whole."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class Upload:
    """A name and a text, and what is wrong with them."""

    name: str
    text: str
    faults: tuple[Fault, ...]

    @property
    def content(self) -> bytes:
        """As it is stored."""
        return self.text.encode()

    @property
    def lines(self) -> list[str]:
        """As they are shown, with `at` for what is wrong there."""
        return self.text.splitlines()

    def at(self, line: int) -> list[str]:
        """What is wrong at a line."""
        return [fault.text for fault in self.faults if fault.line == line]


def from_form() -> Upload:
    """The upload of a form: a file, else the text that was typed; the name, else that of the file."""
    given = request.files.get("file")
    if given is not None and given.filename:
        text = given.stream.read(MOST_BYTES + 1).decode("utf-8-sig", "replace")
        name = request.form.get("name", "").strip() or name_of(given.filename)
    else:
        text, name = request.form.get("yaml", ""), request.form.get("name", "").strip()
    return checked(name, text)


def name_of(file_name: str) -> str:
    """A configuration's name out of a file's; no part of a path comes through."""
    return re.sub(r"[^a-z0-9]+", "_", Path(file_name.replace("\\", "/")).stem.lower()).strip("_")[:41]


def checked(name: str, text: str) -> Upload:
    """Look at an upload; nothing is stored."""
    text = text.replace("\r\n", "\n")
    if "\x00" in text:
        return Upload(name, text.replace("\x00", "\ufffd"), (Fault(0, "It holds what is no text."),))
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return Upload(name, text[:2000], (Fault(0, "It is larger than 256 kB, which no configuration is."),))
    if not _NAME.fullmatch(name):
        fault = Fault(0, f"{name!r} is not a name for a configuration. Use lower-case letters, digits and _.")
        return Upload(name, text, (fault,))
    return Upload(
        name, text, tuple(_as_fault(each) for each in uploads.find_faults(name, text.encode("utf-8", "replace")))
    )


def _as_fault(text: str) -> Fault:
    found = _AT_LINE.match(text)
    return Fault(int(found[1]), found[2]) if found else Fault(0, text)


def target_of(upload: Upload) -> str:
    """The table that a good upload would fill; raises ConfigurationError."""
    config, _, _ = yaml_job.build_job(parse_document(Path(f"{upload.name}.yaml"), upload.content), upload.name)
    if not config.target_table:
        raise ConfigurationError(f"{upload.name} fills no table of the database", "Look at its files instead.")
    return config.target_table


def operators_target(text: str) -> str:
    """Return the table that a YAML names, where an import of the operator fills it; else an empty text.

    Looking at such a table takes no more than its name: the rules for uploads are about what is stored and run.
    """
    try:
        values = parse_document(Path("looked_at.yaml"), text.encode("utf-8", "replace")).values
    except ConfigurationError:
        return ""
    target = values.get("target")
    table = values.get("target_table") or (target.get("table") if isinstance(target, dict) else "")
    with connections.reading() as cursor:
        cursor.execute(
            "select 1 from dba.timportconfig where target_table = %s and managed_by <> 'upload'", (str(table or ""),)
        )
        return str(table) if cursor.fetchone() else ""


def store(upload: Upload, user_name: str) -> str:
    """Store a good upload as the next version; says what came of it. Raises ConfigurationError with every fault."""
    connection = connections.acting()
    version = uploads.store_upload(connection, upload.name, upload.content)
    if version is None:
        return f"{upload.name} holds that already"
    with transaction(connection) as cursor:
        cursor.execute(
            "update dba.tconfighistory set changed_by = %s where config_name = %s and version = %s",
            (user_name, upload.name, version),
        )
    logger.info("console: %s uploaded %s, now version %s", user_name, upload.name, version)
    return f"{upload.name} is stored as version {version}"
