"""PostgreSQL: connections, the embedded server, the schema."""

from __future__ import annotations

from systemscripts.db_utils.background_connection import Opening
from systemscripts.db_utils.connection import (
    Connection,
    Role,
    address,
    advisory_lock,
    cancel_all,
    connect,
    connect_to,
    explain,
    safe_address,
    transaction,
)

__all__ = [
    "Connection",
    "Opening",
    "Role",
    "address",
    "advisory_lock",
    "cancel_all",
    "connect",
    "connect_to",
    "explain",
    "safe_address",
    "transaction",
]
