"""An installation in a temporary folder with a server of its own, whose imports run in this process."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from systemscripts import configuration, db_utils, settings
from systemscripts.db_utils import embedded, migrations
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports, undo
from systemscripts.summary import Summary

RUN_UUID = "00000000-0000-0000-0000-000000000000"


class Office:
    """Loads files and takes them back."""

    def __init__(self, folder: Path) -> None:
        self.directories = Directories(folder).create()
        self.connection = db_utils.connect("etl", "bench")
        migrations.apply_pending(self.connection)

    def load(self, name: str, file_name: str, data: bytes) -> Summary:
        """Load one file of an import."""
        path = self.directories.data / "file_watcher" / file_name
        path.write_bytes(data)
        moment = time.time() - 60
        os.utime(path, (moment, moment))
        config = configuration.load_import(self.connection, name)
        return run_imports.run_imports(self.connection, [config], self.directories, RUN_UUID, run_imports.Options())

    def run_alone(self, statement: str) -> None:
        """Run a statement outside of any transaction, such as VACUUM."""
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
        self.connection.autocommit = False

    def undo(self, summary: Summary) -> None:
        """Take back what a file became."""
        for row in summary.rows:
            if row["dataset"] and row["state"] in ("loaded", "held"):
                undo.undo_datasets(self.connection, RUN_UUID, row["dataset"])


@contextlib.contextmanager
def open_office() -> Iterator[Office]:
    """Give an installation, gone afterwards."""
    logging.getLogger("systemscripts").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="office_"))
    settings_file = folder / "settings.env"
    settings_file.write_text("DATABASE_URL=embedded\n")
    settings_file.chmod(0o600)
    os.environ.update(ETL_DATA_DIR=str(folder), ETL_ENV_FILE=str(settings_file))
    settings.reset()
    running: Any = embedded.start_server()
    try:
        yield Office(folder)
    finally:
        embedded.try_stop_server()
        shutil.rmtree(running.folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
