"""The import that is made of an added file: what was proposed for it, with what a person changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import ValidationError

from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import ImportConfig, uploads
from systemscripts.configuration.column_schema import Column
from systemscripts.errors import ConfigurationError, describe_faults
from systemscripts.imports.suggest.file_pattern import FilePattern
from systemscripts.imports.suggest.import_proposal import ImportProposal
from systemscripts.imports.suggest.infer_types import Proposal
from systemscripts.imports.suggest.keys import KeyCandidate
from systemscripts.imports.suggest.load_mode import LoadMode
from systemscripts.imports.suggest.render_yaml import render_import
from systemscripts.imports.suggest.report_rows import SkipProposal
from webconsole.new_files import column_formats

CHOSEN = "as it was chosen"
# what a person edits of a column, besides its format
EDITED_KEYS = ("type", "null", "required", "rename")
LOAD_MODES = {
    "snapshot": "Each file is the whole list: it replaces the one before",
    "append": "Each file brings other rows: they are added",
    "upsert": "Each file has new and changed rows: they are updated by their key",
    "new_rows": "Only rows that are not there yet are added",
}


def make_edits(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person may change, as it is proposed."""
    key = facts["key"] or {"columns": [], "is_sure": False}
    return {
        "name": facts["name"],
        "target_table": f"public.{facts['name']}",
        "load_mode": facts["load_mode"]["mode"],
        "file_pattern": facts["pattern"]["pattern"],
        "date_format": facts["pattern"]["date_format"],
        "skips": [number for number, skip in enumerate(facts["skips"]) if skip["is_sure"]],
        "columns": [
            {
                "name": column["declared"].get("rename") or column["column"],
                "type": column["declared"]["type"],
                "format": column_formats.describe_format(column["declared"]),
                "null": ", ".join(_as_list(column["declared"].get("null", []))),
                "required": bool(column["declared"].get("required")),
                "key": bool(key["is_sure"]) and column["column"] in key["columns"],
                "keep": True,
            }
            for column in facts["columns"]
        ],
    }


