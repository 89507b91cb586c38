"""Recognize an API that returns the same content again, so that polls do not fill tables and archive."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import BadDataError
from systemscripts.http_client import redact_url
from systemscripts.sources import Fetched
from systemscripts.sources.api_pages import incremental
from systemscripts.sources.api_pages.api_source import ApiSource
from systemscripts.sources.api_pages.page_store import State
from systemscripts.summary import Notice

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Earlier:
    """The newest file of a source, and its outcome."""

    file_id: int
    name: str
    file_sha256: str
    status: str
    reason: str
    keep_path: str
    created_at: datetime
    dataset_id: int | None
    dataset_status: str
    # its rows are the current ones of the target
    current: bool
    # it was loaded in another way since, or the import was changed
    resolved: bool


def find_duplicate(source: ApiSource, state: State) -> Fetched | None:
    """Return the result for a download with the content of the source's last file, None for new content.

    The download of a duplicate is removed. Raises BadDataError if that file was refused and nothing changed since.
    """
    request, landing = source.request, source.landing
    config, content, url = request.config, compute_sha256(landing.part), redact_url(source.written.url)
    with transaction(request.connection) as cursor:
        earlier = _find_newest(cursor, config, source.address)
        if earlier is None or earlier.file_sha256 != content:
            return None
        if state.full and incremental.is_full_due(cursor, config.config_name, source.address, source.written):
            # the file records when everything was downloaded
            return None
        if _is_there(config, earlier):
            cursor.execute("update dba.tfile set status_at = now() where file_id = %s", (earlier.file_id,))
            landing.forget()
            logger.debug("%s returns the same content as in %s", url, earlier.name)
            return Fetched()
    if earlier.dataset_status == "undone" and not request.reload:
        landing.forget()
        again = f"which was undone; {format_command('generic_import', config.config_name, '--reload')} loads it again"
        text = f"{url} still returns the content of dataset {earlier.dataset_id}, {again}"
        return Fetched(warnings=[Notice("duplicate_of_undone", text, dataset_id=earlier.dataset_id)])
    if earlier.status == "refused" and not earlier.resolved:
        landing.forget()
        raise BadDataError(
            f"{url} still returns what was refused as {earlier.keep_path}: {earlier.reason.rstrip('.')}",
        )
    return None


def _find_newest(cursor: Cursor, config: ImportConfig, address: str) -> _Earlier | None:
    cursor.execute(
        """select f.file_id, f.name, coalesce(f.file_sha256, ''), f.status, coalesce(f.reason, ''),
               coalesce(f.keep_path, ''), f.created_at, f.dataset_id, coalesce(d.status, ''),
               exists (select from dba.v_current_dataset v where v.dataset_id = f.dataset_id),
               exists (select from dba.tfile g where g.file_id = f.resolved_by and g.status <> 'refused')
                   or c.updated_at > f.status_at
           from dba.tfile f join dba.timportconfig c using (config_name) left join dba.tdataset d using (dataset_id)
           where f.config_name = %s and f.source = 'api' and f.source_path = %s || f.name
           order by f.file_id desc limit 1""",
        (config.config_name, address),
    )
    row = cursor.fetchone()
    return _Earlier(*row) if row else None


def _is_there(config: ImportConfig, earlier: _Earlier) -> bool:
    """Return whether the content would be found as loaded, by the rules of datasets/load_decision.py.

    If the date comes from the file name, another day is another identity; in snapshot mode another file may be current.
    """
    if earlier.dataset_status not in ("active", "held", "superseded"):
        return False
    is_same_day = earlier.created_at.astimezone(settings.get_zone()).date() == settings.now().date()
    if config.dateconfig == "filename" and config.load_mode != "upsert" and not is_same_day:
        return False
    return config.load_mode != "snapshot" or earlier.current or earlier.dataset_status == "held"
