"""The visits demo: one command, a local SFTP server, three nights, tables at the end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from demo import visits_reports
from tests.conftest import PROJECT


def test_the_demo_ends_with_the_tables_and_an_empty_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "SMTP_", "DATABASE_", "SOURCE_"))}
    environment = clean | {"ETL_DATA_DIR": str(data), "ETL_NO_CRON_LOG": "1"}
    script = PROJECT / "run_python_etl_script.sh"
    try:
        done = subprocess.run(
            [script, "run_pipeline.py", "visits", "--demo"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        reports = [report for day in visits_reports.DAYS for report in visits_reports.make_reports(day)]
        visits = {email.lower(): 0 for report in reports for email, _ in report.good}
        growing = visits_reports.make_report(99, visits_reports.DAYS[0], 500)
        for report in [*reports, growing]:
            for email, _ in report.good:
                visits[email.lower()] = visits.get(email.lower(), 0) + 1
        shown = done.stdout.rsplit("visits.visitor", 1)[1]
        names = {line.split()[0]: int(line.split()[5]) for line in shown.splitlines() if "@example.test" in line}
        assert names == visits
        errors = done.stdout.rsplit("visits.errors", 1)[1].split("visits.visitor")[0]
        assert errors.count("\nrow ") == sum(report.rejected for report in reports)
        assert errors.count("\nfile ") == 1
        assert "report_99.txt is still being written" in done.stdout
        assert "left on the SFTP server: nothing" in done.stdout and "next:" in done.stdout
    finally:
        demo = data / "var" / "demo"
        settings = {"ETL_DATA_DIR": str(demo), "ETL_ENV_FILE": str(demo / "settings.env")}
        subprocess.run([script, "database.py", "stop"], env=environment | settings, capture_output=True, check=False)
        if match := re.search(r"^database: (\S+)", done.stdout, re.MULTILINE):
            shutil.rmtree(match[1], ignore_errors=True)
