"""Find disks that are full or nearly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from systemscripts import alerts, disk_space, settings
from systemscripts.alerts import Finding
from systemscripts.human_units import format_size
from systemscripts.monitoring.watchdog_view import View

KEYS = ("disk",)
# Percent beyond the limit until a problem has recovered, so that a disk at the limit is not reported each hour.
RECOVERY_MARGIN_PERCENT = 2.0


def find(view: View) -> Iterator[Finding]:
    """Report each disk that has less free space than DISK_FREE_PERCENT, or is full.

    A run that meets a full disk reports the same problem: it is one.
    """
    limit = settings.current().disk_free_percent
    for folder in disk_space.list_folders(view.directories):
        usage = shutil.disk_usage(folder)
        free = disk_space.measure_free_percent(folder)
        full = alerts.describe_full_disk(folder)
        known = view.known_problems.get(full.key)
        percent = f"{free:.1f} % are free ({format_size(usage.free)}), fewer than {limit:g} %"
        if disk_space.is_full(folder):
            yield Finding(full.key, full.title, f"nothing more can be written there; {percent}", full.hint, full.kind)
        elif free < limit or (known is not None and free < limit + RECOVERY_MARGIN_PERCENT):
            # what was full and is nearly full now is the same problem still
            title = f"the disk of {folder} is nearly full"
            yield Finding(full.key, title, percent, full.hint, known or "")
