"""Where finished files go: `types` has one module for each type of target, `target_config` reads config/targets/."""

from __future__ import annotations

from systemscripts.targets.target_config import (
    FOLDER,
    Target,
    deliver,
    deliver_as_is,
    fetch,
    find_faults,
    find_plain_secrets,
    list_names,
    list_sizes,
    load_module,
    load_target,
    remove,
)

__all__ = [
    "FOLDER",
    "Target",
    "deliver",
    "deliver_as_is",
    "fetch",
    "find_faults",
    "find_plain_secrets",
    "list_names",
    "list_sizes",
    "load_module",
    "load_target",
    "remove",
]
