"""Describe the JSON routes for /openapi.json, and parse the bodies of requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from flask import Flask, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import UnprocessableEntity

from systemscripts.errors import describe_faults
from webconsole.security import access

View = TypeVar("View", bound=Callable[..., Any])
Model = TypeVar("Model", bound=BaseModel)
Schema = dict[str, Any]
# of a body; the largest valid one, a table view with eight filters, has about 40 values
MAX_JSON_VALUES, MAX_JSON_DEPTH = 200, 5
ERROR: Schema = {
    "type": "object", "required": ["error", "hint"],
    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
}  # fmt: skip
_CONVERTERS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000},
    "default": {"type": "string", "pattern": "^[^/]+$"}, "path": {"type": "string"}, "any": {"type": "string"},
}  # fmt: skip
_STATUS_TEXTS = {
    400: "The request is not valid", 401: "Sign in first",
    403: "The role does not allow it, or the request comes from another site",
    404: "Not found", 409: "The current state does not allow it; see the hint", 413: "Too large",
    414: "The address is too long",
    415: "The body is not JSON", 422: "An argument is not valid; see the error",
    429: "Too many wrong passwords or downloads; try again later", 503: "Temporarily unavailable; try again",
}  # fmt: skip


class Body(BaseModel):
    """A JSON body; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Description:
    """The query parameters, body and successful answer of an operation."""

    query: Mapping[str, Schema] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    status: int = 200
    # media types, separated by ", "
    content: str = "application/json"
    answer: Schema = field(default_factory=lambda: {"type": "object"})


def describe(
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


def parse_body(model: type[Model], max_values: int = MAX_JSON_VALUES) -> Model:
    """Return the body of the request as a model; answer 422 with every error, or 415 or 400 if it is not JSON."""
    values = read_json(max_values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = describe_faults(error, "the body")
        raise UnprocessableEntity(faults) from error
    except UnicodeError as error:
        raise UnprocessableEntity("the body contains invalid characters") from error


def read_json(max_values: int = MAX_JSON_VALUES) -> Any:
    """Return the JSON of the request; answer 422 if it has more values than any valid body."""
    try:
        values = request.get_json()
    except RecursionError as error:
        raise UnprocessableEntity("The body is nested too deeply.") from error
    waiting, count = [(values, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        count += len(items)
        if depth > MAX_JSON_DEPTH or count > max_values:
            raise UnprocessableEntity(
                f"The body has more than {max_values} values or more than {MAX_JSON_DEPTH} levels."
            )
        waiting += [(item, depth + 1) for item in items]
    return values


def make_plain(value: Any) -> Any:
    """Return rows and values for JSON, with times in ISO 8601."""
    if isinstance(value, dict):
        return {key: make_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date) else value


def build_document(app: Flask) -> Schema:
    """Return the OpenAPI 3.1 description of every route with `describe`."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {"Error": ERROR}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        description: Description | None = getattr(view, "description", None)
        if description is None:
            continue
        path, parameters = _describe_path(rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            role = access.find_role(app, rule.endpoint) or "none"
            operation = _describe_operation(view, description, parameters, role, schemas)
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


def _describe_path(rule: str) -> tuple[str, list[Schema]]:
    parameters = []

    def describe_parameter(match: re.Match[str]) -> str:
        converter, arguments, name = match[1] or "default", match[2] or "", match[3]
        schema = dict(_CONVERTERS[converter])
        if converter == "any":
            schema["enum"] = [value.strip() for value in arguments.split(",")]
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        return f"{{{name}}}"

    return re.sub(r"<(?:(\w+)(?:\(([^)]*)\))?:)?(\w+)>", describe_parameter, rule), parameters


def _describe_operation(
    view: Any, description: Description, path: list[Schema], role: str, schemas: dict[str, Schema]
) -> Schema:
    query = [{"name": name, "in": "query", "schema": schema} for name, schema in description.query.items()]
    answers: dict[str, Schema] = {str(description.status): {"description": "Done"}}
    if description.status != 204:
        answers[str(description.status)]["content"] = {
            media_type: {"schema": description.answer} for media_type in description.content.split(", ")
        }
    for status, text in _STATUS_TEXTS.items():
        answers[str(status)] = {
            "description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }  # fmt: skip
    operation: Schema = {
        "summary": (view.__doc__ or "").strip().splitlines()[0], "tags": [role], "parameters": [*path, *query],
        "responses": answers,
    }  # fmt: skip
    if role == "anyone":
        operation["security"] = []
    if description.body is not None:
        schema = description.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[description.body.__name__] = schema
        reference = {"$ref": f"#/components/schemas/{description.body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation
