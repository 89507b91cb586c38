"""Mail a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, get_wait_seconds, job

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection
    from systemscripts.reports import Delivery, Report


@job(lock="{report}")
def send_report(
    report: Annotated[str, typer.Argument(help="The report, config/reports/NAME.yaml.")],
    preview: Annotated[Path | None, typer.Option(help="Write the HTML part to this file; send nothing.")] = None,
) -> Summary:
    """Mail what is new since the last mail of a report.

    A mail that the server did not accept is kept and sent first the next time; nothing is sent twice.

    Examples:
        send_report.py meetmax_changes
        send_report.py meetmax_changes --preview /tmp/mail.html
    """
    import contextlib

    from systemscripts import db_utils, log_utils, reports, targets

    with (
        contextlib.closing(db_utils.connect(purpose=f"send_report {report}")) as connection,
        contextlib.closing(db_utils.connect("reader", purpose=f"send_report {report}")) as reader,
    ):
        reports.apply_files(connection)
        definition = reports.load_report(connection, report)
        if not definition.is_active:
            return Summary(headline=f"report {report} is not active, nothing sent")
        if preview is not None:
            return _preview(definition, connection, reader, preview)
        deliveries = reports.deliver_report(
            definition, connection, reader, log_utils.get_run_uuid(), get_wait_seconds(),
            deliver_to_target=lambda name, *what: targets.deliver(targets.load_target(name), *what),
        )  # fmt: skip
    return _summary(deliveries)


def _summary(deliveries: list[Delivery]) -> Summary:
    sent = [delivery for delivery in deliveries if delivery.status == "sent"]
    nothing = "no mail sent" if any(d.error for d in deliveries) else "nothing new, no mail sent"
    summary = Summary(headline=f"sent: {'; '.join(d.subject for d in sent)}" if sent else nothing)
    summary.rows = [{"mail": d.delivery_id, "subject": d.subject, "to": ", ".join(d.recipients)} for d in sent]
    by_error: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.error:
            by_error.setdefault(delivery.error, []).append(delivery)
    for error, (first, *others) in by_error.items():
        more = f" and {len(others)} more" if others else ""
        summary.problem(f"mail {first.delivery_id}, {first.subject!r}{more}: {error}", first.exit_code)
    return summary


def _preview(report: Report, connection: Connection, reader: Connection, path: Path) -> Summary:
    from systemscripts import db_utils, log_utils, reports

    with db_utils.transaction(connection) as cursor:
        content = reports.gather_content(report, cursor, reader, log_utils.get_run_uuid())
    rendered = reports.render_report(report, content)
    path.write_text(rendered.html, encoding="utf-8")
    note = "" if rendered.is_wanted else f" (send_if: {report.send_if} is not met, it would not be sent)"
    return Summary(headline=f"{path}: {rendered.subject}{note}")


if __name__ == "__main__":
    send_report.main()
