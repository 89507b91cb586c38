"""Check the SFTP accounts of clients on this host: what each may do in its inbox, and how much it may store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from systemscripts.commands import format_program
from systemscripts.monitoring.doctor_lines import OK, WARNING, Context, Line

ORDER = 32
# As in systemscripts/shell/client_accounts.bash.
CLIENT_ROOT = Path("/srv/client_etl_workflow")
CLIENT_KEYS = Path("/etc/ssh/client_etl_workflow_keys")
SSHD_CONFIGURATION = Path("/etc/ssh/sshd_config.d/client_etl_workflow.conf")
DENIED_REQUESTS = "-P symlink,hardlink,setstat"
MOUNTS = Path("/proc/self/mounts")
# Mount options of ext4 and xfs with a limit for each user or folder.
QUOTA_OPTIONS = ("usrquota", "usrjquota", "uquota", "quota", "prjquota", "pquota")


def check(context: Context) -> Iterator[Line]:
    """Yield lines if there are accounts; nothing otherwise."""
    inboxes = sorted(CLIENT_ROOT.glob("*/inbox"))
    if not inboxes:
        return
    changeable = [inbox.parent.name for inbox in inboxes if inbox.stat().st_uid != 0 or inbox.stat().st_mode & 0o007]
    if not _is_denied():
        changeable = [inbox.parent.name for inbox in inboxes]
    for name in changeable:
        command = format_program("configure_etl_user.sh", "--add-client", name, "--key", CLIENT_KEYS / name)
        text = f"the client {name} may make links, or change the modes of its inbox, as older accounts could"
        yield Line(WARNING, "clients", text, f"Run: sudo {command}")
    if not changeable:
        yield Line(OK, "clients", f"{len(inboxes)} in {CLIENT_ROOT}, which can only deliver and collect files")
    yield _check_quota(context.directories.data)


def _is_denied() -> bool:
    try:
        return DENIED_REQUESTS in SSHD_CONFIGURATION.read_text(encoding="utf-8")
    except OSError:
        # it may be elsewhere, or closed to this user
        return True


def _check_quota(data: Path) -> Line:
    options = _find_mount_options(CLIENT_ROOT)
    if any(option.partition("=")[0] in QUOTA_OPTIONS for option in options):
        return Line(OK, "clients", f"the disk of {CLIENT_ROOT} has quotas; repquota -a shows them")
    device = CLIENT_ROOT.stat().st_dev
    if device not in (Path("/").stat().st_dev, _find_existing(data).stat().st_dev):
        return Line(OK, "clients", f"{CLIENT_ROOT} is a disk of its own, so clients fill no other")
    return Line(
        WARNING,
        "clients",
        f"nothing limits how much clients store in {CLIENT_ROOT}, on a disk that others use too",
        "Set a quota for each client, or mount a disk there: docs/sftp.md says how.",
    )


def _find_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _find_mount_options(path: Path) -> list[str]:
    """Return the mount options of the file system of a path, from proc_pid_mounts(5)."""
    options: list[str] = []
    longest = -1
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, folder, _, written, *_ = line.split()
        # a blank is written as \040
        folder = folder.encode().decode("unicode_escape")
        # the last of those on the same folder covers the others
        if os.path.commonpath((path, folder)) == os.path.normpath(folder) and len(folder) >= longest:
            longest, options = len(folder), written.split(",")
    return options