def merge_edits(facts: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the edits of a person on what is proposed; columns that are not found any more are left out."""
    merged = make_edits(facts) | {key: value for key, value in edits.items() if key != "columns"}
    changed = edits.get("columns", [])
    if len(changed) == len(merged["columns"]):
        merged["columns"] = [base | dict(new) for base, new in zip(merged["columns"], changed, strict=True)]
    return merged


def declare_column(column: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declaration of a column in the schema, given what was found and what a person made of it."""
    proposed: dict[str, Any] = column["declared"]
    is_as_proposed = edit["type"] == proposed["type"] and edit["format"] == column_formats.describe_format(proposed)
    kept = {key: value for key, value in proposed.items() if key in column_formats.KEYS} if is_as_proposed else {}
    others = {key: value for key, value in proposed.items() if key not in (*column_formats.KEYS, *EDITED_KEYS)}
    declared = others | {"type": edit["type"]} | (kept or column_formats.parse_format(edit["type"], edit["format"]))
    if null := [mark.strip() for mark in edit["null"].split(",") if mark.strip()]:
        declared["null"] = null
    if edit["required"]:
        declared["required"] = True
    if edit["name"] != column["column"]:
        declared["rename"] = edit["name"]
    return declared


def build_proposal(facts: Mapping[str, Any], edits: Mapping[str, Any], reading: Mapping[str, Any]) -> ImportProposal:
    """Return the proposal with the changes of a person."""
    pairs = list(zip(facts["columns"], edits["columns"], strict=True))
    columns = []
    for column, edit in pairs:
        if edit["keep"]:
            declared = declare_column(column, edit)
            proposed = declared == {key: value for key, value in column["declared"].items() if value not in (None, [])}
            columns.append(Proposal(column["column"], declared, column["reason"] if proposed else CHOSEN))
    keys = [edit["name"] for _, edit in pairs if edit["key"] and edit["keep"]]
    required = {column.column for column in columns if column.declared.get("required")}
    kept = {column.column for column in columns}
    names = {column["column"]: edit["name"] for column, edit in pairs}
    return ImportProposal(
        edits["name"],
        [facts["file_name"]],
        _build_pattern(facts["pattern"], edits),
        columns,
        facts["headers"],
        KeyCandidate(tuple(keys), True, is_chosen=True) if keys else None,
        LoadMode(edits["load_mode"], _explain_mode(facts["load_mode"], edits["load_mode"])),
        [
            # a doubtful one that was chosen is not doubtful any more
            SkipProposal(skip["rule"], skip["reason"] if skip["is_sure"] else CHOSEN, frozenset())
            for number, skip in enumerate(facts["skips"])
            if number in edits["skips"]
        ],
        [name for name in facts["filled"] if name in kept and name not in required and names[name] == name],
        facts["notes"],
        edits["target_table"],
        f"file_watcher/{edits['name']}",
        reading,
        layout=facts.get("layout", {}),
        is_strict=len(columns) < len(pairs),
    )


def _build_pattern(facts: Mapping[str, Any], edits: Mapping[str, Any]) -> FilePattern:
    proposed = FilePattern(
        **{
            **facts,
            "examples": tuple(facts["examples"]),
            "day": date.fromisoformat(str(facts["day"])) if facts["day"] else None,
        }
    )
    pattern = edits["file_pattern"].strip()
    if pattern == facts["pattern"] and edits["date_format"] == facts["date_format"]:
        return proposed
    is_dated = "(?P<date>" in pattern and bool(edits["date_format"])
    return replace(
        proposed,
        pattern=pattern,
        date_format=edits["date_format"] if is_dated else "",
        has_label="(?P<label>" in pattern,
        examples=tuple(name for name in facts["examples"] if _fits(pattern, name)),
        note="",
        question="",
    )


def _fits(pattern: str, name: str) -> bool:
    try:
        return compile_pattern(pattern).fullmatch(name) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def _explain_mode(facts: Mapping[str, Any], mode: str) -> str:
    return str(facts["reason"]) if mode == facts["mode"] else CHOSEN


def render_yaml(facts: Mapping[str, Any], edits: Mapping[str, Any], reading: Mapping[str, Any]) -> str:
    """Return the YAML of the import, the same text that `etl suggest_import` writes."""
    return render_import(build_proposal(facts, edits, reading))


def build_changed_config(config: ImportConfig, facts: Mapping[str, Any], edits: Mapping[str, Any]) -> ImportConfig:
    """Return a known import with the columns as a person changed them; raise ConfigurationError if that is not valid.

    A column of a file that the schema does not name stays so as long as it is text under its own name.
    """
    declared: dict[str, Any] = {name: _dump_column(column) for name, column in config.declared.items()}
    for column, edit in zip(facts["columns"], edits["columns"], strict=True):
        new = declare_column(column, edit)
        if column["column"] in declared or new != {"type": "text"} or column["is_new"]:
            declared[column["column"]] = new
    values = config.model_dump(mode="json", by_alias=True) | {"schema": declared}
    try:
        return ImportConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(describe_faults(error)) from error


def _dump_column(column: Column) -> dict[str, Any]:
    return {"type": column.type} | column.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def declare_known(config: ImportConfig, name: str) -> dict[str, Any]:
    """Return the declaration of a column as the schema of an import has it, text if it has none."""
    return _dump_column(config.declared[name]) if name in config.declared else {"type": "text"}


def find_faults(name: str, text: str) -> list[str]:
    """Return what is wrong with the YAML of an import by the rules for uploads, without file and line."""
    faults = uploads.find_faults(name, text.encode(), is_import=True)
    return [re.sub(r"^\S+ line \d+: ", "", fault) for fault in faults]


def build_config(name: str, text: str) -> ImportConfig:
    """Return the import that a YAML without faults describes."""
    return uploads.build_import(name, text.encode())


def _as_list(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]
