"""Demo of the pipeline gho: a local OData server, an installation in var/demo/, two Tuesdays.

The pipeline and its processes are the ordinary ones; only settings differ. On the second Tuesday the WHO has corrected
a value, added a field and published a value that is not a number of years.
"""

from __future__ import annotations

import contextlib
from datetime import date, datetime, time
from typing import Any

from demo import gho_data
from demo.installation import DemoInstallation
from demo.odata_server import BUSY, DOWN, ODataServer
from systemscripts.commands import format_command

TUESDAYS = (date(2026, 11, 17), date(2026, 11, 24))
START_TIME = time(5)
HICCUPS = {2: BUSY, 4: DOWN}
INDICATORS = ("gho_life_expectancy", "gho_life_expectancy_at_60")


def run() -> int:
    """Run the demo and show what happened; return the exit code."""
    installation = DemoInstallation()
    with installation.serve_mail(), installation.serve("gho", lambda port: ODataServer(port, hiccups=HICCUPS)) as who:
        installation.write_settings(SOURCE_GHO_URL=who.base_url)
        worst = 0
        for number, tuesday in enumerate(TUESDAYS):
            if number:
                for code, records in who.records.items():
                    who.records[code] = gho_data.correct_records(records)
            print(f"\n{tuesday:%A %d %B %Y}", flush=True)
            worst = worst or installation.run_day("gho", datetime.combine(tuesday, START_TIME))
        installation.enter()
        installation.show_result(
            "What happened",
            _list_loads(),
            [],
            [
                format_command("database", "sql", "select * from public.life_expectancy_at_birth_current limit 20"),
                format_command("dataset_changes", "gho_life_expectancy"),
                format_command("database", "sql", "select reason, raw_row from dba.trejectedrow"),
                format_command("generic_import", "--help"),
            ],
        )
    return worst


def _list_loads() -> list[dict[str, Any]]:
    """Return a row for each file of the indicators."""
    from systemscripts import db_utils

    names = ("indicator", "file", "state", "read", "loaded", "rejected", "skipped")
    with contextlib.closing(db_utils.connect(purpose="demo")) as connection, db_utils.transaction(connection) as cursor:
        cursor.execute(
            """select config_name, name, status, rows_read, rows_loaded, rows_rejected, rows_skipped
               from dba.tfile where config_name = any(%s) order by file_id""",
            (list(INDICATORS),),
        )
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
