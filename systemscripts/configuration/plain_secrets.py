"""Find plain-text secrets in a configuration, and keep them out of the database.

A YAML file on this host may contain a password, with a warning. Its row and the history of the row contain a reference
instead, such as ${/srv/orders.yaml#/sources/0/password}, which `variables.resolve_variables` reads when it is used.
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

# Keys with secret values. Uploads that contain one are refused, so the list is longer than that of masking.
_SECRET = re.compile(
    r"(?:.*(?:password|passwd|pwd|secret|token|api[_-]?key|passphrase|private[_-]?key|authorization|cookie).*|key)",
    re.IGNORECASE,
)
_HEADER_KEY = re.compile(r".*[_-]key", re.IGNORECASE)
_WHOLE_VARIABLE = re.compile(r"\s*(?:(?:bearer|basic)\s+)?\$\{\w+\}\s*", re.IGNORECASE)
_LOGIN = re.compile(r"://([^/?#\s]*)@")
_PARAMETER = re.compile(r"[?&]([^=&]+)=([^&]+)")
Fault = tuple[KeyPath, str]


def find_secrets(value: Any, key_path: KeyPath = ()) -> Iterator[Fault]:
    """Yield the key path of each plain-text secret, and a sentence about it; variables are not secrets."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            is_filled = isinstance(item, str | int | float) and not isinstance(item, bool) and item != ""
            if is_filled and is_secret(str(key), key_path) and not _is_variable(item):
                yield (*key_path, key), f"{key} is a secret in plain text; write it as ${{SOURCE_...}}"
            else:
                yield from find_secrets(item, (*key_path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from find_secrets(item, (*key_path, number))
    elif isinstance(value, str):
        if any(re.sub(r"\$\{\w+\}", "", login).strip(":") for login in _LOGIN.findall(value)):
            yield key_path, "a login inside an address is a secret in plain text; write it as ${SOURCE_...}"
        for name, item in _PARAMETER.findall(value):
            if _SECRET.fullmatch(name) and not _is_variable(item):
                yield key_path, f"{name} is a secret in plain text; write it as ${{SOURCE_...}}"


def is_secret(key: str, key_path: KeyPath = ()) -> bool:
    """Return whether the value of a key is a secret."""
    return bool(_SECRET.fullmatch(key) or (key_path[-1:] == ("headers",) and _HEADER_KEY.fullmatch(key)))


def _is_variable(item: object) -> bool:
    return _WHOLE_VARIABLE.fullmatch(str(item)) is not None or bool(find_references(item))


def replace_by_references(document: Document) -> Document:
    """Return the document of a file with a reference in place of each secret of its sources and its target."""
    where = document.path.resolve()
    stored = f"./{where.relative_to(settings.PROJECT)}" if where.is_relative_to(settings.PROJECT) else str(where)
    values = document.values
    for part in ("sources", "target"):
        for key_path in dict.fromkeys(key_path for key_path, _ in find_secrets(values.get(part), (part,))):
            pointer = "".join(f"/{quote(str(item), safe='')}" for item in key_path)
            values = _replace_item(values, key_path, f"${{{quote(stored)}#{pointer}}}")
    # what was written is not stored where it has secrets
    has_secrets = next(find_secrets(document.values), None) is not None
    return replace(document, values=values, text="" if has_secrets else document.text)


def _replace_item(value: Any, key_path: KeyPath, text: str) -> Any:
    """Return a copy of a value with the item at one key path replaced."""
    if not key_path:
        return text
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[key_path[0]] = _replace_item(value[key_path[0]], key_path[1:], text)
    return copy


def find_references(value: Any) -> list[str]:
    """Return the references to secrets inside a value."""
    if isinstance(value, str):
        return [name for name in re.findall(r"\$\{([^}]*)\}", value) if is_reference(name)]
    if isinstance(value, Mapping):
        return [name for item in value.values() for name in find_references(item)]
    return [name for item in value for name in find_references(item)] if isinstance(value, list | tuple) else []


def is_reference(name: str) -> bool:
    """Return whether the text between ${ and } is a reference to a file, not the name of a variable."""
    return name.startswith(("/", "./")) and "#/" in name


def locate_file(reference: str) -> Path:
    """Return the file of a reference."""
    return settings.PROJECT / unquote(reference.partition("#")[0])


def read_secret(reference: str, where: str) -> str:
    """Return the secret at a reference; from here on it is masked in every log.

    `where` begins the message of the ConfigurationError that is raised if the secret is no longer there.
    """
    import yaml

    path = locate_file(reference)
    try:
        value = yaml.load(path.read_text("utf-8-sig"), get_loader())
        for part in reference.partition("#/")[2].split("/"):
            value = value[int(part)] if isinstance(value, list) else value[unquote(part)]
        if find_references(value):
            raise ValueError("a reference to a reference")
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: its secret is no longer in {path}",
            "Write it as ${SOURCE_...} in the YAML file, then run the same command again.",
        ) from error
    masking.register_secrets([str(value)])
    return str(value)


def find_warnings(value: Any, where: str) -> list[Notice]:
    """Return a warning for each secret that is written in a YAML file or in the value itself."""
    texts = []
    for reference in find_references(value):
        path, key = locate_file(reference), unquote(reference.rpartition("/")[2])
        texts.append(f"{where}: {key} is written in {path} itself{_describe_access(path)}; write it as ${{SOURCE_...}}")
    texts += [f"{where}: {text}" for _, text in find_secrets(value)]
    return [Notice("secret_in_file", text) for text in texts]


def _describe_access(path: Path) -> str:
    try:
        return ", which others can read" if stat.S_IMODE(path.stat().st_mode) & 0o004 else ""
    except OSError:
        return ""
