"""Check access: every route names the role it needs, and a request without that role is refused.

Before any view runs, three things are checked: that the request comes from our own pages (Origin, Sec-Fetch-Site), who
sends it (the cookie, or `Authorization: Bearer`), and, with a cookie, that a form carries the token of the session.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge, RequestURITooLarge, Unauthorized

from systemscripts import settings
from webconsole import connections
from webconsole.security import tokens, users, visibility
from webconsole.security.tokens import Token
from webconsole.security.users import User

logger = logging.getLogger(__name__)

Allowed = Literal["anyone", "user", "admin"]
View = TypeVar("View", bound=Callable[..., Any])
COOKIE = "console_session"
MARK_COOKIE = "console_browser"
# a browser that was used within half a year counts as known
MARK_SECONDS = 180 * 86_400
# "[" is the part before the first colon of [::1]:8475
LOCAL = ("127.0.0.1", "localhost", "[")
# of an address and a form; the largest valid one, a table with eight filters, has 30 fields
MAX_PATH_LETTERS, MAX_QUERY_BYTES, MAX_FIELDS = 500, 16_000, 60
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class OldFormError(Forbidden):
    """The form carries the token of another session than the one that sends it."""


def allow(role: Allowed, max_body_bytes: int = 0, max_fields: int = MAX_FIELDS) -> Callable[[View], View]:
    """Mark a view with the role that it needs. Without the mark a view is refused to everyone.

    `max_body_bytes`: if its requests may be larger than those of others. `max_fields`: of its form.
    """

    def mark(view: View) -> View:
        view.allowed_role = role  # type: ignore[attr-defined]
        view.max_body_bytes, view.max_fields = max_body_bytes, max_fields  # type: ignore[attr-defined]
        return view

    return mark


def install(app: Flask) -> None:
    """Register the checks before every request."""
    app.before_request(_check_request)
    project_version = settings.read_version()
    app.context_processor(
        lambda: {"user": current_user(), "csrf_token": make_form_token(), "project_version": project_version}
    )


def find_role(app: Flask, endpoint: str) -> Allowed | None:
    """Return the role that a route needs; None if it has no mark."""
    if endpoint == "static":
        return "anyone"
    return getattr(app.view_functions[endpoint], "allowed_role", None)


def current_user() -> User | None:
    """Return the user who sends this request, or None."""
    user: User | None = g.get("user")
    return user


def require_user() -> User:
    """Return the user who sends this request; only for routes that need a role."""
    user = current_user()
    assert user is not None
    return user


def make_form_token() -> str:
    """Return the token that the forms of this session carry."""
    token: Token | None = g.get("token")
    return tokens.make_csrf_token(token, get_signing_key()) if token else ""


def get_signing_key() -> bytes:
    """Return the signing key of this installation."""
    key: bytes = current_app.extensions["console_key"]
    return key


def set_session_cookie(response: Response, text: str) -> None:
    """Set the session cookie, which no script can read."""
    _set_cookie(response, COOKIE, text, tokens.SESSION_SECONDS, "/")


def set_browser_cookie(response: Response, user_name: str) -> None:
    """Set the cookie that shows, at the next sign-in, that this user has used this browser before."""
    text = tokens.make_browser_mark(user_name, get_signing_key())
    _set_cookie(response, MARK_COOKIE, text, MARK_SECONDS, "/auth/login")


def find_known_browser(user_name: str) -> str | None:
    """Return the mark of this browser if this user has signed in with it before, else None."""
    return tokens.find_known_browser(request.cookies.get(MARK_COOKIE, ""), user_name, get_signing_key())


def is_local_host() -> bool:
    """Return whether the browser is on this machine or at the end of a tunnel to it, by the name that it uses."""
    # as it was sent: a name that is not one of ours is refused when the host is asked for
    return request.environ.get("HTTP_HOST", "localhost").partition(":")[0] in LOCAL


def _set_cookie(response: Response, name: str, text: str, seconds: int, path: str) -> None:
    """Set a cookie that no script can read and that leaves this machine only over TLS."""
    secure = request.is_secure or not is_local_host()
    response.set_cookie(name, text, max_age=seconds, httponly=True, secure=secure, samesite="Lax", path=path)


def _check_request() -> None:
    if request.endpoint is None:
        # a 404 or 405: identify the user only so that the error page has its navigation
        if COOKIE in request.cookies:
            _identify_user()
        return
    needed = find_role(current_app, request.endpoint)
    view = current_app.view_functions[request.endpoint]
    if max_body_bytes := getattr(view, "max_body_bytes", 0):
        request.max_content_length = max_body_bytes
    _refuse_too_much(getattr(view, "max_fields", MAX_FIELDS))
    _refuse_unreadable()
    if request.method not in SAFE_METHODS:
        _refuse_other_sites()
    if needed == "anyone":
        if request.endpoint != "static" and COOKIE in request.cookies:
            _identify_user()
        return
    _identify_user()
    user = current_user()
    if user is None:
        raise Unauthorized("Sign in first.")
    if needed not in ("user", "admin") or (needed == "admin" and not user.is_admin):
        text = f"console: {user.name} ({user.role}) may not {request.method} {request.path}"
        logger.warning("%s", text, extra={"code": "access_denied"})
        raise Forbidden("Only the operator may do this. Ask for the role admin, or use Tables.")
    if "Authorization" not in request.headers and request.method not in SAFE_METHODS:
        _refuse_without_form_token()


def _refuse_too_much(max_fields: int) -> None:
    """Refuse an address or a form that is too long, before it is parsed."""
    query = request.query_string
    if len(request.path) > MAX_PATH_LETTERS or len(query) > MAX_QUERY_BYTES or query.count(b"&") > MAX_FIELDS:
        raise RequestURITooLarge("The address is too long. Use fewer or shorter filters.")
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") > max_fields:
        raise RequestEntityTooLarge("The form has too many fields.")


def _refuse_unreadable() -> None:
    """Refuse NUL and lone surrogates, which PostgreSQL cannot store."""
    for text in (request.path, *request.args.keys(), *request.args.values()):
        if "\x00" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
            raise BadRequest("The address contains invalid characters.")


def _refuse_other_sites() -> None:
    """Refuse requests of other sites: browsers send these headers (Fetch standard), other programs need not."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("The request came from another site. Open the console and try again there.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("The request came from another site. Open the console and try again there.")


def _identify_user() -> None:
    """Set `g.user`, `g.token` and `g.visibility` by the Authorization header or, without it, by the cookie."""
    header = request.headers.get("Authorization")
    if header is None:
        text = request.cookies.get(COOKIE, "")
    else:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            return
    token = tokens.read_token(text.strip(), get_signing_key())
    if token is None:
        return
    with connections.read_as_etl() as cursor:
        user = users.find_user(cursor, token.user_name)
        cursor.execute("select 1 from dba.trevokedtoken where token_id = %s", (token.token_id,))
        if user is not None and user.token_version == token.version and cursor.fetchone() is None:
            g.user, g.token = user, token
            g.visibility = visibility.read_visibility(cursor, user)


def _refuse_without_form_token() -> None:
    form_token = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(form_token.encode("utf-8", "replace"), make_form_token().encode()):
        raise OldFormError("The form belongs to an older session. Go back, reload the page and send it again.")
