"""DuckDB in the process of a parser: in little memory, without other files, extensions and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# DuckDB reads how many processors and how much memory the system grants, and ends the process where it may not.
SYSTEM_PATHS = ("/proc/stat", "/proc/self/cgroup", "/sys/devices/system/cpu/online", "/sys/fs/cgroup")
# Below the limit on the memory of this process, with room for rows on their way.
MEMORY_LIMIT = "400MB"


def connect() -> DuckDBPyConnection:
    """Return a connection; each of its cursors works in the thread that uses it."""
    # a small file needs no DuckDB
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": "", "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )  # fmt: skip
