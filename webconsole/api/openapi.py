"""What a JSON route says of itself, for /openapi.json; and the reading of what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from flask import Flask, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import UnprocessableEntity

from webconsole.security import access

View = TypeVar("View", bound=Callable[..., Any])
Model = TypeVar("Model", bound=BaseModel)
Schema = dict[str, Any]
# of a body; the largest of ours, a view of a table with eight filters, has some 40
MAX_JSON_VALUES, MAX_JSON_DEPTH = 200, 5
ERROR: Schema = {
    "type": "object", "required": ["error", "hint"],
    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
}  # fmt: skip
_CONVERTERS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000},
    "default": {"type": "string", "pattern": "^[^/]+$"}, "path": {"type": "string"}, "any": {"type": "string"},
}  # fmt: skip
_TEXTS = {
    400: "The request cannot be read", 401: "Sign in first", 403: "Not with this role, or from another site",
    404: "There is no such thing", 409: "Not in the state it is in; the hint says what to do", 413: "Too large",
    414: "The address is too long",
    415: "The body is no JSON", 422: "Something given is wrong; the hint says what",
    429: "Too many wrong passwords; wait", 503: "Busy; try again",
}  # fmt: skip


class Body(BaseModel):
    """A JSON body: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Description:
    """One operation: its query parameters, its body, what it answers when all goes well."""

    query: Mapping[str, Schema] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    status: int = 200
    content: str = "application/json"  # several with ", " between
    answer: Schema = field(default_factory=lambda: {"type": "object"})


def described(
    query: Mapping[str, Schema] | None = None,
    body: type[BaseModel] | None = None,
    status: int = 200,
    content: str = "application/json",
    answer: Schema | None = None,
) -> Callable[[View], View]:
    """Mark a view as part of the JSON API; its docstring is the summary."""

    def mark(view: View) -> View:
        view.description = Description(query or {}, body, status, content, answer or {"type": "object"})  # type: ignore[attr-defined]
        return view

    return mark


def given(model: type[Model]) -> Model:
    """The body of the request as a model; 422 that names every fault, 415 or 400 where it is no JSON object."""
    values = read_json()
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'the body'}: {fault['msg']}" for fault in error.errors()]
        raise UnprocessableEntity("; ".join(faults)) from error
    except UnicodeError as error:
        raise UnprocessableEntity("the body holds what is no text") from error


def read_json() -> Any:
    """Return the JSON of the request; raises UnprocessableEntity (422) for more than any of our bodies has."""
    try:
        values = request.get_json()
    except RecursionError as error:
        raise UnprocessableEntity("The body is nested too deep.") from error
    waiting, count = [(values, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        count += len(items)
        if depth > MAX_JSON_DEPTH or count > MAX_JSON_VALUES:
            raise UnprocessableEntity(
                f"The body has more than {MAX_JSON_VALUES} values, or is nested deeper than {MAX_JSON_DEPTH}."
            )
        waiting += [(item, depth + 1) for item in items]
    return values


def plain(value: Any) -> Any:
    """Rows and values as JSON holds them: times in ISO 8601."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date) else value


def document(app: Flask) -> Schema:
    """The OpenAPI 3.1 description of every route that describes itself."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {"Error": ERROR}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        found: Description | None = getattr(view, "description", None)
        if found is None:
            continue
        path, parameters = _path(rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = _operation(view, found, parameters, access.role_of(app, rule.endpoint) or "nobody", schemas)
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Client ETL console", "version": "0.1.0", "description": "Sign in at /auth/login."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _path(rule: str) -> tuple[str, list[Schema]]:
    parameters = []

    def replaced(match: re.Match[str]) -> str:
        kind, arguments, name = match[1] or "default", match[2] or "", match[3]
        schema = dict(_CONVERTERS[kind])
        if kind == "any":
            schema["enum"] = [each.strip() for each in arguments.split(",")]
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        return f"{{{name}}}"

    return re.sub(r"<(?:(\w+)(?:\(([^)]*)\))?:)?(\w+)>", replaced, rule), parameters


def _operation(view: Any, found: Description, path: list[Schema], role: str, schemas: dict[str, Schema]) -> Schema:
    query = [{"name": name, "in": "query", "schema": schema} for name, schema in found.query.items()]
    answers: dict[str, Schema] = {str(found.status): {"description": "Done"}}
    if found.status != 204:
        answers[str(found.status)]["content"] = {kind: {"schema": found.answer} for kind in found.content.split(", ")}
    for status, text in _TEXTS.items():
        answers[str(status)] = {
            "description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }  # fmt: skip
    made: Schema = {
        "summary": (view.__doc__ or "").strip().splitlines()[0], "tags": [role], "parameters": [*path, *query],
        "responses": answers,
    }  # fmt: skip
    if role == "anyone":
        made["security"] = []
    if found.body is not None:
        schema = found.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[found.body.__name__] = schema
        reference = {"$ref": f"#/components/schemas/{found.body.__name__}"}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return made
