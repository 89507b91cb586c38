"""Errors as answers: what is wrong and what to do next, as a page or as JSON; never a traceback."""

from __future__ import annotations

import logging
from urllib.parse import quote

from flask import Flask, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, NotFound, SecurityError

from systemscripts import masking
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, MissingError, TryLaterError, UsageError
from webconsole.security import access

logger = logging.getLogger(__name__)

PAGES = "/console"
_NEXT = {
    400: "Go back and try again.",
    404: "It may have been renamed or purged. Start from the overview.",
    405: "Use the buttons of the page.",
    413: "A configuration has at most 1 MB. Files of data go into file_watcher/, not through the console.",
    429: "Wait, then try again.",
}


def install(app: Flask) -> None:
    """Answer every kind of error."""
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(EtlError, _of_suite)
    app.register_error_handler(UnicodeError, _no_text)
    app.register_error_handler(Exception, _unexpected)


def wants_page() -> bool:
    """Whether somebody looks at the answer in a browser."""
    return request.path == "/" or request.path.startswith(PAGES)


def answer(status: int, message: str, hint: str = "") -> Response:
    """An error for whoever asked."""
    message, hint = masking.mask(message), masking.mask(hint)
    if not wants_page():
        return make_response(jsonify(error=message, hint=hint), status)
    if request.headers.get("HX-Request"):  # a part of a page that is fetched again: the rest stays
        return make_response(render_template("parts/error.html", message=message, hint=hint), status)
    return make_response(render_template("error.html", status=status, message=message, hint=hint), status)


def status_of(error: EtlError) -> int:
    """The HTTP status for one of the suite's errors."""
    if isinstance(error, TryLaterError):
        return 503
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, UsageError):
        # a question that is asked wrong is one thing, an action that does not fit the state of things another
        asking = request.method in access.SAFE_METHODS or request.path == "/data-view"
        return 422 if asking else 409
    return 422 if isinstance(error, BadDataError | ConfigurationError) else 500


def _of_http(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):  # the Host header is none of ours: no address can be made for a page
        return Response(f"{error.description}\n", 400, mimetype="text/plain")
    status = error.code or 500
    if isinstance(error, NotFound) and error.description == NotFound.description:
        error.description = "There is no such page." if wants_page() else "There is no such route."
    if status == 401 and wants_page() and not request.headers.get("HX-Request"):
        goal = quote(request.full_path.rstrip("?") if request.method == "GET" else PAGES)
        return make_response(redirect(f"{PAGES}/sign-in?next={goal}", 303))
    if error.response is not None or status < 400:
        return make_response(error.get_response())
    response = answer(status, error.description or error.name, _NEXT.get(status, ""))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _of_suite(error: EtlError) -> Response:
    status = status_of(error)
    if status >= 500:
        logger.error("console: %s %s: %s", request.method, request.path, error, exc_info=error)
    response = answer(status, error.message, error.hint)
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _no_text(error: UnicodeError) -> Response:
    """Half a letter (a lone surrogate), which JSON can carry and nothing else."""
    return answer(422, "What was sent holds what is no text.", "Write it as UTF-8.")


def _unexpected(error: Exception) -> Response:
    logger.error("console: %s %s failed", request.method, request.path, exc_info=error)
    return answer(
        500, "Something here is broken; nothing was changed by it.", "The log of the console has the details."
    )
