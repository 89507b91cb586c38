"""Check the installation: one line per check, with what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from systemscripts.commands import format_program


def _report_missing_package(error: ImportError) -> int:
    """Print that a package is missing, which is one of the things that the doctor checks; return the exit code."""
    print(f"failure  packages        the Python package {error.name} is missing or broken")
    print(f"{'':24} Run: {format_program('install_dependencies.sh', '--python-only')}")
    return 1


try:
    import typer

    from systemscripts.job import Summary, job, print_text
except ImportError as error:
    sys.exit(_report_missing_package(error))


def _print_checks(values: dict[str, Any]) -> int:
    """Run the checks and print them, without a run: it works with faulty settings, full disks and no database."""
    try:
        return _run_checks(values)
    except ImportError as error:
        return _report_missing_package(error)


def _run_checks(values: dict[str, Any]) -> int:
    from systemscripts import masking
    from systemscripts.monitoring import doctor_checks, doctor_context

    context = doctor_context.gather_context(values["cron_file"])
    lines = doctor_checks.run_checks(context)
    if values["test_mail"]:
        lines += doctor_context.send_test_mail(context)
    _print_rows([{name: masking.mask(str(text)) for name, text in vars(line).items()} for line in lines])
    return int(any(line.state == doctor_checks.FAILURE for line in lines))


def _print_rows(rows: list[dict[str, str]]) -> None:
    if "--json" in sys.argv:
        import json

        print_text(json.dumps({"rows": rows}, ensure_ascii=False))
        return
    is_quiet = "--quiet" in sys.argv
    for row in rows:
        if is_quiet and row["state"] == "ok":
            continue
        print_text(f"{row['state']:8} {row['check']:15} {row['message']}".rstrip())
        if row["next"]:
            print_text(f"{'':24} {row['next']}")
    counts = {state: sum(row["state"] == state for row in rows) for state in ("ok", "warning", "failure")}
    if not is_quiet:
        print_text(", ".join(f"{count} {state}" for state, count in counts.items()))


@job(database=False, alert=False, run_instead=_print_checks)
def doctor(
    test_mail: Annotated[
        bool, typer.Option("--test-mail", help="Send a mail to ALERT_RECIPIENTS; show the conversation.")
    ] = False,
    cron_file: Annotated[
        Path | None, typer.Option(help="The installed cron file; by default this installation's own.")
    ] = None,
) -> Summary:
    """Check settings, database, folders, cron, mail, servers, certificates, clock: ok, warning or failure each.

    Needs no database and changes nothing. The exit code is 1 if there is a failure. --test-mail also sends one mail and
    shows the conversation with the mail server, without the password.

    Examples:
        doctor.py
        doctor.py --test-mail
    """
    return Summary()


if __name__ == "__main__":
    doctor.main()
