"""Who may do what: every route names its role, and a request that does not show it goes no further.

Three things are checked before any view runs: that the request comes from our own pages (Origin, Sec-Fetch-Site), who
sends it (the cookie, or `Authorization: Bearer`), and, where a cookie says so, that a form carries the session's token.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge, RequestURITooLarge, Unauthorized

from webconsole import connections
from webconsole.security import tokens, users
from webconsole.security.tokens import Token
from webconsole.security.users import User

logger = logging.getLogger(__name__)

Allowed = Literal["anyone", "user", "admin"]
View = TypeVar("View", bound=Callable[..., Any])
COOKIE = "console_session"
MARK_COOKIE = "console_browser"
MARK_SECONDS = 180 * 86_400
LOCAL = ("127.0.0.1", "localhost", "[")  # what stands before the first colon of [::1]:8475
# of an address and a form; a table with eight filters, the largest of ours, has 30 fields
MAX_PATH_LETTERS, MAX_QUERY_BYTES, MAX_FIELDS = 500, 16_000, 60
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def allow(role: Allowed) -> Callable[[View], View]:
    """Mark a view with the role that it needs. A view without the mark is for nobody."""

    def mark(view: View) -> View:
        view.allowed_role = role  # type: ignore[attr-defined]
        return view

    return mark


def install(app: Flask) -> None:
    """Put the checks before every request."""
    app.before_request(_check)
    app.context_processor(lambda: {"user": current_user(), "csrf_token": form_token()})


def role_of(app: Flask, endpoint: str) -> Allowed | None:
    """The role that a route needs; None for one that nobody thought of."""
    if endpoint == "static":
        return "anyone"
    return getattr(app.view_functions[endpoint], "allowed_role", None)


def current_user() -> User | None:
    """Who sends this request."""
    found: User | None = g.get("user")
    return found


def the_user() -> User:
    """Who sends this request, where a role was asked for."""
    found = current_user()
    assert found is not None
    return found


def form_token() -> str:
    """What the forms of this session carry."""
    token: Token | None = g.get("token")
    return tokens.csrf_token(token, signing_key()) if token else ""


def signing_key() -> bytes:
    """The key of this installation."""
    key: bytes = current_app.extensions["console_key"]
    return key


def keep(response: Response, text: str) -> None:
    """Give a token to the browser, where no script can read it."""
    _set_cookie(response, COOKIE, text, tokens.SECONDS, "/")


def keep_mark(response: Response, user_name: str) -> None:
    """Let the browser show, at the next sign-in, that this user has signed in by it."""
    text = tokens.browser_mark(user_name, signing_key())
    _set_cookie(response, MARK_COOKIE, text, MARK_SECONDS, "/auth/login")


def marked_browser(user_name: str) -> str | None:
    """Which browser this is, where this user has signed in by it before."""
    return tokens.marked_browser(request.cookies.get(MARK_COOKIE, ""), user_name, signing_key())


def _set_cookie(response: Response, name: str, text: str, seconds: int, path: str) -> None:
    """No script can read it; beyond this machine it goes only over TLS."""
    secure = request.is_secure or request.host.partition(":")[0] not in LOCAL
    response.set_cookie(name, text, max_age=seconds, httponly=True, secure=secure, samesite="Lax", path=path)


def _check() -> None:
    if request.endpoint is None:  # 404 or 405
        if COOKIE in request.cookies:
            _recognise()  # so that the page that says so has the way to the others
        return
    needed = role_of(current_app, request.endpoint)
    _refuse_too_much()
    _refuse_unreadable()
    if request.method not in SAFE_METHODS:
        _refuse_other_sites()
    if needed == "anyone":
        if request.endpoint != "static" and COOKIE in request.cookies:
            _recognise()
        return
    by_cookie = _recognise()
    user = current_user()
    if user is None:
        raise Unauthorized("Sign in first.")
    if needed not in ("user", "admin") or (needed == "admin" and not user.is_admin):
        text = f"console: {user.name} ({user.role}) may not {request.method} {request.path}"
        logger.warning("%s", text, extra={"code": "access_denied"})
        raise Forbidden("This is for the operator. Ask for the role admin, or use Tables.")
    if by_cookie and request.method not in SAFE_METHODS:
        _refuse_without_token()


def _refuse_too_much() -> None:
    """Count what an address or a form holds before anything is taken apart."""
    query = request.query_string
    if len(request.path) > MAX_PATH_LETTERS or len(query) > MAX_QUERY_BYTES or query.count(b"&") > MAX_FIELDS:
        raise RequestURITooLarge("The address is too long. Use fewer or shorter filters.")
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") > MAX_FIELDS:
        raise RequestEntityTooLarge("The form has too many fields.")


def _refuse_unreadable() -> None:
    """NUL and lone surrogates are text for nobody: PostgreSQL takes neither."""
    for text in (request.path, *request.args.keys(), *request.args.values()):
        if "\x00" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
            raise BadRequest("The address holds what is no text.")


def _refuse_other_sites() -> None:
    """Fetch standard: browsers say where a request comes from; programs that are no browser need not."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("This came from another site. Open the console itself and try again there.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This came from another site. Open the console itself and try again there.")


def _recognise() -> bool:
    """Find out who it is; whether by cookie. An Authorization header wins over the cookie."""
    given = request.headers.get("Authorization")
    kind, _, text = (given or "").partition(" ")
    if given is not None and kind.lower() != "bearer":
        return False
    token = tokens.read(text.strip() if given is not None else request.cookies.get(COOKIE, ""), signing_key())
    if token is None:
        return False
    with connections.reading() as cursor:
        user = users.find(cursor, token.user_name)
        cursor.execute("select 1 from dba.trevokedtoken where token_id = %s", (token.token_id,))
        if user is not None and user.token_version == token.version and cursor.fetchone() is None:
            g.user, g.token = user, token
    return given is None


def _refuse_without_token() -> None:
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), form_token().encode()):
        raise Forbidden("The form is not of this session any more. Go back, load the page anew and send it again.")
