"""Parses the part of OData's $filter that the demo server supports: in, eq, ne, gt, ge, lt, le, and, or, brackets.

Grammar: OData 4.01, part 2 (URL conventions), 5.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Test = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?)"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[(),]))"
)


class FilterError(ValueError):
    """The filter cannot be parsed."""


def parse_filter(text: str) -> Test:
    """Return a filter as a function of a record. Raises FilterError."""
    tokens, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterError(f"Syntax error at position {position} in '{text}'.")
        tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
        position = match.end()
    parser = _Parser(tokens)
    test = parser.parse_or()
    if parser.rest:
        raise FilterError(f"Syntax error: '{parser.rest[0][1]}' was not expected.")
    return test


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.rest = tokens

    def parse_or(self) -> Test:
        """Return a test for terms joined with `or`, the weakest operator."""
        parts = [self._parse_and()]
        while self._accepts("or"):
            parts.append(self._parse_and())
        return lambda record: any(part(record) for part in parts)

    def _parse_and(self) -> Test:
        parts = [self._parse_comparison()]
        while self._accepts("and"):
            parts.append(self._parse_comparison())
        return lambda record: all(part(record) for part in parts)

    def _parse_comparison(self) -> Test:
        if self._accepts("("):
            test = self.parse_or()
            self._expect(")")
            return test
        name = self._take_token()[1]
        if self._accepts("in"):
            values = self._parse_list()
            return lambda record: _to_comparable(record.get(name)) in values
        word = self._take_token()[1]
        if word not in ("eq", "ne", "gt", "ge", "lt", "le"):
            raise FilterError(f"Unknown operator '{word}'.")
        value = self._parse_literal()
        return lambda record: _is_match(word, _to_comparable(record.get(name)), value)

    def _parse_list(self) -> list[Any]:
        self._expect("(")
        values = [self._parse_literal()]
        while self._accepts(","):
            values.append(self._parse_literal())
        self._expect(")")
        return values

    def _parse_literal(self) -> Any:
        token_type, text = self._take_token()
        if token_type == "text":
            return text[1:-1].replace("''", "'")
        if token_type == "moment":
            return _to_comparable(text)
        if token_type == "number":
            return float(text)
        if text == "null":
            return None
        raise FilterError(f"'{text}' is not a valid value.")

    def _take_token(self) -> tuple[str, str]:
        if not self.rest:
            raise FilterError("The filter ends too early.")
        return self.rest.pop(0)

    def _accepts(self, word: str) -> bool:
        if self.rest and self.rest[0][1] == word:
            self.rest.pop(0)
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._accepts(sign):
            raise FilterError(f"'{sign}' was expected.")


def _to_comparable(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", value):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value


def _is_match(word: str, stored: Any, value: Any) -> bool:
    if word in ("eq", "ne"):
        return (stored == value) == (word == "eq")
    if stored is None or value is None or type(stored) is not type(value):
        return False
    return bool({"gt": stored > value, "ge": stored >= value, "lt": stored < value, "le": stored <= value}[word])
