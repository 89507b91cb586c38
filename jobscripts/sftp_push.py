"""Deliver files to a target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="{target}", database=False)
def sftp_push(
    target: Annotated[str, typer.Argument(help="The target, config/targets/NAME.yaml.")],
    files: Annotated[list[Path], typer.Argument(help="The files to deliver.")],
) -> Summary:
    """Deliver files to a delivery target. Each is uploaded under a temporary name and then renamed.

    A file of the same name is replaced. A failed delivery may be repeated.

    Examples:
        sftp_push.py client_reports /tmp/report.xlsx
        sftp_push.py client_reports rejected_12.csv rejected_13.csv
    """
    from systemscripts import targets

    chosen = targets.load_target(target)
    warnings = targets.find_plain_secrets(chosen)
    targets.deliver(chosen, files)
    summary = Summary(headline=f"{len(files)} {'file' if len(files) == 1 else 'files'} delivered to {target}")
    summary.files = len(files)
    summary.warn_all(warnings)
    return summary


if __name__ == "__main__":
    sftp_push.main()
