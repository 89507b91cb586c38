"""The definition of a report: a row of dba.treportmanager as a typed object, filled from config/reports/NAME.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from systemscripts import configuration, settings
from systemscripts.commands import format_command
from systemscripts.configuration import yaml_folders
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import ConfigurationError, UsageError, describe_faults, did_you_mean
from systemscripts.reports.report_part import check_parts

_COLUMNS = (
    "report_name", "subject", "recipients", "template", "queries", "parts", "attachments", "send_if", "is_active",
    "targets", "for_each",
)  # fmt: skip


class Attachment(BaseModel):
    """A file attached to the mail: the rows of one query."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # a template, such as orders_{{ now.strftime("%Y%m%d") }}.csv
    name: str = Field(pattern=r"^[^/\\]+\.(csv|xlsx|parquet)$")
    # the name of one of the report's queries or parts, or SQL of its own
    query: str
    # whether it goes without rows too
    if_empty: bool = True


class Report(BaseModel):
    """A mail: subject and template filled by queries, which run with the reader's login, and by parts.

    Queries may use %(since)s, the newest dataset at the last delivery, %(until)s, the newest dataset now,
    %(run)s, the run that sends, %(now)s, the time by the suite's clock, and %(each)s, the name in a row of `for_each`
    (NULL in the report itself). The rows of `problems` and of all problems_... queries together are `problems` in the
    template, where they come first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    report_name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    subject: str
    recipients: list[settings.Mailbox] = []
    # NAME of config/reports/templates/NAME.html and NAME.txt
    template: str = "tables"
    queries: dict[str, str] = {}
    # see systemscripts/reports/parts
    parts: dict[str, Any] = {}
    attachments: list[Attachment] = []
    send_if: Literal["always", "rows", "problems"] = "always"
    is_active: bool = True
    # config/targets/NAME.yaml: where the attachments are delivered as files
    targets: list[str] = []
    # a query whose rows (`name`, `recipients`) get a mail of their own each, in which %(each)s is the name
    for_each: str = ""

    @field_validator("parts")
    @classmethod
    def _check_parts(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_parts(value)
        return value

    @model_validator(mode="after")
    def _check_targets(self) -> Report:
        if self.targets and not self.attachments:
            raise ValueError("targets receive the attachments, and there are none")
        if self.for_each and self.for_each not in self.queries:
            raise ValueError(f"for_each names no query: {self.for_each}")
        return self


def load_report(connection: Connection, name: str) -> Report:
    """Return a report by name; raises UsageError with the nearest name, ConfigurationError if its row is faulty."""
    with transaction(connection) as cursor:
        return read_report_row(cursor, name)


def read_report_row(cursor: Cursor, name: str) -> Report:
    """Return a report by name, read in an open transaction; raises what `load_report` raises."""
    cursor.execute(f"select {', '.join(_COLUMNS)} from dba.treportmanager")
    rows = {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()}
    if name not in rows:
        raise UsageError(f"there is no report {name!r}{did_you_mean(name, rows)}", f"Add config/reports/{name}.yaml.")
    try:
        return Report.model_validate(rows[name])
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(
            f"dba.treportmanager row {name}: {faults}", "Edit the row, or apply its YAML again."
        ) from error


def apply_files(connection: Connection, folder: Path | None = None) -> list[str]:
    """Update dba.treportmanager from the YAML files that changed; return their names.

    An unchanged file never touches the row. Raises ConfigurationError that names every fault of every changed file; a
    changed file whose row was edited too is a fault.
    """
    with transaction(connection) as cursor:
        cursor.execute("select report_name, yaml_hash from dba.treportmanager")
        known = dict(cursor.fetchall())
        edited = _find_edited(cursor)
    done, find_faults = [], []
    for path in yaml_folders.list_files("reports", folder):
        try:
            document = configuration.read_document(path)
            if known.get(path.stem) != document.sha256:
                if path.stem in edited:
                    raise _explain_both_changed(path)
                _write_row(
                    connection,
                    configuration.validate_document(document, Report, report_name=path.stem),
                    document.sha256,
                )
                done.append(path.stem)
        except ConfigurationError as error:
            find_faults.append(str(error))
    if find_faults:
        raise ConfigurationError("; ".join(find_faults))
    return done


def find_faults(folder: Path | None = None) -> list[str]:
    """Return what is wrong in the YAML files of the reports."""
    faults = []
    for path in yaml_folders.list_files("reports", folder):
        try:
            configuration.validate_document(configuration.read_document(path), Report, report_name=path.stem)
        except ConfigurationError as error:
            faults.append(str(error))
    return faults


def _find_edited(cursor: Cursor) -> set[str]:
    """Return the reports whose row was edited after their YAML was applied."""
    cursor.execute(f"select {', '.join(_COLUMNS)}, applied from dba.treportmanager where applied is not null")
    rows = [(dict(zip(_COLUMNS, row, strict=False)), row[-1]) for row in cursor.fetchall()]
    return {values["report_name"] for values, applied in rows if json.loads(json.dumps(values)) != applied}


def _explain_both_changed(path: Path) -> ConfigurationError:
    forget = f"update dba.treportmanager set applied = null where report_name = '{path.stem}'"
    return ConfigurationError(
        f"{path}: the file changed, and its row in dba.treportmanager was edited as well",
        f"Copy the changed row into the file, then: {format_command('database', 'sql', forget)}",
    )


def _write_row(connection: Connection, report: Report, digest: str) -> None:
    values = report.model_dump() | {"yaml_hash": digest}
    values["applied"] = json.dumps({name: values[name] for name in _COLUMNS})
    values |= {name: json.dumps(values[name]) for name in ("queries", "parts", "attachments")}
    updates = ", ".join(f"{name} = excluded.{name}" for name in values if name != "report_name")
    with transaction(connection) as cursor:
        cursor.execute(
            f"""insert into dba.treportmanager ({", ".join(values)}) values ({", ".join(["%s"] * len(values))})
                on conflict (report_name) do update set {updates}, updated_at = now()""",
            list(values.values()),
        )
