"""Describe the JSON routes for /openapi.json and /api/v1/openapi.json, and parse the bodies of requests.

Every route stands twice: under /api/v1, with problems of RFC 9457, and under the path it had before /api/v1 existed,
with errors as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from flask import Flask, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import UnprocessableEntity

from systemscripts.errors import describe_faults
from webconsole.api.answers import Problem
from webconsole.error_handlers import API, PROBLEM_TYPE
from webconsole.query_arguments import MAX_LIMIT
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
    answer: Schema | type[BaseModel] = field(default_factory=lambda: {"type": "object"})


def describe(
    query: Mapping[str, Schema] | None = None,
    body: type[BaseModel] | None = None,
    status: int = 200,
    content: str = "application/json",
    answer: Schema | type[BaseModel] | None = None,
) -> Callable[[View], View]:
    """Mark a view as part of the JSON API; its docstring is the summary."""

    def mark(view: View) -> View:
        view.description = Description(query or {}, body, status, content, answer or {"type": "object"})  # type: ignore[attr-defined]
        return view

    return mark


# of every list: how many rows at most, and where the page begins
PAGE: Schema = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "description": "At most so many rows"},
    "after": {"type": "string", "description": "The `next` of the page before"},
}  # fmt: skip


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


def build_document(app: Flask, prefix: str = "") -> Schema:
    """Return the OpenAPI 3.1 description of every route with `describe` below a prefix: "" or /api/v1."""
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        description: Description | None = getattr(view, "description", None)
        if description is None or rule.rule.startswith(API) != (prefix == API):
            continue
        path, parameters = _describe_path(rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            role = access.find_role(app, rule.endpoint) or "none"
            operation = _describe_operation(view, description, parameters, role, schemas)
            operation["responses"] |= _describe_errors(schemas, is_problem=prefix == API)
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Client ETL console", "version": "1.0.0",
            "description": f"Sign in at {prefix}/auth/login."
            + ("" if prefix else f" New programs use {API}: its description is {API}/openapi.json."),
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }  # fmt: skip


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
    answer: Schema = {"description": "Done"}
    if description.status != 204:
        schema = description.answer
        if not isinstance(schema, dict):
            schema = _refer_to(schema, schemas)
        answer["content"] = {media_type: {"schema": schema} for media_type in description.content.split(", ")}
    operation: Schema = {
        "operationId": view.__name__, "summary": (view.__doc__ or "").strip().splitlines()[0], "tags": [role],
        "parameters": [*path, *query], "responses": {str(description.status): answer},
    }  # fmt: skip
    if role == "anyone":
        operation["security"] = []
    if description.body is not None:
        reference = _refer_to(description.body, schemas, "validation")
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    return operation


def _describe_errors(schemas: dict[str, Schema], is_problem: bool) -> Schema:
    if is_problem:
        content = {PROBLEM_TYPE: {"schema": _refer_to(Problem, schemas)}}
    else:
        schemas["Error"] = ERROR
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {str(status): {"description": text, "content": content} for status, text in _STATUS_TEXTS.items()}


def _refer_to(
    model: type[BaseModel], schemas: dict[str, Schema], mode: Literal["validation", "serialization"] = "serialization"
) -> Schema:
    """Return the reference to the schema of a model, which is added to the schemas with those that it uses."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode=mode)
    schemas |= schema.pop("$defs", {})
    # a generic model is named such as PageOf[Run]
    name = re.sub(r"\W+", "_", model.__name__).strip("_")
    schemas[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}
