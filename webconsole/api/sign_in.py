"""Sign users in and out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request
from pydantic import Field
from werkzeug.exceptions import BadRequest, TooManyRequests, Unauthorized

from webconsole import connections, kept_forms, password_check
from webconsole.api import answers
from webconsole.api.openapi import Body, describe, read_json
from webconsole.error_handlers import get_prefix
from webconsole.security import access, tokens, users
from webconsole.security.users import User

logger = logging.getLogger(__name__)
blueprint = Blueprint("signing", __name__)


class Login(Body):
    """Name and password."""

    user_name: str = Field(min_length=1)
    password: str = Field(min_length=1)


@blueprint.post("/auth/login")
@access.allow("anyone")
@describe(body=Login, answer=answers.Session)
def login() -> Response:
    """Exchange name and password for a token: as JSON for programs, as a cookie for the sign-in page."""
    from_page = not request.is_json and not get_prefix()
    values = request.form if from_page else read_json()
    if not from_page and not isinstance(values, dict):
        raise BadRequest("Expected an object with user_name and password.")
    name, password = values.get("user_name"), values.get("password")
    if not isinstance(name, str) or not isinstance(password, str) or not name or not password or "\x00" in name:
        return _show_form_again("", 400, "Enter a name and a password.") if from_page else _bad_request()
    try:
        user = _check_login(name, password)
    except (Unauthorized, TooManyRequests) as error:
        if not from_page:
            raise
        return _show_form_again(name, error.code or 401, error.description or "")
    text, token = tokens.issue_token(user, access.get_signing_key())
    if from_page:
        if kept := kept_forms.read_kept():
            g.user = user
            response = kept_forms.show_form_again(_find_next_page(values.get("kept_path", "")), kept, 200, token)
        else:
            response = make_response(redirect(_find_next_page(values.get("next", "")), 303))
        access.set_session_cookie(response, text)
        access.set_browser_cookie(response, user.name)
        return response
    ends = datetime.fromtimestamp(token.expires_at, UTC).isoformat()
    return jsonify(token=text, token_type="Bearer", expires_at=ends, user_name=user.name, role=user.role)


@blueprint.post("/auth/logout")
@access.allow("user")
def logout() -> Response:
    """End this session and revoke its token."""
    token: tokens.Token = g.token
    with connections.write_as_etl() as cursor:
        cursor.execute("delete from dba.trevokedtoken where expires_at < now()")
        cursor.execute(
            "insert into dba.trevokedtoken values (%s, %s, to_timestamp(%s)) on conflict do nothing",
            (token.token_id, token.user_name, token.expires_at),
        )
    if "Authorization" in request.headers:
        return make_response("", 204)
    response = make_response(redirect("/console/sign-in", 303))
    response.delete_cookie(access.COOKIE, path="/", httponly=True, samesite="Lax")
    return response


def _bad_request() -> Response:
    raise BadRequest("Expected an object with user_name and password.")


def _check_login(name: str, password: str) -> User:
    user, wait = password_check.check_password(name, password)
    if wait:
        raise TooManyRequests(f"Too many wrong passwords. Try again in {wait} s.", retry_after=wait)
    if user is None:
        raise Unauthorized("The name or the password is wrong.")
    with connections.write_as_etl() as cursor:
        users.record_sign_in(cursor, user.name)
    logger.info("console: %s signed in from %s", user.name, request.remote_addr)
    return user


def _show_form_again(name: str, status: int, message: str) -> Response:
    if kept := kept_forms.read_kept():
        page = kept_forms.ask_to_sign_in(request.form.get("kept_path", ""), kept, name, message)
        return make_response(page, status)
    page = render_template("sign_in.html", name=name, message=message, next=request.form.get("next", ""))
    return make_response(page, status)


def _find_next_page(text: str) -> str:
    """Return the page to show after signing in; only pages of the console are accepted."""
    if not text.isascii() or not text.isprintable():
        # a line break would end the header of the redirect
        return "/console/"
    parts = urlsplit(text)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in text
    return text if is_ours else "/console/"
