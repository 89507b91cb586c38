"""List datasets and their profiles, undo them, accept or retry held files, correct rejected rows."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.errors import UsageError
from systemscripts.job import Summary, get_wait_seconds, job


class Action(StrEnum):
    """What to do with datasets."""

    list = "list"
    accept = "accept"
    retry = "retry"
    undo = "undo"
    replay = "replay"
    export = "export"
    profile = "profile"


What = Annotated[str, typer.Argument(help="The number of a dataset; for list and retry: an import.")]
Target = Annotated[Path | None, typer.Argument(help="For export: the .csv or .xlsx file to write.")]
AsRenamed = Annotated[bool, typer.Option("--as-renamed", help="With accept: use the proposed new column names.")]
Same = Annotated[
    bool, typer.Option("--same", help="With accept: also accept all other files that the same finding holds.")
]
Reason = Annotated[str, typer.Option(help="With accept: the reason, which is stored with the decision.")]
By = Annotated[str, typer.Option(help="With accept: who decided; by default the user of this terminal.")]
ChangeTypes = Annotated[
    bool, typer.Option("--change-types", help="With accept: first change the columns of the table by the schema.")
]
Run = Annotated[str | None, typer.Option(help="With undo: everything that this run loaded.")]
Against = Annotated[int | None, typer.Option(help="With profile: the number of the dataset to compare with.")]
Cascade = Annotated[bool, typer.Option("--cascade", help="With undo: also the later datasets that depend on it.")]


@job(lock="{what}")
def datasets(
    action: Annotated[Action, typer.Argument(help="What to do.", case_sensitive=False)],
    what: What = "", target: Target = None, as_renamed: AsRenamed = False, same: Same = False, reason: Reason = "",
    by: By = "", change_types: ChangeTypes = False, run: Run = None, cascade: Cascade = False, against: Against = None,
) -> Summary:  # fmt: skip
    """List datasets, accept or undo them, try held files again, replay or export rejected rows, show profiles.

    accept loads a held file as it is, or with --as-renamed under the column names that its finding proposes.
    retry loads the held files of an import that now pass its changed configuration.

    Examples:
        datasets.py list
        datasets.py accept 17 --as-renamed
        datasets.py accept 17 --same --reason "the client merged two lists"
        datasets.py retry orders
        datasets.py undo 12
        datasets.py export 12 rejected.xlsx
        datasets.py profile 17 --against 16
    """
    from systemscripts import db_utils, log_utils, settings
    from systemscripts.directory_management import Directories

    connection = db_utils.connect(purpose=f"datasets {action}")
    run_uuid, patience = log_utils.get_run_uuid(), get_wait_seconds()
    directories = Directories(settings.current().etl_data_dir)
    if action is Action.list:
        from systemscripts.datasets.overview import list_datasets

        return list_datasets(connection, what)
    if action is Action.profile:
        from systemscripts.findings.values.show_profile import show_profile

        return show_profile(connection, _number(what, action), against)
    if action is Action.undo:
        from systemscripts.ingest.undo import undo_datasets

        return undo_datasets(connection, run_uuid, None if run else _number(what, action), run, cascade, patience)
    if action is Action.retry:
        from systemscripts.ingest.accept_held import retry_held

        return retry_held(connection, directories, run_uuid, what, patience)
    if action is Action.accept:
        from systemscripts.ingest.accept_held import Verdict, accept_alike, accept_dataset

        accept = accept_alike if same else accept_dataset
        verdict = Verdict(by or getpass.getuser(), reason, as_renamed=as_renamed, change_types=change_types)
        return accept(connection, directories, run_uuid, _number(what, action), patience, verdict)
    if action is Action.replay:
        from systemscripts.ingest.replay_rejects import replay_rejects

        return replay_rejects(connection, _number(what, action), patience, directories)
    from systemscripts.ingest.export_rejects import export_rejects

    if target is None:
        raise UsageError(
            "export needs a file to write", f"Such as: {format_command('datasets', 'export', '12', 'rejected.xlsx')}"
        )
    return export_rejects(connection, _number(what, action), target)


def _number(text: str, action: Action) -> int:
    if not text.isdecimal():
        given = f", not {text!r}" if text else ""
        raise UsageError(f"{action} takes the number of a dataset{given}", f"See: {format_command('datasets', 'list')}")
    return int(text)


if __name__ == "__main__":
    datasets.main()
