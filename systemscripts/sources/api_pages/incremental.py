"""What an API is asked for: parameters with days and the last mark in them, and which of it was loaded already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from systemscripts import settings
from systemscripts.configuration.source_options.api import Incremental, Options

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

_DAY = re.compile(r"\{today(?:-([0-9]{1,5}))?\}")
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Asked:
    """The parameters of the first page, and whether everything is asked for."""

    parameters: dict[str, str]
    full: bool


def asked(cursor: Cursor, config_name: str, address: str, options: Options) -> Asked:
    """What to ask for now: what changed since the last load, or everything where that is due."""
    parameters = {name: _with_days(_text(value)) for name, value in options.parameters.items()}
    rule = options.incremental
    if rule is None:
        return Asked(parameters, full=True)
    loaded = _loaded(cursor, config_name, address)
    last = greatest(mark for _, mark in loaded)
    if not last or _is_due(loaded, rule):
        return Asked(parameters, full=True)
    if rule.parameter:
        return Asked({**parameters, rule.parameter: _as_sent(last)}, full=False)
    wanted = rule.filter.replace("{last}", _as_sent(last))
    before = parameters.get("$filter")
    return Asked({**parameters, "$filter": f"({before}) and {wanted}" if before else wanted}, full=False)


def full_is_due(cursor: Cursor, config_name: str, address: str, options: Options) -> bool:
    """Whether everything is asked for because it was so long ago, so that a file must tell when that was done."""
    return options.incremental is not None and _is_due(_loaded(cursor, config_name, address), options.incremental)


def _is_due(loaded: list[tuple[str, str]], rule: Incremental) -> bool:
    fulls = [name[:15] for name, _ in loaded if name.rpartition(".")[0].endswith("_full")]
    return not fulls or _age_days(max(fulls)) >= rule.full_every_days


def greatest(values: Iterable[str]) -> str:
    """The greatest of some times, numbers or texts; "" where there is none."""
    return max((value for value in values if value), key=_comparable, default="")


def marks(options: Options, records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The values of the incremental field in some records."""
    rule = options.incremental
    return [str(record[rule.field]) for record in records if record.get(rule.field) is not None] if rule else []


def _loaded(cursor: Cursor, config_name: str, address: str) -> list[tuple[str, str]]:
    """Names and marks of the files of a source that are loaded; what was undone or refused does not count."""
    cursor.execute(
        """select f.name, coalesce(f.source_stamp, '') from dba.tfile f join dba.tdataset d using (dataset_id)
           where f.config_name = %s and f.source = 'api' and f.source_path = %s || f.name
             and f.status in ('loaded', 'unchanged', 'duplicate') and d.status <> 'undone'""",
        (config_name, address),
    )
    return [(row[0], row[1]) for row in cursor.fetchall()]


def _comparable(value: str) -> tuple[int, Any]:
    moment = _moment(value)
    if moment is not None:
        return 2, moment
    return (1, float(value)) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else (0, value)


def _moment(value: str) -> datetime | None:
    if len(value) < 10 or value[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_sent(mark: str) -> str:
    """A mark as OData writes it: times with a zone in UTC (OData 4.01, part 2, 5.1.1.6.1), the rest as it came."""
    moment = _moment(mark)
    if moment is None or datetime.fromisoformat(mark).tzinfo is None:
        return mark
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _age_days(stamp: str) -> float:
    begun = datetime.strptime(stamp, _STAMP).replace(tzinfo=settings.now().tzinfo)
    return (settings.now() - begun) / timedelta(days=1)


def _with_days(text: str) -> str:
    today = settings.now().date()
    return _DAY.sub(lambda found: (today - timedelta(days=int(found[1] or 0))).isoformat(), text)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
