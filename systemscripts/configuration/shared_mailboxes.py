"""Find imports that read one folder of a mailbox although one of them moves its mails away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

from systemscripts.configuration import yaml_folders
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.configuration.yaml_documents import read_document, validate_document
from systemscripts.errors import ConfigurationError


def find_conflicts(folder: Path | None = None) -> Iterator[str]:
    """Yield a sentence for each two imports of which one may move a mail before the other has read it.

    Variables are compared by their names. Sources of different senders have no mail in common.
    """
    mailboxes = list(_list_mailboxes(folder))
    for (mover, moving), (reader, reading) in permutations(mailboxes, 2):
        shared = _list_folders(moving) & _list_folders(reading)
        if mover == reader or moving.get("settle") != "move" or not shared:
            continue
        if _get_login(moving) == _get_login(reading) and _have_common_senders(moving, reading):
            yield (
                f"{mover} moves mails out of {sorted(shared)[0]} of {moving.get('user')}, which {reader} reads too: "
                f"{reader} misses a mail that has files for both and that {mover} loads first"
            )


def _list_mailboxes(folder: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in yaml_folders.list_files("imports", folder):
        try:
            config = validate_document(read_document(path), ImportConfig, config_name=path.stem)
        except ConfigurationError:
            # reported by another check
            continue
        for source in config.sources if config.is_active else ():
            if source.type == "mail":
                yield config.config_name, source.options


def _get_login(options: dict[str, Any]) -> tuple[str, str]:
    return str(options.get("host", "")).casefold(), str(options.get("user", "")).casefold()


def _list_folders(options: dict[str, Any]) -> set[str]:
    return {"INBOX" if name.upper() == "INBOX" else name for name in map(str, options.get("folders") or ["INBOX"])}


def _have_common_senders(one: dict[str, Any], other: dict[str, Any]) -> bool:
    senders, others = ({str(name).casefold() for name in given.get("senders", ())} for given in (one, other))
    if "*" in senders | others or senders & others:
        return True
    return bool({f"@{name.rpartition('@')[2]}" for name in senders} & others) or bool(
        {f"@{name.rpartition('@')[2]}" for name in others} & senders
    )
