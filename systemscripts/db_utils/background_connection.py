"""Open a connection in a thread while the caller imports what it needs: a login takes some 10 ms."""

from __future__ import annotations

import threading

from systemscripts.db_utils.connection import Connection, connect


class BackgroundConnection:
    """The connection that `connect(purpose=...)` returns, available as `result()`."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._connection: Connection | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._open, name="etl-opening", daemon=True)
        self._thread.start()

    def result(self) -> Connection:
        """Wait until the connection is open and return it; raises what `connect` raises."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        try:
            self._connection = connect(purpose=self._purpose)
        # raised by `result`
        except Exception as error:
            self._error = error
