"""The demo of the indicators: the ordinary pipeline in three phases, twice, against a local OData server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@pytest.mark.timeout(300)
def test_two_tuesdays_of_indicators(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "SMTP_", "DATABASE_", "SOURCE_"))}
    environment = {**clean, "ETL_DATA_DIR": str(tmp_path)}
    demo = tmp_path / "var" / "demo"
    inside = {**clean, "ETL_DATA_DIR": str(demo), "ETL_ENV_FILE": str(demo / "settings.env")}
    wrapper = str(PROJECT / "run_python_etl_script.sh")
    try:
        done = subprocess.run(
            [wrapper, "run_pipeline.py", "gho", "--demo"], env=environment, capture_output=True, text=True, timeout=240,
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("pipeline gho: 3 of 3 steps done") == 2
        what = done.stdout.partition("What happened")[2]
        lines = [line.split()[2:] for line in what.splitlines() if line.startswith("gho_life_expectancy")]
        assert lines == [["loaded", "162", "162", "0", "0"]] * 2 + [["loaded", "74", "73", "1", "0"]] * 2
        again = subprocess.run(
            [wrapper, "run_pipeline.py", "gho", "--demo"], env=environment, capture_output=True, text=True, timeout=240,
            cwd=tmp_path,
        )  # fmt: skip
        assert again.returncode == 0, again.stdout + again.stderr
        assert again.stdout.count("already run by an earlier demo") == 2
        table = again.stdout.partition("What happened")[2].partition("next:")[0]
        assert table == what.partition("next:")[0]  # nothing is loaded, changed or rejected a second time
        query = (
            "select numericvalue, datasourcedim from public.life_expectancy_at_birth where datasourcedim is not null"
        )
        shown = subprocess.run([wrapper, "database.py", "sql", query], env=inside, capture_output=True, text=True)
        assert shown.stdout.splitlines()[1:] == ["61.125,revised"]
        command = done.stdout.partition("next:\n")[2].splitlines()[0]  # to be typed as it stands there
        typed = subprocess.run(command, shell=True, env=clean, capture_output=True, text=True, cwd=tmp_path)
        assert (typed.returncode, len(typed.stdout.splitlines())) == (0, 21), typed.stderr
    finally:
        subprocess.run([wrapper, "database.py", "stop"], env=inside, capture_output=True)
