"""The pages of names are true: what they say is here exists, and what they say was renamed has gone."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NAMES_ELSEWHERE = (
    "etl.sh", "run.sh", "main.py", "pipeline.py", "scheduleAndManual.py", "start_extract.py", "sftp-mock.py",
    "make testing",
)  # fmt: skip


def _read_rows(page: str, heading: str) -> list[tuple[str, str]]:
    """Return the two columns of each row of the table that has this heading row."""
    _, _, table = (PROJECT / "docs" / page).read_text().partition(f"{heading}\n| --- | --- |\n")
    return re.findall(r"^\| (.+?) \| (.+) \|$", table.partition("\n\n")[0], re.MULTILINE)


def _exists(name: str) -> bool:
    return (PROJECT / name).exists() or (PROJECT / "jobscripts" / name).exists()


def _is_module(name: str) -> bool:
    top = PROJECT if name.startswith("webconsole") else PROJECT / "systemscripts"
    return (top / f"{name}.py").exists() or (top / name / "__init__.py").exists()


def test_each_name_that_other_systems_use_leads_to_a_file_or_folder_of_ours() -> None:
    rows = _read_rows("scripts.md", "| there | here |")
    ours = [
        name for _, here in rows for name in re.findall(r"`([^`]+)`", here) if re.search(r"/|\.(py|sh|cron)$", name)
    ]
    assert len(ours) > 40
    assert [name for name in ours if not _exists(name)] == []
    assert [there for there, here in rows if not any(name in here for name in ours)] == []


def test_the_names_of_the_first_versions_are_on_the_page() -> None:
    there = " ".join(row[0] for row in _read_rows("scripts.md", "| there | here |"))
    assert [name for name in NAMES_ELSEWHERE if f"`{name}`" not in there] == []


def test_each_renamed_module_has_gone_and_its_new_name_exists() -> None:
    rows = [(old.strip("`"), new.strip("`")) for old, new in _read_rows("developers/names.md", "| before | now |")]
    assert len(rows) > 150
    assert [new for _, new in rows if not _is_module(new)] == []
    # a module may have become the package that now holds it
    assert [old for old, new in rows if _is_module(old) and not new.startswith(f"{old}/")] == []
