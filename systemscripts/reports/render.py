"""Render the content of a report as a subject, a plain text and an HTML part."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox

from systemscripts import commands, settings
from systemscripts.errors import ConfigurationError
from systemscripts.reports import attachments, charts
from systemscripts.reports.content import Content
from systemscripts.reports.definition import Report

TEMPLATES = settings.PROJECT / "config" / "reports" / "templates"
# An attribute that makes a browser or mail program load or open something.
_LINK = re.compile(r"""\s(href|src|action|formaction)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
# or a place on the same page
_WEB_PAGE = re.compile(r"https?://|#", re.IGNORECASE)


@dataclass(frozen=True)
class Rendered:
    """A report as it would be mailed now. `is_wanted`: whether send_if is met."""

    subject: str
    text: str
    html: str
    is_wanted: bool
    files: tuple[attachments.File, ...] = ()


def render_report(report: Report, content: Content, folder: Path = TEMPLATES) -> Rendered:
    """Fill the templates of a report; raises ConfigurationError if one is wrong."""
    values: dict[str, Any] = {"report": report, "now": settings.now(), "tables": content.rows, **content.values()}
    plain, marked_up = _build_environment(folder, escapes=False), _build_environment(folder, escapes=True)
    # a report need not have a text of its own
    text_templates = [f"{report.template}.txt", "tables.txt"]
    try:
        files = tuple(
            attachments.make_file(plain.from_string(report.attachments[index].name).render(values), *table)
            for index, table in content.attached.items()
        )
        values["left_out"] = [file.note for file in files if file.note]
        if report.targets and values["left_out"]:
            # in a mail the note says so; a target would get nothing, unnoticed
            raise ConfigurationError(
                f"report {report.report_name} cannot be delivered: {values['left_out'][0]}",
                "Raise REPORT_ATTACHMENT_MB, or let the query return less.",
            )
        return Rendered(
            subject=" ".join(plain.from_string(report.subject).render(values).split()),
            text=plain.select_template(text_templates).render(values),
            html=_drop_other_links(marked_up.get_template(f"{report.template}.html").render(values)),
            is_wanted=content.is_wanted(report.send_if),
            files=tuple(file for file in files if file.content),
        )
    except jinja2.TemplateError as error:
        position = f" ({error.name} line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise ConfigurationError(f"report {report.report_name}: template: {error}{position}") from error


def _build_environment(folder: Path, escapes: bool) -> jinja2.Environment:
    # a template only arranges values: it reaches no attribute of Python's own and changes nothing
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folder), autoescape=escapes, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["command"] = _format_command
    environment.filters["day"] = _format_day
    environment.filters["count"] = _format_count
    environment.filters["line"] = _join_lines
    environment.filters["cell"] = charts.format_cell
    environment.filters["varying"] = charts.list_varying
    environment.filters["constant"] = charts.find_constant
    environment.filters["bars"] = charts.build_bars
    environment.filters["text_table"] = charts.render_text_table
    return environment


def _drop_other_links(page: str) -> str:
    """Return the page without links to anything but web pages: an address in a stranger's file may be javascript:."""

    def keep_web_page(link: re.Match[str]) -> str:
        address = html.unescape(link[2] or link[3] or "")
        return link[0] if _WEB_PAGE.match(address.strip()) else ""

    return _LINK.sub(keep_web_page, page)


def _format_command(script: str, *words: str) -> str:
    return commands.format_for_elsewhere(commands.format_command(script, *words))


def _format_day(moment: date | None) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}" if moment else ""


def _format_count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: 3 | count("event") -> 3 events."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _join_lines(text: object) -> str:
    """Return a text of several lines as one line."""
    return " ".join(str(text).split())
