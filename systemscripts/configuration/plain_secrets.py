"""Secrets that stand in a configuration as plain text: found, and kept out of the database.

A YAML file on this host may hold a password, with a warning. Its row, and the row's history, then hold only where it
stands, such as ${/srv/orders.yaml#/sources/0/password}: `variables.resolve_variables` reads it there when it is used.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from systemscripts import masking, settings
from systemscripts.configuration.yaml_documents import Document, KeyPath, get_loader
from systemscripts.errors import ConfigurationError
from systemscripts.summary import Notice

# Keys whose values nobody may see; for uploads this list refuses, so it is longer than what masking looks for in texts.
_SECRET = re.compile(
    r"(?:.*(?:password|passwd|pwd|secret|token|api[_-]?key|passphrase|private[_-]?key|authorization|cookie).*|key)",
    re.IGNORECASE,
)
_HEADER_KEY = re.compile(r".*[_-]key", re.IGNORECASE)
_WHOLE_VARIABLE = re.compile(r"\s*(?:(?:bearer|basic)\s+)?\$\{\w+\}\s*", re.IGNORECASE)
_LOGIN = re.compile(r"://([^/?#\s]*)@")
_PARAMETER = re.compile(r"[?&]([^=&]+)=([^&]+)")
Found = tuple[KeyPath, str]


def find_secrets(value: Any, place: KeyPath = ()) -> Iterator[Found]:
    """The place of each secret in plain text, and a sentence about it; a variable such as ${SOURCE_TOKEN} is none."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            written = isinstance(item, str | int | float) and not isinstance(item, bool) and item != ""
            if written and _is_secret(str(key), place) and not _is_named(item):
                yield (*place, key), f"{key} is a secret in plain text; write it as ${{SOURCE_...}}"
            else:
                yield from find_secrets(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from find_secrets(item, (*place, number))
    elif isinstance(value, str):
        if any(re.sub(r"\$\{\w+\}", "", login).strip(":") for login in _LOGIN.findall(value)):
            yield place, "a login inside an address is a secret in plain text; write it as ${SOURCE_...}"
        for name, item in _PARAMETER.findall(value):
            if _SECRET.fullmatch(name) and not _is_named(item):
                yield place, f"{name} is a secret in plain text; write it as ${{SOURCE_...}}"


def _is_secret(key: str, place: KeyPath) -> bool:
    return bool(_SECRET.fullmatch(key) or (place[-1:] == ("headers",) and _HEADER_KEY.fullmatch(key)))


def _is_named(item: object) -> bool:
    return _WHOLE_VARIABLE.fullmatch(str(item)) is not None or bool(find_references(item))


def replace_by_references(document: Document) -> Document:
    """A file's document with the place of each secret of its sources instead of the secret."""
    sources = document.values.get("sources")
    where = document.path.resolve()
    stored = f"./{where.relative_to(settings.PROJECT)}" if where.is_relative_to(settings.PROJECT) else str(where)
    for place in dict.fromkeys(place for place, _ in find_secrets(sources, ("sources",))):
        pointer = "".join(f"/{quote(str(part), safe='')}" for part in place)
        sources = _with(sources, place[1:], f"${{{quote(stored)}#{pointer}}}")
    return replace(document, values={**document.values, "sources": sources}) if sources else document


def _with(value: Any, place: KeyPath, text: str) -> Any:
    """A copy of a value with something else in one place."""
    if not place:
        return text
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], text)
    return copy


def find_references(value: Any) -> list[str]:
    """Where the secrets of a value stand, as `is_reference` knows them."""
    if isinstance(value, str):
        return [name for name in re.findall(r"\$\{([^}]*)\}", value) if is_reference(name)]
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in find_references(each)]
    return [name for each in value for name in find_references(each)] if isinstance(value, list | tuple) else []


def is_reference(name: str) -> bool:
    """Whether what stands between ${ and } is a place in a file, not the name of a variable."""
    return name.startswith(("/", "./")) and "#/" in name


def locate_file(reference: str) -> Path:
    """The file that a reference leads to."""
    return settings.PROJECT / unquote(reference.partition("#")[0])


def read_secret(reference: str, where: str) -> str:
    """The secret that stands there now; from here on no log shows it.

    Raises ConfigurationError, which says what `where` belongs to, where it is not there any more.
    """
    import yaml

    path = locate_file(reference)
    try:
        value = yaml.load(path.read_text("utf-8-sig"), get_loader())
        for part in reference.partition("#/")[2].split("/"):
            value = value[int(part)] if isinstance(value, list) else value[unquote(part)]
        if find_references(value):
            raise ValueError("it would lead on and on")
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: its secret is not where it stood, in {path}",
            "Write it as ${SOURCE_...} in its YAML, then run that again.",
        ) from error
    masking.register_secrets([str(value)])
    return str(value)


def find_warnings(value: Any, where: str) -> list[Notice]:
    """A warning for each secret of a configuration that stands in a file, or in the value itself."""
    found = []
    for reference in find_references(value):
        path, key = locate_file(reference), unquote(reference.rpartition("/")[2])
        found.append(f"{where}: {key} is written in {path} itself{_open_to_others(path)}; write it as ${{SOURCE_...}}")
    found += [f"{where}: {text}" for _, text in find_secrets(value)]
    return [Notice("secret_in_file", text) for text in found]


def _open_to_others(path: Path) -> str:
    try:
        return ", which others can read" if stat.S_IMODE(path.stat().st_mode) & 0o004 else ""
    except OSError:
        return ""
