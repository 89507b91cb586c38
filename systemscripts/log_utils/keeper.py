"""The thread beside the main one that keeps dba.trun and dba.tlogentry up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from systemscripts.log_utils.delivery import Delivery

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Keeper(threading.Thread):
    """Beside the main thread: sign of life, progress, live log, and the end when the main thread does not react.

    `connect`: gives a connection, or None for a run without a database.
    `on_tick`: called about every second; where time limit and signals are looked after.
    """

    EVERY_SECONDS = 2.0

    def __init__(
        self, delivery: Delivery, connect: Callable[[], Connection] | None, on_tick: Callable[[], None], shown: Callable[[], str]
    ) -> None:
        super().__init__(name="etl-keeper", daemon=True)
        self.delivery, self._connect, self._on_tick, self._shown = delivery, connect, on_tick, shown
        self._halted = threading.Event()
        self._connection: Connection | None = None

    def run(self) -> None:
        """Tick until stopped."""
        last = time.monotonic()
        while not self._halted.wait(0.25):
            self._on_tick()
            if time.monotonic() - last >= self.EVERY_SECONDS:
                last = time.monotonic()
                self._beat()

    def _beat(self) -> None:
        if self._connect is None:
            return
        try:
            self._connection = self._connection or self._connect()
            self.delivery.advance(self._connection)
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "update dba.trun set heartbeat_at = now(), progress = %s where run_uuid = %s",
                    (self._shown(), self.delivery.run.run_uuid),
                )
            self._connection.commit()
        except Exception:  # whatever it is, the log must not fail the job; the marker keeps what is not delivered
            with suppress(Exception):
                if self._connection is not None:
                    self._connection.close()
            self._connection = None

    def stop(self) -> None:
        """End the thread and close its connection."""
        self._halted.set()
        self.join(timeout=10)
        if self._connection is not None and not self.is_alive():
            with suppress(Exception):
                self._connection.close()
