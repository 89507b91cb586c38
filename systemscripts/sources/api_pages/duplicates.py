"""An API that gives what it gave before: known by content, so that quiet polls fill neither tables nor the archive."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.source_options.api import Options
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import BadDataError
from systemscripts.http_client import redact_url
from systemscripts.sources import Fetched, Request
from systemscripts.sources.api_pages import incremental
from systemscripts.sources.api_pages.resumable_download import Landing, State
from systemscripts.summary import Notice

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Earlier:
    """The newest file of a source, and what became of it."""

    file_id: int
    name: str
    file_sha256: str
    status: str
    reason: str
    keep_path: str
    created_at: datetime
    dataset_id: int | None
    dataset_status: str
    current: bool  # its rows are what the target shows
    mended: bool  # it was loaded since by another way, or the import was changed


def known(request: Request, options: Options, state: State, address: str, landing: Landing) -> Fetched | None:
    """What to say where all that came is what the source's last file held; it is forgotten then. None where it is new.

    Raises BadDataError where that was refused and nothing has changed since.
    """
    config, content, url = request.config, compute_sha256(landing.part), redact_url(options.url)
    with transaction(request.connection) as cursor:
        earlier = _newest(cursor, config, address)
        if earlier is None or earlier.file_sha256 != content:
            return None
        if state.full and incremental.full_is_due(cursor, config.config_name, address, options):
            return None  # a file must tell when everything was asked for
        if _is_there(config, earlier):
            cursor.execute("update dba.tfile set status_at = now() where file_id = %s", (earlier.file_id,))
            landing.forget()
            logger.debug("%s gives what it gave before, as %s", url, earlier.name)
            return Fetched()
    if earlier.dataset_status == "undone" and not request.reload:
        landing.forget()
        again = f"which was undone; generic_import.py {config.config_name} --reload loads it again"
        text = f"{url} still gives what dataset {earlier.dataset_id} held, {again}"
        return Fetched(warnings=[Notice("duplicate_of_undone", text, dataset_id=earlier.dataset_id)])
    if earlier.status == "refused" and not earlier.mended:
        landing.forget()
        raise BadDataError(
            f"{url} still gives what was refused as {earlier.keep_path}: {earlier.reason.rstrip('.')}",
        )
    return None


def _newest(cursor: Cursor, config: ImportConfig, address: str) -> _Earlier | None:
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
    """Whether loading the same content again would find that it is there, by the rules of datasets/identity.py.

    Where the date is that of the file's name, another day is another identity; in snapshot mode another file may have
    taken its place.
    """
    if earlier.dataset_status not in ("active", "held", "superseded"):
        return False
    same_day = earlier.created_at.astimezone(settings.get_zone()).date() == settings.now().date()
    if config.dateconfig == "filename" and config.load_mode != "upsert" and not same_day:
        return False
    return config.load_mode != "snapshot" or earlier.current or earlier.dataset_status == "held"
