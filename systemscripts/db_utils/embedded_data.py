"""The data folder of the embedded server, and how that of another major version takes its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from systemscripts.db_utils import embedded_programs
from systemscripts.db_utils.embedded_state import Server

# Complete data of another major version, which will take the place of the present ones.
NEXT_DATA = "data.next"


def read_version(server: Server) -> int:
    """Return the major version of the data."""
    return int((server.data / "PG_VERSION").read_text().strip())


def put_next_data(server: Server) -> None:
    """Let complete data of another major version take the place of the present ones, which stay beside them.

    Repeated by the next start if it is killed: as long as `data.next` exists.
    """
    following = server.data.with_name(NEXT_DATA)
    if not following.exists():
        return
    if server.data.exists():
        aside = server.data.with_name(f"data.{read_version(server)}")
        embedded_programs.act_as_owner(Path(server.folder), lambda: shutil.rmtree(aside, ignore_errors=True))
        move_folder(server, server.data, aside)
    move_folder(server, following, server.data)


def move_folder(server: Server, path: Path, target: Path) -> None:
    """Rename a folder of the server as the user who runs it: root follows no link of that user's."""

    def rename() -> None:
        path.rename(target)

    embedded_programs.act_as_owner(Path(server.folder), rename)
