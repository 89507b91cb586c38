"""The thread beside the main one that keeps dba.trun and dba.tlogentry up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from systemscripts.log_utils.database_delivery import Delivery

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Heartbeat(threading.Thread):
    """Beside the main thread: sign of life, progress, live log.

    `connection`: the one to begin with; `connect` gives another when it is lost.
    """

    EVERY_SECONDS = 2.0
    STOP_SECONDS = 10.0  # how long the end of a run waits for a beat under way

    def __init__(
        self,
        run_uuid: str,
        delivery: Delivery,
        connection: Connection,
        connect: Callable[[], Connection],
        shown: Callable[[], str],
    ) -> None:
        super().__init__(name="etl-keeper", daemon=True)
        self._run_uuid, self._delivery, self._connect, self._shown = run_uuid, delivery, connect, shown
        self._connection: Connection | None = connection
        self._halted = threading.Event()

    def run(self) -> None:
        """Beat until stopped."""
        while not self._halted.wait(self.EVERY_SECONDS):
            self._beat()

    def _beat(self) -> None:
        try:
            self._connection = self._connection or self._connect()
            self._delivery.advance(self._connection)
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "update dba.trun set heartbeat_at = now(), progress = %s where run_uuid = %s",
                    (self._shown(), self._run_uuid),
                )
            self._connection.commit()
        except Exception:  # whatever it is, the log must not fail the job; the marker keeps what is not delivered
            with suppress(Exception):
                if self._connection is not None:
                    self._connection.close()
            self._connection = None

    def stop(self) -> Connection | None:
        """End the thread; returns its connection where it is free for use."""
        self._halted.set()
        self.join(timeout=self.STOP_SECONDS)
        return None if self.is_alive() else self._connection
