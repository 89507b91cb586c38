"""The environment and the host that a message comes from: in its subject, and in the last line of its text."""

from __future__ import annotations

import html
import platform

from systemscripts import last_resort, settings

# A line may have 998 octets (RFC 5322, 2.1.1), and people read less of it.
MAX_SUBJECT_LETTERS = 250


def describe_origin() -> str:
    """Return where a message comes from, such as `production on etl1`."""
    name = settings.current().environment_name
    return f"{name or last_resort.name_environment(settings.settings_file())} on {platform.node()}"


def add_to_subject(subject: str) -> str:
    """Return a subject in one line, shortened if necessary, with the origin at its end."""
    return _shorten(subject, f" ({describe_origin()})")


def write_plain_subject(subject: str) -> str:
    """Return a subject in one line, shortened if necessary, for people outside: it names no host."""
    return _shorten(subject, "")


def sign(text: str) -> str:
    """Return a text with the origin and the version as its last line."""
    return f"{text.rstrip()}\n\n-- \n{_compose_signature()}\n"


def sign_html(page: str) -> str:
    """Return an HTML page with the origin and the version at its end."""
    body, end, rest = page.rpartition("</body>")
    signature = f'<p style="color:#666;font-size:12px">{html.escape(_compose_signature())}</p>\n'
    return f"{body}{signature}{end}{rest}" if end else f"{page}\n{signature}"


def _shorten(subject: str, end: str) -> str:
    title, longest = " ".join(subject.split()), MAX_SUBJECT_LETTERS - len(end)
    return (title if len(title) <= longest else f"{title[: longest - 3]}...") + end


def _compose_signature() -> str:
    return f"{describe_origin()}, Client ETL Workflow {settings.read_version()}"
