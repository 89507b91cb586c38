"""A second PostgreSQL server, which goes away and comes back."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path

from systemscripts.db_utils import embedded_programs

OWNER_PASSWORD = "second/owner"


class SecondServer:
    """A server with a database `warehouse` of its superuser `owner`."""

    def __init__(self) -> None:
        self._user = embedded_programs.ensure_server_user() if os.geteuid() == 0 else ""
        self.folder = Path(tempfile.mkdtemp(prefix="etl_second_"))
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = listener.getsockname()[1]
        password = self.folder / "password"
        password.write_text(OWNER_PASSWORD)
        if self._user:
            os.chown(password, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "-D", "data", "-U", "owner", "--auth=scram-sha-256", "--pwfile=password", "--locale=C.UTF-8",
            "--no-sync", "--encoding=UTF8",
        )  # fmt: skip
        self.start()

    @property
    def address(self) -> str:
        return f"postgresql://owner:second%2Fowner@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c fsync=off"
        self._run("pg_ctl", "-w", "-D", "data", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-D", "data", "-m", "immediate", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        code = embedded_programs.run_program(name, *arguments, user=self._user, folder=self.folder)
        assert code == 0, (self.folder / "server.log").read_text()
