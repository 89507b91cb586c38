"""Show the glossary of docs/glossary.md."""

from __future__ import annotations

import re

from flask import Blueprint, render_template
from markupsafe import Markup, escape

from systemscripts import settings
from webconsole.security import access

blueprint = Blueprint("glossary", __name__)
GLOSSARY_FILE = settings.PROJECT / "docs" / "glossary.md"


@blueprint.get("/console/glossary")
@access.allow("user")
def show_page() -> str:
    """Show every term with its definition."""
    sections = re.findall(r"^## (.+)\n((?:(?!## ).+\n)+)", GLOSSARY_FILE.read_text(), re.MULTILINE)
    return render_template("glossary.html", terms=[(term, _render_code(text)) for term, text in sections])


def _render_code(text: str) -> Markup:
    """Return a paragraph as HTML, with the words between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
