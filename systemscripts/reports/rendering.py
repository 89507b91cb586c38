"""From queries to a subject, a text and an HTML part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from systemscripts import settings
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.reports.definition import FOLDER, Report

TEMPLATES = FOLDER / "templates"


@dataclass(frozen=True)
class Rendered:
    """A report as it would be mailed now. `wanted`: whether send_if is met."""

    subject: str
    text: str
    html: str
    wanted: bool


def render(report: Report, reader: Connection, since: int, until: int, folder: Path = TEMPLATES) -> Rendered:
    """Fill a report's templates; the queries run with the reader's login, in one read-only snapshot.

    `since`, `until`: the datasets to report, after the one and up to the other. Raises ConfigurationError when a query
    or template is wrong.
    """
    rows = _rows(report, reader, since, until)
    values: dict[str, Any] = {"report": report, "now": settings.now(), **rows}
    wanted = report.send_if == "always" or any(
        found for name, found in rows.items() if report.send_if == "rows" or name == "problems"
    )
    try:
        return Rendered(
            subject=_environment(folder, html=False).from_string(report.subject).render(values),
            text=_environment(folder, html=False).get_template(f"{report.template}.txt").render(values),
            html=_environment(folder, html=True).get_template(f"{report.template}.html").render(values),
            wanted=wanted,
        )
    except jinja2.TemplateError as error:
        place = f" ({error.name} line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise ConfigurationError(f"report {report.report_name}: template: {error}{place}") from error


def _rows(report: Report, reader: Connection, since: int, until: int) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with transaction(reader) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        for name, statement in report.queries.items():
            cursor.execute(statement, {"since": since, "until": until})
            columns = [column.name for column in cursor.description or ()]
            found[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return found


def _environment(folder: Path, html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=html, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["day"] = _day
    environment.filters["count"] = _count
    return environment


def _day(moment: datetime | None) -> str:
    return moment.strftime("%a %d %b %Y") if moment else ""


def _count(number: int, singular: str, plural: str = "") -> str:
    """3 | count("event") -> 3 events."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
