"""YAML documents as typed models; every error names file, line, key, what was expected and the nearest valid key."""

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
MOST_PLACES, MAX_DEPTH, MAX_LETTERS = 50_000, 20, 4 << 20
MAX_FAULTS = 100  # that are told of one document: each costs a search for the nearest key
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
    """One YAML file: its values, the line of each key, and the hash of its bytes."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]
    sha256: str
    twice: tuple[AtLine, ...] = ()  # keys that are given a second time; the last one counts


class FaultsError(ConfigurationError):
    """Everything that is wrong with one document; `faults`: each by itself, with its file and line."""

    def __init__(self, document: Document, faults: Iterable[AtLine]) -> None:
        self.faults = [f"{document.path} line {line}: {text}" for line, text in sorted(faults)]
        super().__init__("; ".join(self.faults))


class ConsistentModel(BaseModel):
    """A model whose keys can contradict each other."""

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, type[BaseModel], dict[str, Any]]]:
        """Parts of the document that have a model of their own: place, model, values; none unless a model says so."""
        return []

    @classmethod
    def find_contradictions(cls, values: dict[str, Any]) -> list[tuple[str, str]]:
        """Key and text of each contradiction among values that may themselves be wrong; none unless a model says so."""
        return []


def read_document(path: Path) -> Document:
    """Read a YAML file that holds one mapping; raises ConfigurationError with the line at fault."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    return parse_document(path, content)


def parse_document(path: Path, content: bytes) -> Document:
    """The same of bytes; `path` is only what errors name."""
    import yaml

    try:
        text = content.decode("utf-8-sig")
        _refuse_too_much(path, text)
        loader = get_loader()(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(f"{path}: expected keys and values")
        lines: dict[KeyPath, int] = {}
        twice: list[AtLine] = []
        _note_lines(node, (), lines, twice, path)
        values = loader.construct_document(node)
        return Document(path, values, lines, hashlib.sha256(content).hexdigest(), tuple(twice))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path} line {line}: {error.problem}", _quote_hint(content, line)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not a YAML file: {error}") from error
    except (ValueError, TypeError) as error:  # a date that does not exist, a list as a key
        raise ConfigurationError(f"{path}: {error}", "Put it into quotes.") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deep, or within itself") from error


def _refuse_too_much(path: Path, text: str) -> None:
    """Refuse what no configuration is before it is built: the time for that grows with the square of its depth.

    Raises ConfigurationError. What is not YAML at all is for the loader to say.
    """
    import yaml

    if len(text) > MAX_LETTERS:
        raise ConfigurationError(f"{path}: {len(text):,} letters, expected at most {MAX_LETTERS:,}")
    depth = nodes = 0
    with contextlib.suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=_fastest_loader()):
            if isinstance(event, yaml.NodeEvent):
                nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH or nodes > MOST_PLACES:
                what = "nested too deep" if depth > MAX_DEPTH else f"more than {MOST_PLACES:,} keys and values"
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise ConfigurationError(f"{path} line {line}: {what}, or within itself")


def _quote_hint(content: bytes, line: int) -> str:
    """Return what to type where a brace of a variable was taken for one of YAML, or ""."""
    text = content.decode("utf-8-sig", "replace").splitlines()[line - 1 : line]
    bare = re.search(r"""[\[{,:\s]([^\s"'\[{,]{0,200}\$\{[^}\s]*\}[^\s"',}\]]*)""", text[0]) if text else None
    return f'Inside {{ }} and [ ] put it into quotes: "{bare[1]}".' if bare else ""


