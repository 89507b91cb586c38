"""Reads the elements at a declared path of an XML file as rows, one after another, without entities or DTDs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.json_parser import ObjectRows
from systemscripts.tables.parsers.record_paths import (
    SELECTION,
    UP,
    VALUE,
    pick_fields,
    refuse_missing_path,
)
from systemscripts.tables.parsers.workbook import Book, Sheet

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def open_book(path: Path) -> Book:
    """Open an XML file. Raises BadDataError where it declares entities, etree.XMLSyntaxError where it is truncated."""
    return Book("xml", [Sheet("", ObjectRows(path, lambda many: _read_records(path)).rows)], header_known=True)


def _read_records(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the records, numbered from 1; each is freed soon, or with the element around it whose values it needs."""
    reader, count = _Reader(path), 0
    with path.open("rb") as file:
        events = etree.iterparse(
            file, events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True,
            remove_comments=True, remove_pis=True,
        )  # fmt: skip
        for event, element in events:
            if event == "start":
                reader.start(element)
                continue
            for record in reader.end(element):
                count += 1
                yield count, record
    if not count and not reader.has_list:
        refuse_missing_path(path.name, list(reader.names))


class _Reader:
    """The open elements of one pass."""

    def __init__(self, path: Path) -> None:
        self._path, self._steps = path, SELECTION.steps
        self._needed = {steps[steps.count(UP)] for steps in SELECTION.fields.values() if UP in steps}
        # how many elements around a record it needs: it is complete when the outermost of them is
        self._ups = max((steps.count(UP) for steps in SELECTION.fields.values()), default=0)
        self._open: list[Any] = []
        self._waiting: list[list[Any]] = []
        self._cleared: Any = None
        # the paths that the file has, for messages
        self.names: dict[str, None] = {}
        # whether the element around the records is there: an empty list is right
        self.has_list = False

    def start(self, element: Any) -> None:
        """Begin an element."""
        if not self._open:
            _refuse_entities(self._path, element)
        self._open.append(element)

    def end(self, element: Any) -> Iterator[dict[str, Any]]:
        """End an element, and yield the records that are complete now."""
        around, steps = self._open, self._steps
        if len(around) <= len(steps):
            self.names["/".join(map(_name, around))] = None
            self.has_list = self.has_list or (len(around) > 1 and _is_at(around, steps[:-1]))
        if _is_at(around, steps):
            self._waiting.append(list(around))
        if len(around) <= max(len(steps) - self._ups, 1):
            yield from map(_make_record, self._waiting)
            self._waiting.clear()
        around.pop()
        if not self._waiting and not self._is_needed(element):
            self._free(element)

    def _is_needed(self, element: Any) -> bool:
        """Return whether an element is part of a record, or a value around the records."""
        around, steps = self._open, self._steps
        if _is_at(around[: len(steps)], steps):
            return True
        return any(_name(outer) in self._needed for outer in [*around, element][1:])

    def _free(self, element: Any) -> None:
        """Empty an element, and remove the one before it: the parser may still write behind the last one."""
        element.clear(keep_tail=True)
        before, self._cleared = self._cleared, element
        if before is not None and (parent := before.getparent()) is not None:
            parent.remove(before)


def _refuse_entities(path: Path, root: Any) -> None:
    """Raise BadDataError for a file that declares entities: they may expand without limit, or name other files."""
    info = root.getroottree().docinfo
    if info.internalDTD is not None and (info.system_url or any(True for _ in info.internalDTD.iterentities())):
        raise BadDataError(f"{path.name} declares entities or an external DTD", "Ask the sender for XML without a DTD.")


def _is_at(around: Sequence[Any], steps: Sequence[str]) -> bool:
    return len(around) == len(steps) and all(map(_matches, around, steps))


def _matches(element: Any, step: str) -> bool:
    return _name(element) == step


def _make_record(around: Sequence[Any]) -> dict[str, Any]:
    value = _convert(around[-1])
    record = value if isinstance(value, dict) else {VALUE: value}
    picked = pick_fields(tuple(around), _step_into)
    return {**record, **{column: _convert(item) if _is_element(item) else item for column, item in picked.items()}}


def _convert(element: Any) -> Any:
    """Return an element as its text, or as an object of its attributes and children; repeated children are a list."""
    if element.get(NIL) in ("true", "1"):
        return None
    values: dict[str, Any] = {etree.QName(key).localname: text for key, text in element.attrib.items()}
    repeated: set[str] = set()
    for child in element:
        if not isinstance(child.tag, str):
            raise BadDataError(f"element {_name(element)} contains an entity", "Ask the sender for XML without them.")
        name, value = _name(child), _convert(child)
        if name not in values:
            values[name] = value
        elif name in repeated:
            values[name].append(value)
        else:
            values[name] = [values[name], value]
            repeated.add(name)
    text = (element.text or "").strip()
    if not values:
        return text
    return {**values, VALUE: text} if text else values


def _step_into(value: Any, step: str) -> Any:
    """Return the attribute or the first child of that name."""
    if not _is_element(value):
        return None
    attributes = (text for key, text in value.attrib.items() if etree.QName(key).localname == step)
    children = (child for child in value if isinstance(child.tag, str) and _name(child) == step)
    return next(attributes, None) or next(children, None)


def _is_element(value: Any) -> bool:
    return etree.iselement(value)


def _name(element: Any) -> str:
    return etree.QName(element).localname
