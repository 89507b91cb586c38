"""Mails made from queries: what a report is, how it is drawn, and the ledger of what was sent."""

from __future__ import annotations

from systemscripts.reports.content import Content, gather
from systemscripts.reports.definition import Report, apply_files, faults, load
from systemscripts.reports.delivery_ledger import Delivery, deliver
from systemscripts.reports.render import Rendered, render

__all__ = ["Content", "Delivery", "Rendered", "Report", "apply_files", "deliver", "faults", "gather", "load", "render"]
