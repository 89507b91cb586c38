"""Read YAML files as typed models; each error names file, line, key, what was expected and the nearest valid key."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from systemscripts import masking
from systemscripts.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

Model = TypeVar("Model", bound=BaseModel)
# A configuration of 1,600 columns, each with all its keys, has some 30,000 keys and values at a depth of 6.
MAX_NODES, MAX_DEPTH, MAX_LETTERS = 50_000, 20, 4 << 20
# reported for one document: each costs a search for the nearest key
MAX_FAULTS = 100
PLAIN = {  # tag: (pattern, first letters)
    "tag:yaml.org,2002:bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "tag:yaml.org,2002:int": (r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"^(?:[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[1-9][0-9]*\.?[eE][-+]?[0-9]+|[-+]?[0-9]+\.)$",
        "-+.0123456789",
    ),
}
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
KeyPath = tuple[str | int, ...]
AtLine = tuple[int, str]


@dataclass(frozen=True)
class Document:
    """A YAML file: its values, the line of each key, and the hash of its bytes."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]
    sha256: str
    # keys that are given a second time
    twice: tuple[AtLine, ...] = ()
    # as it was written
    text: str = ""

    def find_line(self, key_path: KeyPath) -> int:
        """Return the line of a key, or of the nearest part that contains it."""
        parts = (key_path[:length] for length in range(len(key_path), -1, -1))
        return next((self.lines[part] for part in parts if part in self.lines), 1)


class FaultsError(ConfigurationError):
    """The faults of one document; `faults` has each of them with its file and line."""

    def __init__(self, document: Document, faults: Iterable[AtLine]) -> None:
        self.faults = [f"{document.path} line {line}: {text}" for line, text in sorted(faults)]
        super().__init__("; ".join(self.faults))


class ConsistentModel(BaseModel):
    """A model with rules between its keys, and parts with models of their own."""

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, type[BaseModel], dict[str, Any]]]:
        """Return the parts that have a model of their own: (key path, model, values)."""
        return []

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the keys that contradict each other: (key, text); the values themselves may be invalid."""
        return []


def read_document(path: Path) -> Document:
    """Read a YAML file of keys and values; raises ConfigurationError with the line of the fault."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    return parse_document(path, content)


def parse_document(path: Path, content: bytes) -> Document:
    """Parse the bytes of a YAML file; `path` is used in errors only. Raises ConfigurationError as `read_document`."""
    import yaml

    try:
        text = content.decode("utf-8-sig")
        _refuse_too_large(path, text)
        loader = get_loader()(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(f"{path}: expected keys and values")
        lines: dict[KeyPath, int] = {}
        twice: list[AtLine] = []
        _note_lines(node, (), lines, twice, path)
        values = loader.construct_document(node)
        return Document(path, values, lines, hashlib.sha256(content).hexdigest(), tuple(twice), text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path} line {line}: {error.problem}", _quote_hint(content, line)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not a YAML file: {error}") from error
    except (ValueError, TypeError) as error:
        # a date that does not exist, or a list as a key
        raise ConfigurationError(f"{path}: {error}", "Put it into quotes.") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deep, or within itself") from error


def _refuse_too_large(path: Path, text: str) -> None:
    """Raise ConfigurationError for a document too large or too deep to be a configuration, before it is built.

    Building takes time that grows with the square of the depth. What is not YAML is left to the loader.
    """
    import yaml

    if len(text) > MAX_LETTERS:
        raise ConfigurationError(f"{path}: {len(text):,} characters, expected at most {MAX_LETTERS:,}")
    depth = nodes = 0
    with contextlib.suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=_get_fastest_loader()):
            if isinstance(event, yaml.NodeEvent):
                nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                what = "nested too deep" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} keys and values"
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise ConfigurationError(f"{path} line {line}: {what}, or within itself")


def _quote_hint(content: bytes, line: int) -> str:
    """Return what to type if the brace of a variable was taken for one of YAML, "" otherwise."""
    text = content.decode("utf-8-sig", "replace").splitlines()[line - 1 : line]
    bare = re.search(r"""[\[{,:\s]([^\s"'\[{,]{0,200}\$\{[^}\s]*\}[^\s"',}\]]*)""", text[0]) if text else None
    return f'Inside {{ }} and [ ] put it into quotes: "{bare[1]}".' if bare else ""


