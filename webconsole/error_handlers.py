"""Answer errors with what is wrong and what to do next, as a page or as JSON, never with a traceback."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, NotFound, SecurityError
from werkzeug.http import HTTP_STATUS_CODES

from systemscripts import masking
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, MissingError, TryLaterError, UsageError
from webconsole import kept_forms
from webconsole.security import access

logger = logging.getLogger(__name__)

PAGES, API = "/console", "/api/v1"
# RFC 9457
PROBLEM_TYPE = "application/problem+json"
_HINTS = {
    400: "Go back and try again.",
    404: "It may have been renamed or purged. Start again from the first page.",
    405: "Use the buttons on the page.",
    413: "A configuration has at most 1 MB. Add data files under Add a file, or put them into file_watcher/.",
    429: "Wait, then try again.",
}


def install(app: Flask) -> None:
    """Register a handler for every kind of error."""
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(EtlError, _answer_etl_error)
    app.register_error_handler(UnicodeError, _answer_unicode_error)
    app.register_error_handler(Exception, _answer_unexpected_error)


def wants_page() -> bool:
    """Return whether the answer is shown in a browser."""
    return request.path == "/" or request.path.startswith(PAGES)


def get_prefix() -> str:
    """Return what precedes the paths of the API in this request: /api/v1, or nothing for the older paths."""
    return API if request.path.startswith(f"{API}/") else ""


def make_answer(status: int, message: str, hint: str = "", **more: Any) -> Response:
    """Return the answer for an error, as a page or as JSON, without secrets; `more` is added to the JSON."""
    message, hint = masking.mask(message), masking.mask(hint)
    if get_prefix():
        response = make_response(jsonify(_describe_problem(status, message, hint) | more), status)
        response.headers["Content-Type"] = PROBLEM_TYPE
        return response
    if not wants_page():
        return make_response(jsonify(error=message, hint=hint, **more), status)
    # only a part of a page was requested: the rest of it stays
    if request.headers.get("HX-Request"):
        return make_response(render_template("parts/error.html", message=message, hint=hint), status)
    return make_response(render_template("error.html", status=status, message=message, hint=hint), status)


def _describe_problem(status: int, message: str, hint: str) -> dict[str, Any]:
    return {
        "type": "about:blank", "title": HTTP_STATUS_CODES.get(status, "Error"), "status": status, "detail": message,
        "instance": request.path, "hint": hint,
    }  # fmt: skip


def find_status(error: EtlError) -> int:
    """Return the HTTP status for one of our errors."""
    if isinstance(error, TryLaterError):
        return 503
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, UsageError):
        # a wrong question is 422, an action that does not fit the current state is 409
        is_question = request.method in access.SAFE_METHODS or request.path.removeprefix(API) == "/data-view"
        return 422 if is_question else 409
    return 422 if isinstance(error, BadDataError | ConfigurationError) else 500


def _answer_http_error(error: HTTPException) -> Response:
    # the Host header is not one of ours, so no page can be built for it
    if isinstance(error, SecurityError):
        return Response(f"{error.description}\n", 400, mimetype="text/plain")
    status = error.code or 500
    if isinstance(error, NotFound) and error.description == NotFound.description:
        error.description = "This page does not exist." if wants_page() else "This route does not exist."
    if status == 401 and wants_page() and not request.headers.get("HX-Request"):
        if request.method == "POST" and (fields := kept_forms.read_fields()):
            return make_response(kept_forms.ask_to_sign_in(request.path, fields), 401)
        next_page = quote(request.full_path.rstrip("?") if request.method == "GET" else PAGES)
        return make_response(redirect(f"{PAGES}/sign-in?next={next_page}", 303))
    if isinstance(error, access.OldFormError) and wants_page() and (fields := kept_forms.read_fields()):
        return kept_forms.show_form_again(request.path, fields, 403)
    if error.response is not None or status < 400:
        return make_response(error.get_response())
    response = make_answer(status, error.description or error.name, _HINTS.get(status, ""))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_etl_error(error: EtlError) -> Response:
    status = find_status(error)
    if status >= 500:
        logger.error("console: %s %s: %s", request.method, request.path, error, exc_info=error)
    response = make_answer(status, error.message, error.hint)
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _answer_unicode_error(error: UnicodeError) -> Response:
    """Answer a lone surrogate, which JSON can carry but no text can."""
    return make_answer(422, "The request contains invalid characters.", "Send it as UTF-8.")


def _answer_unexpected_error(error: Exception) -> Response:
    logger.error("console: %s %s failed", request.method, request.path, exc_info=error)
    return make_answer(
        500, "An internal error occurred. Nothing was changed.", "See the log of the console for details."
    )
