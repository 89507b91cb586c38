"""What README.md shows of a file of one's own is what its commands print."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench import first_file
from tests.conftest import Installation


def test_the_commands_of_the_readme_print_what_it_shows(installation: Installation, tmp_path: Path) -> None:
    readme = first_file.README.read_text()
    assert (
        "".join(f"    {line}\n" for line in (first_file.PROJECT / first_file.FILE).read_text().splitlines()) in readme
    )
    typed = [shlex.split(line) for line in readme.splitlines() if line.startswith("    ./etl ")]
    assert [["./etl", *command] for command in first_file.COMMANDS if ["./etl", *command] not in typed] == []
    project = tmp_path / "a project"
    project.mkdir()
    first_file.copy_project(project)
    settings = project / "config" / ".env"
    settings.write_text(installation.settings_file.read_text())
    settings.chmod(0o600)
    lines = first_file.run_commands(project)
    hint = "run: PYTHONPATH=. .venv/bin/python -m bench.first_file"
    assert first_file.insert_output(readme, lines) == readme, hint
    assert first_file.PICTURE.read_text() == first_file.draw_picture(lines), hint
