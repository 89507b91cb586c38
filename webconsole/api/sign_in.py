"""Sign in and out."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, jsonify, make_response, redirect, render_template, request
from pydantic import Field
from werkzeug.exceptions import BadRequest, TooManyRequests, Unauthorized

from webconsole import connections
from webconsole.api.openapi import Body, described, read_json
from webconsole.security import access, tokens, users
from webconsole.security.login_throttle import Slowing
from webconsole.security.users import User

logger = logging.getLogger(__name__)
blueprint = Blueprint("signing", __name__)
LONGEST_NAME = 100


class Login(Body):
    """Who it is."""

    user_name: str = Field(min_length=1)
    password: str = Field(min_length=1)


@blueprint.post("/auth/login")
@access.allow("anyone")
@described(body=Login)
def login() -> Response:
    """Name and password for a token: as JSON for programs, as a cookie for the sign-in page."""
    from_page = not request.is_json
    given = request.form if from_page else read_json()
    if not from_page and not isinstance(given, dict):
        raise BadRequest("Expected an object with user_name and password.")
    name, password = given.get("user_name"), given.get("password")
    if not isinstance(name, str) or not isinstance(password, str) or not name or not password or "\x00" in name:
        return _again("", 400, "Give a name and a password.") if from_page else _bad_request()
    try:
        user = _checked(name, password)
    except (Unauthorized, TooManyRequests) as error:
        if not from_page:
            raise
        return _again(name, error.code or 401, error.description or "")
    text, token = tokens.issue(user, access.signing_key())
    if from_page:
        response = make_response(redirect(_goal(given.get("next", "")), 303))
        access.keep(response, text)
        access.keep_mark(response, user.name)
        return response
    ends = datetime.fromtimestamp(token.expires_at, UTC).isoformat()
    return jsonify(token=text, token_type="Bearer", expires_at=ends, user_name=user.name, role=user.role)


@blueprint.post("/auth/logout")
@access.allow("user")
def logout() -> Response:
    """End this session: its token is worth nothing any more, wherever it has got to."""
    token: tokens.Token = g.token
    with connections.writing() as cursor:
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


def _checked(name: str, password: str) -> User:
    name = name[:LONGEST_NAME]  # it is kept for a while: nobody is to fill the memory with it
    slowing: Slowing = current_app.extensions["console_slowing"]
    address = request.remote_addr or ""
    browser = access.marked_browser(name)
    # counted before the password is looked at: several at once are as many tries as one after the other
    count, wait = slowing.begin(name, address, browser)
    if wait:
        text = f"Too many wrong passwords. Try again in {math.ceil(wait)} s."
        raise TooManyRequests(text, retry_after=math.ceil(wait))
    with connections.writing() as cursor:
        user = users.check_password(cursor, name, password)
        if user is not None:
            users.signed_in(cursor, name)
    if user is None:
        text = f"console: wrong password for {name[:80]!r} from {address} ({count} in a row)"
        logger.warning("%s", text, extra={"code": "sign_in_failed"})
        raise Unauthorized("The name or the password is wrong.")
    slowing.succeeded(name, address, browser)
    logger.info("console: %s signed in from %s", name, address)
    return user


def _again(name: str, status: int, message: str) -> Response:
    page = render_template("sign_in.html", name=name, message=message, next=request.form.get("next", ""))
    return make_response(page, status)


def _goal(text: str) -> str:
    """Where to go after signing in: only to a page of ours."""
    if not text.isascii() or not text.isprintable():
        # a line break would end the header that it goes into
        return "/console/"
    parts = urlsplit(text)
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in text
    return text if ours else "/console/"
