"""Rows in another PostgreSQL database: its connection, its rights, and the small ledger that is written with the rows.

docs/architecture.md ("Rows in another database") has the order of the commits and what heals a kill after each.
"""

from __future__ import annotations

from systemscripts.target_database.target_connection import TargetDatabase, open_target

__all__ = ["TargetDatabase", "open_target"]
