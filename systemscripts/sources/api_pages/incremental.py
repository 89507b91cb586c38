"""Build the query of an API: parameters with dates and the last mark, from what was loaded before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from systemscripts import settings
from systemscripts.configuration.source_options.api import Body, Incremental, Options
from systemscripts.sources.api_pages import pagination

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

_DAY = re.compile(r"\{today(?:-([0-9]{1,5}))?\}")
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Query:
    """The parameters of the first page, and whether everything is fetched."""

    parameters: dict[str, Any]
    full: bool


def build_query(cursor: Cursor, config_name: str, address: str, options: Options) -> Query:
    """Return the query for what changed since the last load, or for everything if that is due."""
    parameters = {name: _fill_parameter(value, options.body) for name, value in options.parameters.items()}
    rule = options.incremental
    if rule is None:
        return Query(parameters, full=True)
    loaded = _list_loaded(cursor, config_name, address)
    last = find_greatest(mark for _, mark in loaded)
    if not last or _is_due(loaded, rule):
        return Query(parameters, full=True)
    if rule.parameter:
        return Query(pagination.set_value(parameters, rule.parameter, _format_mark(last)), full=False)
    condition = rule.filter.replace("{last}", _format_mark(last))
    before = parameters.get("$filter")
    return Query({**parameters, "$filter": f"({before}) and {condition}" if before else condition}, full=False)


def is_full_due(cursor: Cursor, config_name: str, address: str, options: Options) -> bool:
    """Return whether everything must be fetched, because that was last done too long ago."""
    return options.incremental is not None and _is_due(_list_loaded(cursor, config_name, address), options.incremental)


def _is_due(loaded: list[tuple[str, str]], rule: Incremental) -> bool:
    fulls = [name[:15] for name, _ in loaded if name.rpartition(".")[0].endswith("_full")]
    return not fulls or _compute_age_days(max(fulls)) >= rule.full_every_days


def find_greatest(values: Iterable[str]) -> str:
    """Return the greatest of some times, numbers or texts, "" if there is none."""
    return max((value for value in values if value), key=_build_sort_key, default="")


def list_marks(options: Options, records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the values of the incremental field in some records."""
    rule = options.incremental
    return [str(record[rule.field]) for record in records if record.get(rule.field) is not None] if rule else []


def _list_loaded(cursor: Cursor, config_name: str, address: str) -> list[tuple[str, str]]:
    """Return (name, mark) of the loaded files of a source, without undone and refused ones."""
    cursor.execute(
        """select f.name, coalesce(f.source_stamp, '') from dba.tfile f join dba.tdataset d using (dataset_id)
           where f.config_name = %s and f.source = 'api' and f.source_path = %s || f.name
             and f.status in ('loaded', 'unchanged', 'duplicate') and d.status <> 'undone'""",
        (config_name, address),
    )
    return [(row[0], row[1]) for row in cursor.fetchall()]


def _build_sort_key(value: str) -> tuple[int, Any]:
    moment = _parse_time(value)
    if moment is not None:
        return 2, moment
    return (1, float(value)) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else (0, value)


def _parse_time(value: str) -> datetime | None:
    if len(value) < 10 or value[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format_mark(mark: str) -> str:
    """Return a mark as OData writes it: times with a zone in UTC (OData 4.01, part 2, 5.1.1.6.1), others unchanged."""
    moment = _parse_time(mark)
    if moment is None or datetime.fromisoformat(mark).tzinfo is None:
        return mark
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _compute_age_days(stamp: str) -> float:
    begun = datetime.strptime(stamp, _STAMP).replace(tzinfo=settings.now().tzinfo)
    return (settings.now() - begun) / timedelta(days=1)


def _fill_days(text: str) -> str:
    today = settings.now().date()
    return _DAY.sub(lambda match: (today - timedelta(days=int(match[1] or 0))).isoformat(), text)


def _fill_parameter(value: Any, body: Body) -> Any:
    """Return the value of a parameter with its dates; only JSON has other types than text."""
    if isinstance(value, str):
        return _fill_days(value)
    if body != "json":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, dict):
        return {key: _fill_parameter(item, body) for key, item in value.items()}
    return [_fill_parameter(item, body) for item in value] if isinstance(value, list) else value
