"""Find the path of the records in XML and in nested JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systemscripts.tables.column_names import make_column_names

# of a file: enough to see how its records are nested
MAX_XML_ELEMENTS = 200_000
MAX_JSON_BYTES = 32 << 20
# an element with more values of its own is a record, even if it has a list in it
MAX_GROUP_VALUES = 2
# lists beside the records
_NOT_RECORDS = ("error", "errors", "links", "messages", "warnings")


@dataclass
class _Level:
    """What is at one path: how many objects, around how many others they are, and what they have."""

    path: tuple[str, ...]
    count: int = 0
    parents: int = 0
    values: set[str] = field(default_factory=set)
    leaves: int = 0

    @property
    def is_repeated(self) -> bool:
        """Return whether there are several objects at the path of one parent."""
        return self.count > self.parents


def find_xml_records(path: Path) -> dict[str, Any]:
    """Return `records`, and `fields` of the elements around them, for an XML file; {} if nothing repeats."""
    return _propose(_survey_xml(path))


def find_json_records(path: Path) -> dict[str, Any]:
    """Return the same for a JSON file that is one object around its records; {} if it needs no path."""
    if path.stat().st_size > MAX_JSON_BYTES:
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or isinstance(content.get("value"), list):
        return {}
    levels: dict[tuple[str, ...], _Level] = {}
    _survey_json(content, (), levels)
    return _propose(levels)


def _survey_xml(path: Path) -> dict[tuple[str, ...], _Level]:
    from lxml import etree

    levels: dict[tuple[str, ...], _Level] = {}
    around: list[tuple[str, set[str]]] = []
    count = 0
    with path.open("rb") as file:
        events = etree.iterparse(
            file, events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True, recover=True,
            remove_comments=True, remove_pis=True,
        )  # fmt: skip
        for event, element in events:
            if event == "start":
                around.append((etree.QName(element).localname, set()))
                continue
            names = tuple(name for name, _ in around)
            name, children = around.pop()
            values = {etree.QName(key).localname for key in element.attrib if not key.startswith("{")}
            level = levels.setdefault(names, _Level(names))
            level.count += 1
            level.values |= values
            level.leaves += len(values)
            if not children and not values:
                # a value of the element around it
                level.leaves += 1
                level.count -= 1
                if around:
                    outer = levels.setdefault(names[:-1], _Level(names[:-1]))
                    outer.values.add(name)
            if around:
                if name not in around[-1][1] and (children or values):
                    level.parents += 1
                around[-1][1].add(name)
            element.clear(keep_tail=True)
            count += 1
            if count > MAX_XML_ELEMENTS:
                break
    return {names: level for names, level in levels.items() if len(names) > 1}


def _survey_json(value: dict[str, Any], names: tuple[str, ...], levels: dict[tuple[str, ...], _Level]) -> None:
    for key, item in value.items():
        inner = (*names, key)
        items = [one for one in item if isinstance(one, dict)] if isinstance(item, list) else []
        if isinstance(item, dict):
            _survey_json(item, inner, levels)
        if not items or len(items) < len(item) or key.lower() in _NOT_RECORDS:
            continue
        level = levels.setdefault(inner, _Level(inner))
        level.count += len(items)
        # a list is one, however few it has
        level.parents += min(1, len(items) - 1)
        for one in items:
            plain = {name for name, inner_value in one.items() if not isinstance(inner_value, list | dict)}
            level.values |= plain
            level.leaves += len(plain)
            _survey_json(one, inner, levels)


def _propose(levels: dict[tuple[str, ...], _Level]) -> dict[str, Any]:
    repeated = {names: level for names, level in levels.items() if level.is_repeated and level.count > 0}
    if not repeated:
        # one record alone: the element in a list that is named after it
        repeated = {
            names: level
            for names, level in levels.items()
            if level.count == 1 and level.values and len(names) > 1 and _is_list_of(names[-2], names[-1])
        }
    outermost = {
        names: level
        for names, level in repeated.items()
        if not any(names[:length] in repeated for length in range(1, len(names)))
    }
    if not outermost:
        return {}
    names = max(outermost, key=lambda one: _count_leaves(one, levels))
    around: list[tuple[str, ...]] = []
    while (inner := _find_inner(names, repeated, levels)) is not None:
        around.append(names)
        names = inner
    layout: dict[str, Any] = {"records": "/".join(names)}
    if fields := _list_fields(names, around, levels):
        layout["fields"] = fields
    return layout


def _find_inner(
    names: tuple[str, ...], repeated: dict[tuple[str, ...], _Level], levels: dict[tuple[str, ...], _Level]
) -> tuple[str, ...] | None:
    """Return the path of the records within a group: an element with few values of its own around a list."""
    level = levels[names]
    inner = [one for one in repeated if one[: len(names)] == names and len(one) > len(names)]
    inner = [one for one in inner if len(levels[one].values) > len(level.values)]
    if len(level.values) > MAX_GROUP_VALUES or not inner:
        return None
    return max(inner, key=lambda one: (-len(one), _count_leaves(one, levels)))


def _list_fields(
    names: tuple[str, ...], around: list[tuple[str, ...]], levels: dict[tuple[str, ...], _Level]
) -> dict[str, str]:
    """Return a column for each value of the groups around the records."""
    fields = {}
    for group in around:
        for value in sorted(levels[group].values):
            column = make_column_names([f"{group[-1]} {value}"])[0]
            fields[column] = "../" * (len(names) - len(group)) + value
    return fields


def _count_leaves(names: tuple[str, ...], levels: dict[tuple[str, ...], _Level]) -> int:
    return sum(level.leaves for one, level in levels.items() if one[: len(names)] == names)


def _is_list_of(outer: str, inner: str) -> bool:
    return outer.lower() in (f"{inner.lower()}s", f"{inner.lower()}list", f"{inner.lower()}es")
