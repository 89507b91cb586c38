"""What a template can do with the values of strangers' files: arrange them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts.errors import ConfigurationError
from systemscripts.reports.content import Content
from systemscripts.reports.definition import Report
from systemscripts.reports.render import render_report
from tests.conftest import Installation


def render(folder: Path, page: str, subject: str = "x", **row: str) -> str:
    (folder / "own.html").write_text(page)
    (folder / "own.txt").write_text("")
    report = Report(report_name="own", subject=subject, template="own")
    return render_report(report, Content({"rows": [row]}, []), folder).html


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://example.com/a?b=1&c=2", True),
        ("HTTP://example.com", True),
        ("#row-3", True),
        ("javascript:alert(1)", False),
        (" java\tscript:alert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("file:///etc/passwd", False),
        ("//example.com/a", False),
        ("vbscript:x", False),
    ],
)
def test_a_link_in_a_mail_leads_to_a_web_page_or_is_none(
    here: Installation, tmp_path: Path, url: str, is_kept: bool
) -> None:
    shown = render(tmp_path, "<a href=\"{{ rows[0].url }}\">a</a><img src = '{{ rows[0].url }}'>", url=url)
    assert ("href=" in shown, "src = " in shown) == (is_kept, is_kept), shown
    assert shown.startswith("<a")
    assert ">a</a><img" in shown


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__[1].__subclasses__()",
        "rows.__class__.__init__.__globals__",
        "cycler.__init__.__globals__.os.popen('id').read()",
        "rows.append(1)",
        "rows[0].update(url='x')",
    ],
)
def test_a_template_reaches_nothing_of_pythons_own_and_changes_nothing(
    here: Installation, tmp_path: Path, expression: str
) -> None:
    with pytest.raises(ConfigurationError, match="report own: template: "):
        render(tmp_path, f"{{{{ {expression} }}}}", url="a")
    with pytest.raises(ConfigurationError, match="report own: template: "):
        render(tmp_path, "", subject=f"{{{{ {expression} }}}}", url="a")
