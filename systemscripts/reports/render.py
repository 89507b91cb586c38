"""From what a report has to say to a subject, a text and an HTML part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jinja2

from systemscripts import settings
from systemscripts.errors import ConfigurationError
from systemscripts.reports import attachments, charts
from systemscripts.reports.content import Content
from systemscripts.reports.definition import FOLDER, Report

TEMPLATES = FOLDER / "templates"


@dataclass(frozen=True)
class Rendered:
    """A report as it would be mailed now. `wanted`: whether send_if is met."""

    subject: str
    text: str
    html: str
    wanted: bool
    files: tuple[attachments.File, ...] = ()


def render(report: Report, content: Content, folder: Path = TEMPLATES) -> Rendered:
    """Fill a report's templates; raises ConfigurationError when one is wrong."""
    values: dict[str, Any] = {"report": report, "now": settings.now(), "tables": content.rows, **content.values()}
    plain, marked_up = _environment(folder, html=False), _environment(folder, html=True)
    text_templates = [f"{report.template}.txt", "tables.txt"]  # a report need not have words of its own
    try:
        files = tuple(
            attachments.make(plain.from_string(report.attachments[place].name).render(values), *table)
            for place, table in content.attached.items()
        )
        values["left_out"] = [file.note for file in files if file.note]
        return Rendered(
            subject=" ".join(plain.from_string(report.subject).render(values).split()),
            text=plain.select_template(text_templates).render(values),
            html=marked_up.get_template(f"{report.template}.html").render(values),
            wanted=content.wanted(report.send_if),
            files=tuple(file for file in files if file.content),
        )
    except jinja2.TemplateError as error:
        place = f" ({error.name} line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise ConfigurationError(f"report {report.report_name}: template: {error}{place}") from error


def _environment(folder: Path, html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=html, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["day"] = _day
    environment.filters["count"] = _count
    environment.filters["line"] = _line
    environment.filters["cell"] = charts.cell
    environment.filters["varying"] = charts.varying
    environment.filters["constant"] = charts.constant
    environment.filters["bars"] = charts.bars
    environment.filters["text_table"] = charts.text_table
    return environment


def _day(moment: date | None) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}" if moment else ""


def _count(number: int, singular: str, plural: str = "") -> str:
    """3 | count("event") -> 3 events."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _line(text: object) -> str:
    """A text of several lines as one."""
    return " ".join(str(text).split())