@functools.cache
def get_loader() -> type[SafeLoader]:
    """YAML 1.1 with the plain values of YAML 1.2 (section 10.3.2): `no`, `007` and `12:30` are texts."""
    import yaml

    class Loader(_fastest_loader()):  # type: ignore[misc]
        yaml_implicit_resolvers = {
            letter: [(tag, pattern) for tag, pattern in found if tag not in PLAIN]
            for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    for tag, (pattern, first_letters) in PLAIN.items():
        Loader.add_implicit_resolver(tag, re.compile(pattern), list(first_letters))
    return Loader


def _fastest_loader() -> type[SafeLoader]:
    """Return libyaml's loader where PyYAML was built with it: ten times as fast."""
    import yaml

    loader: type[SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def _note_lines(node: Node, place: KeyPath, lines: dict[KeyPath, int], twice: list[AtLine], path: Path) -> None:
    """Note the line of each key below a place, and keys given twice; each key becomes the text that stands there."""
    import yaml

    if len(lines) > MOST_PLACES:  # anchors within anchors unfold to billions
        raise ConfigurationError(f"{path} line {node.start_mark.line + 1}: unfolds to more than {MOST_PLACES:,} values")
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        raise ConfigurationError(f"{path} line {node.start_mark.line + 1}: holds the character NUL")
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                key.tag = TEXT  # null, no and 2024 are names of keys and columns like any other
            if key.value in seen:
                twice.append((key.start_mark.line + 1, f"{key.value} is given twice"))
            seen.add(key.value)
            lines[(*place, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*place, key.value), lines, twice, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*place, number), lines, twice, path)


def validate_document(document: Document, model: type[Model], **fixed: Any) -> Model:
    """The document as a model, `fixed` values added; raises FaultsError that names every fault."""
    values = {**document.values, **fixed}
    contradictions = model.find_contradictions(values) if issubclass(model, ConsistentModel) else []
    faults = {(document.lines.get((key,), 1), f"{key} {text}") for key, text in contradictions} | set(document.twice)
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        # those without a place are the contradictions again
        found = [dict(fault) for fault in error.errors() if fault["loc"] or not faults]
        faults |= _first_faults(document, model, found)
    for place, part, part_values in model.list_parts(values) if issubclass(model, ConsistentModel) else []:
        try:
            part.model_validate(part_values)
        except ValidationError as error:
            known = [dict(fault) for fault in error.errors() if not _is_known_later(dict(fault))]
            faults |= _first_faults(document, part, known, place)
    if not faults:
        return made
    raise FaultsError(document, faults)


def _first_faults(
    document: Document, model: type[BaseModel], faults: list[dict[str, Any]], before: KeyPath = ()
) -> set[AtLine]:
    """Return the first faults as text, and how many there are besides."""
    found = {_fault(document, model, fault, before) for fault in faults[:MAX_FAULTS]}
    if len(faults) > MAX_FAULTS:
        found.add((max(line for line, _ in found), f"and {len(faults) - MAX_FAULTS:,} more faults"))
    return found


def _is_known_later(fault: dict[str, Any]) -> bool:
    """Whether a fault is about the value of a variable, which is known only when it is used."""
    about_a_key = fault["type"] in ("missing", "extra_forbidden")
    return bool(fault["loc"]) and not about_a_key and "${" in str(fault["input"])


def _fault(document: Document, model: type[BaseModel], fault: dict[str, Any], before: KeyPath = ()) -> tuple[int, str]:
    place: KeyPath = (*before, *fault["loc"])
    line = next((document.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in document.lines), 1)
    name = ".".join(map(str, place))
    text = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "expected", 1)
    if fault["type"] == "extra_forbidden":
        text = "is not a key" + did_you_mean(str(place[-1]), _keys(model, place[len(before) : -1]), cutoff=0.5)
    elif fault["type"] == "literal_error":
        text += _instead(fault) + did_you_mean(str(fault["input"]), re.findall("'([^']+)'", text), cutoff=0.5)
    elif fault["type"] == "missing":
        text = "is missing"
    else:
        text += _instead(fault)
    return line, f"{name} {text}".strip()


def _instead(fault: dict[str, Any]) -> str:
    """What stands there instead of what was expected; never a secret, nor the whole of a part."""
    hidden = any(masking.is_secret_name(str(part)) or part in ("authentication", "headers") for part in fault["loc"])
    shown = not hidden and isinstance(fault["input"], str | int | float)
    return f", not {fault['input']!r}" if shown else ""


def _keys(model: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys of the model that stands at this place of the document."""
    current: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, int) or current is None:
            continue
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        field = fields.get(part)  # a part that is no field is a key of a mapping, such as a column's name
        current = _model_in(field.annotation) if field else current
    return [field.alias or name for name, field in current.model_fields.items()] if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