@functools.cache
def get_loader() -> type[SafeLoader]:
    """Return a loader of YAML 1.1 with the scalars of YAML 1.2 (section 10.3.2): `no`, `007` and `12:30` are texts."""
    import yaml

    class Loader(_get_fastest_loader()):  # type: ignore[misc]
        yaml_implicit_resolvers = {
            letter: [(tag, pattern) for tag, pattern in resolvers if tag not in PLAIN]
            for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    for tag, (pattern, first_letters) in PLAIN.items():
        Loader.add_implicit_resolver(tag, re.compile(pattern), list(first_letters))
    return Loader


def _get_fastest_loader() -> type[SafeLoader]:
    """Return libyaml's loader if PyYAML was built with it: it is ten times as fast."""
    import yaml

    loader: type[SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def _note_lines(node: Node, key_path: KeyPath, lines: dict[KeyPath, int], twice: list[AtLine], path: Path) -> None:
    """Note the line of each key below a key path and the keys given twice; each key becomes a text."""
    import yaml

    # anchors within anchors unfold to billions
    if len(lines) > MAX_NODES:
        raise ConfigurationError(f"{path} line {node.start_mark.line + 1}: unfolds to more than {MAX_NODES:,} values")
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        raise ConfigurationError(f"{path} line {node.start_mark.line + 1}: contains the character NUL")
    lines.setdefault(key_path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                # null, no and 2024 are valid names of keys and columns
                key.tag = TEXT
            if key.value in seen:
                twice.append((key.start_mark.line + 1, f"{key.value} is given twice"))
            seen.add(key.value)
            lines[(*key_path, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*key_path, key.value), lines, twice, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*key_path, number), lines, twice, path)


def validate_document(document: Document, model: type[Model], **fixed: Any) -> Model:
    """Return the document as a model, with the `fixed` values added; raises FaultsError with every fault."""
    values = {**document.values, **fixed}
    contradictions = model.find_contradictions(values) if issubclass(model, ConsistentModel) else []
    faults = {(document.lines.get((key,), 1), f"{key} {text}") for key, text in contradictions} | set(document.twice)
    try:
        result = model.model_validate(values)
    except ValidationError as error:
        # faults without a key are the contradictions again
        invalid = [dict(fault) for fault in error.errors() if fault["loc"] or not faults]
        faults |= _describe_faults(document, model, invalid)
    for key_path, part, part_values in model.list_parts(values) if issubclass(model, ConsistentModel) else []:
        try:
            part.model_validate(part_values)
        except ValidationError as error:
            known = [dict(fault) for fault in error.errors() if not _is_known_later(dict(fault))]
            faults |= _describe_faults(document, part, known, key_path)
    if not faults:
        return result
    raise FaultsError(document, faults)


def _describe_faults(
    document: Document, model: type[BaseModel], faults: list[dict[str, Any]], before: KeyPath = ()
) -> set[AtLine]:
    """Return the first faults as (line, text), and how many more there are."""
    described = {_describe_fault(document, model, fault, before) for fault in faults[:MAX_FAULTS]}
    if len(faults) > MAX_FAULTS:
        described.add((max(line for line, _ in described), f"and {len(faults) - MAX_FAULTS:,} more faults"))
    return described


def _is_known_later(fault: dict[str, Any]) -> bool:
    """Return whether a fault is about a variable, whose value is known only when it is used."""
    about_a_key = fault["type"] in ("missing", "extra_forbidden")
    return bool(fault["loc"]) and not about_a_key and "${" in str(fault["input"])


def _describe_fault(document: Document, model: type[BaseModel], fault: dict[str, Any], before: KeyPath) -> AtLine:
    key_path: KeyPath = (*before, *fault["loc"])
    name = ".".join(map(str, key_path))
    text = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "expected", 1)
    if fault["type"] == "extra_forbidden":
        text = "is not a key" + did_you_mean(
            str(key_path[-1]), _list_keys(model, key_path[len(before) : -1]), cutoff=0.5
        )
    elif fault["type"] == "literal_error":
        text += _quote_input(fault) + did_you_mean(str(fault["input"]), re.findall("'([^']+)'", text), cutoff=0.5)
    elif fault["type"] == "missing":
        text = "is missing"
    else:
        text += _quote_input(fault)
    return document.find_line(key_path), f"{name} {text}".strip()


def _quote_input(fault: dict[str, Any]) -> str:
    """Return ", not VALUE" with the invalid value; "" for a secret and for a whole part."""
    is_hidden = any(masking.is_secret_name(str(part)) or part in ("authentication", "headers") for part in fault["loc"])
    is_shown = not is_hidden and isinstance(fault["input"], str | int | float)
    return f", not {fault['input']!r}" if is_shown else ""


def _list_keys(model: type[BaseModel], key_path: KeyPath) -> list[str]:
    """Return the keys of the model at a key path of the document."""
    current: type[BaseModel] | None = model
    for part in key_path:
        if isinstance(part, int) or current is None:
            continue
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        # a part that is not a field is a key of a mapping, such as the name of a column
        field = fields.get(part)
        current = _find_model(field.annotation) if field else current
    return [field.alias or name for name, field in current.model_fields.items()] if current else []


def _find_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _find_model(part))), None)
