"""A connection that is opened in a thread, while the caller imports what it needs: logging in takes some 10 ms."""

from __future__ import annotations

import threading

from systemscripts.db_utils.connection import Connection, connect


class BackgroundConnection:
    """The connection that `connect(purpose=...)` gives, as `result()`."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._connection: Connection | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._open, name="etl-opening", daemon=True)
        self._thread.start()

    def result(self) -> Connection:
        """The connection, once it is open; raises what `connect` raises."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        try:
            self._connection = connect(purpose=self._purpose)
        except Exception as error:  # it belongs to whoever asks for the connection
            self._error = error
