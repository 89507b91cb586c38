"""A thread that keeps dba.trun and dba.tlogentry up to date while a job runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from systemscripts.log_utils.database_delivery import Delivery

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Heartbeat(threading.Thread):
    """Updates the heartbeat, the progress and the log of a run in the database.

    `connection`: the first one to use; `connect` opens another when it is lost. `get_progress`: returns the current
    progress in words.
    """

    EVERY_SECONDS = 2.0
    # How long the end of a run waits for a beat that is under way.
    STOP_SECONDS = 10.0

    def __init__(
        self,
        run_uuid: str,
        delivery: Delivery,
        connection: Connection,
        connect: Callable[[], Connection],
        get_progress: Callable[[], str],
    ) -> None:
        super().__init__(name="etl-heartbeat", daemon=True)
        self._run_uuid, self._delivery, self._connect = run_uuid, delivery, connect
        self._get_progress = get_progress
        self._connection: Connection | None = connection
        self._halted = threading.Event()

    def run(self) -> None:
        """Beat until stopped."""
        while not self._halted.wait(self.EVERY_SECONDS):
            self._beat()

    def _beat(self) -> None:
        try:
            self._connection = self._connection or self._connect()
            self._delivery.send_new_entries(self._connection)
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "update dba.trun set heartbeat_at = now(), progress = %s where run_uuid = %s",
                    (self._get_progress(), self._run_uuid),
                )
            self._connection.commit()
        # the log must never fail the job; what is not delivered stays marked
        except Exception:
            with suppress(Exception):
                if self._connection is not None:
                    self._connection.close()
            self._connection = None

    def stop(self) -> Connection | None:
        """Stop the thread; return its connection if it is free for use."""
        self._halted.set()
        self.join(timeout=self.STOP_SECONDS)
        return None if self.is_alive() else self._connection
