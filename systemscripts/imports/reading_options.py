"""Turn the keys of `reading` into the options of the readers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from systemscripts.configuration.file_layout_options import parse_span
from systemscripts.configuration.import_parts import Reading
from systemscripts.tables.model import ReadingOptions

# how the readers call what types of records are called in a configuration
_TYPES = {"header": "header_code", "rows": "row_code", "skip": "skipped_codes", "trailer": "trailer_code"}


def convert_reading(reading: Reading) -> dict[str, Any]:
    """Return the fields of ReadingOptions for all keys under reading; those about columns and values are left out."""
    keys = {field.name for field in fields(ReadingOptions)}
    options = reading.model_dump(include=keys)
    options["names"] = tuple(options["names"])
    if isinstance(options["header_row"], list):
        options["header_row"] = tuple(options["header_row"])
    # the database does not keep their order
    spans = [(name, *parse_span(span)) for name, span in reading.fixed_width.items()]
    options["fixed_width"] = tuple(sorted(spans, key=lambda span: span[1]))
    options["fields"] = tuple(sorted(reading.fields.items()))
    options["unpivot"] = tuple(reading.unpivot.columns)
    options["unpivot_names"] = (reading.unpivot.name, reading.unpivot.value)
    for key, name in _TYPES.items():
        value = getattr(reading.record_types, key)
        options[name] = tuple(value) if isinstance(value, list) else value
    return options


def convert_given(reading: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of ReadingOptions for the given keys under reading alone.

    Raises pydantic.ValidationError for a key or value that `reading` may not have.
    """
    options = convert_reading(Reading.model_validate(reading))
    names = set(reading)
    if "record_types" in names:
        names |= set(_TYPES.values())
    if "unpivot" in names:
        names.add("unpivot_names")
    return {name: value for name, value in options.items() if name in names}
