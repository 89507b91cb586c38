"""PostgreSQL: connections, the embedded server, the schema."""

from __future__ import annotations

from systemscripts.db_utils.background_connection import BackgroundConnection
from systemscripts.db_utils.connection import (
    Connection,
    Cursor,
    Role,
    advisory_lock,
    cancel_statements,
    connect,
    connect_to,
    redact_address,
    resolve_address,
    transaction,
    translate_error,
)

__all__ = [
    "BackgroundConnection",
    "Connection",
    "Cursor",
    "Role",
    "advisory_lock",
    "cancel_statements",
    "connect",
    "connect_to",
    "redact_address",
    "resolve_address",
    "transaction",
    "translate_error",
]
