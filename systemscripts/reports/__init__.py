"""Reports: mails made from queries, how they are rendered, and the ledger of what was sent."""

from __future__ import annotations

from systemscripts.reports.content import Content, gather_content
from systemscripts.reports.definition import Report, apply_files, find_faults, load_report, read_report_row
from systemscripts.reports.delivery_ledger import deliver_report
from systemscripts.reports.render import Rendered, render_report
from systemscripts.reports.written_mails import Delivery

__all__ = [
    "Content", "Delivery", "Rendered", "Report", "apply_files", "deliver_report", "find_faults",
    "gather_content", "load_report", "read_report_row", "render_report",
]  # fmt: skip
