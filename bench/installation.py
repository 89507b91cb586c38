"""Creates a temporary installation with its own database server for one benchmark."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench import measurement
from bench.measurement import Run
from systemscripts.db_utils import embedded_programs, embedded_roles

PROJECT = Path(__file__).resolve().parents[1]


class Bench:
    """The installation: runs jobs and psql, and loads the sample."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        left_out = ("ETL_", "DATABASE_", "PYTHONDONTWRITEBYTECODE")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        settings_file = folder / "settings.env"
        settings_file.write_text("DATABASE_URL=embedded\nFILE_STILL_SECONDS=0\n")
        settings_file.chmod(0o600)
        own = {"ETL_DATA_DIR": str(folder), "ETL_ENV_FILE": str(settings_file), "PYTHONPATH": str(PROJECT)}
        self.environment = clean | own
        # as install_dependencies.sh does
        measurement.run_command(
            [sys.executable, "-m", "compileall", "-q", *(str(PROJECT / n) for n in ("systemscripts", "jobscripts"))]
        )
        self.job("database", "start")
        self.url = self.job("database", "url").output.strip()
        measurement.own_folders.add(str(folder))
        self.state = json.loads((folder / "var" / "embedded_database.json").read_text())
        measurement.own_folders.add(self.state["folder"])

    def job(self, script: str, *arguments: str) -> Run:
        """Run a job script, as the wrapper does."""
        return measurement.run_command(
            [sys.executable, str(PROJECT / "jobscripts" / f"{script}.py"), *arguments], self.environment
        )

    def psql(self, statement: str, as_owner: bool = False) -> Run:
        """Run SQL with the psql of the embedded version; the password is passed in the environment."""
        parts = urlsplit(self.url)
        options = "-c client_min_messages=warning -c datestyle=ISO,DMY"
        user, password = "etl", unquote(parts.password or "")
        if as_owner:
            user, password = embedded_roles.OWNER, self.state["owner_password"]
        environment = self.environment | {"PGPASSWORD": password, "PGOPTIONS": options}
        command = [
            str(embedded_programs.find_program("psql")), "-qX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
            "-p", str(parts.port), "-U", user, "etl", "-c", statement,
        ]  # fmt: skip
        return measurement.run_command(command, environment)

    def read_server_processor(self) -> float:
        """Return the processor seconds of all connections that have ended (in /proc: cutime and cstime)."""
        # a connection ends a moment after its client
        time.sleep(0.3)
        pid = next(Path(self.state["folder"]).rglob("postmaster.pid")).read_text().split()[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Flush earlier writes to disk, so that they do not disturb the measurement."""
        os.sync()
        self.psql("checkpoint", as_owner=True)

    def copy(self, file: Path, types: Mapping[str, str], options: str = "") -> Run:
        """Run `psql \\copy` with a file that already has the lineage fields; `types`: of all its columns."""
        columns = ", ".join(f"{name} {type_name}" for name, type_name in types.items())
        self.psql("drop table if exists public.copied")
        self.psql(f"create table public.copied (dataset_id integer, source_row integer, {columns})")
        self.settle()
        return self.psql(f"\\copy public.copied from '{file}' with (format csv{options})")

    def load(self, file: Path, schema: Mapping[str, object]) -> Run:
        """Run generic_import.py with this file waiting."""
        self.psql("drop table if exists public.imported cascade")
        self.psql(
            "delete from dba.trejectedrow; delete from dba.tschemachange; delete from dba.tfinding;"
            "delete from dba.tcolumnprofile; delete from dba.tfile;"
            "delete from dba.tdataset; delete from dba.timportconfig where config_name = 'bench';"
            "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, schema) values "
            f"('bench', 'bench.*', 'public.imported', 'append', '{json.dumps(schema)}')"
        )
        # The ledger no longer knows these files.
        shutil.rmtree(self.folder / "archive", ignore_errors=True)
        shutil.copy(file, self.folder / "file_watcher" / "bench.csv")
        self.settle()
        return self.job("generic_import", "bench")


@contextmanager
def create_installation() -> Iterator[Bench]:
    """Yield a new installation; it and its server are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        bench = Bench(Path(name))
        try:
            yield bench
        finally:
            bench.job("database", "stop")
            shutil.rmtree(bench.state["folder"], ignore_errors=True)
