"""How values are written, as one short text that people read and type: dd/MM/yyyy, 1.234,56 €, yes / no."""

from __future__ import annotations

import re
from typing import Any

from systemscripts.configuration.column_schema import DATE_TYPES, NUMBER_TYPES

# the pivot of two-digit years that a proposal takes, too: 69 and later are of the 1900s
PIVOT = 69
EMPTY_WORD = "(empty)"
_LANGUAGE = re.compile(r"\s*\[([a-z]{2,3}(?:_[A-Z]{2})?)\]\s*$")
_NUMBER = re.compile(r"\d(?:[\d.,'\u2019\s]*\d)?")
# keys of a declaration that the text stands for
KEYS = (
    "formats",
    "language",
    "pivot",
    "decimal",
    "thousands",
    "currency",
    "negative",
    "percent",
    "implied_decimals",
    "true",
    "false",
)


def describe_format(declared: dict[str, Any]) -> str:
    """Return the format of a declared column as one text, "" for the usual one."""
    if declared["type"] in NUMBER_TYPES:
        return _describe_number(declared)
    if declared["type"] in DATE_TYPES:
        formats = _as_list(declared.get("formats", []))
        language = f" [{declared['language']}]" if declared.get("language") else ""
        return " | ".join(formats) + language
    if declared["type"] == "boolean":
        sides = [_as_list(declared.get(key, [])) for key in ("true", "false")]
        return " / ".join(", ".join(word or EMPTY_WORD for word in words) for words in sides) if any(sides) else ""
    return ""


def _describe_number(declared: dict[str, Any]) -> str:
    if not any(key in declared for key in ("decimal", "thousands", "currency", "negative", "percent")):
        return ""
    thousands = declared.get("thousands", "")
    decimal = declared.get("decimal") or ("," if thousands == "." else ".")
    text = f"1{thousands}234" + (f"{decimal}56" if declared["type"] == "numeric" else "")
    units = _as_list(declared.get("currency", []))
    ways = _as_list(declared.get("negative", []))
    text += "-" if "after" in ways else ""
    text += " %" if declared.get("percent") else ""
    text += f" {' '.join(units)}" if units else ""
    return f"({text})" if "brackets" in ways else text


def parse_format(type_name: str, text: str) -> dict[str, Any]:
    """Return the keys of a declaration for the text of a format; what cannot be understood is left to the check."""
    text = text.strip()
    if not text:
        return {}
    if type_name in DATE_TYPES:
        language = _LANGUAGE.search(text)
        formats = [part.strip() for part in _LANGUAGE.sub("", text).split("|") if part.strip()]
        keys: dict[str, Any] = {"formats": formats}
        if language:
            keys["language"] = language[1]
        if any(re.search(r"(?<!y)yy(?!y)", pattern) for pattern in formats):
            keys["pivot"] = PIVOT
        return keys
    if type_name in NUMBER_TYPES:
        return _parse_number(type_name, text)
    if type_name == "boolean":
        true_text, _, false_text = text.partition("/")
        sides = {"true": _split_words(true_text), "false": _split_words(false_text)}
        return {key: words for key, words in sides.items() if words}
    return {}


def _split_words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    return ["" if word == EMPTY_WORD else word for word in words]


def _parse_number(type_name: str, text: str) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    ways = []
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
        ways.append("brackets")
    number = _NUMBER.search(text)
    core = number[0] if number else ""
    around = text.replace(core, " ", 1)
    if re.search(r"\d\s*-", text):
        ways.append("after")
    if "%" in around:
        keys["percent"] = True
    units = [word for word in re.sub(r"[%+-]", " ", around).split() if word]
    if units:
        keys["currency"] = units
    if ways:
        keys["negative"] = ways
    marks = re.findall(r"[^\d]", core)
    decimal = ""
    if marks and type_name == "numeric" and (len(set(marks)) > 1 or not re.search(r"\D\d{3}$", core)):
        decimal = marks.pop()
    if decimal and decimal != ".":
        keys["decimal"] = decimal
    if marks:
        keys["thousands"] = " " if marks[0].isspace() else marks[0]
    return keys


def _as_list(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]
