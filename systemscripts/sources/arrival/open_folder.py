"""Open a folder without following links of other users; the handle stays with the folder if its path changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from systemscripts.errors import ConfigurationError


def open_folder(path: Path, data: Path) -> int:
    """Open a folder and return its descriptor.

    Below the data folder no link is followed, elsewhere only those of the operator: anyone who may write to a folder in
    the path could point it to the files of others. Raises ConfigurationError with the link, OSError.
    """
    begin = data if path.is_relative_to(data) else Path(path.anchor)
    handle = os.open(begin, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.relative_to(begin).parts:
            begin /= part
            below = _open_below(handle, begin)
            os.close(handle)
            handle = below
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
    finally:
        os.close(handle)


def _open_below(handle: int, path: Path) -> int:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(path.name, flags | os.O_NOFOLLOW, dir_fd=handle)
    except NotADirectoryError:
        state = os.stat(path.name, dir_fd=handle, follow_symlinks=False)
        if not stat.S_ISLNK(state.st_mode):
            raise
        if not _is_operators_link(os.fstat(handle), state):
            target = os.fsencode(os.readlink(path.name, dir_fd=handle)).decode(errors="replace")
            raise ConfigurationError(
                f"{path} is a link to {target}, and links in the path of a source are not followed",
                "Name the folder itself in the import, or remove the link.",
            ) from None
        return os.open(path.name, flags, dir_fd=handle)


def _is_operators_link(folder: os.stat_result, link: os.stat_result) -> bool:
    """Return whether root made a link in a folder where only root may write, such as /srv -> /data/srv.

    If the run itself is root, only links in the root folder count, because root may own everything.
    """
    is_roots = folder.st_uid == link.st_uid == 0 and not folder.st_mode & 0o022
    return is_roots and (os.geteuid() != 0 or os.path.samestat(folder, Path("/").stat()))
