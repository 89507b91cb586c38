"""Get tokens of OAuth2 (RFC 6749): client credentials, or the refresh token of a user.

A token is only held in memory, for all sources of this process that log in alike.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from systemscripts import masking
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.http_client import answer
from systemscripts.http_client.answer import Answer
from systemscripts.http_client.url_origin import redact_url

logger = logging.getLogger(__name__)

# a token is renewed this long before its end, because clocks differ and requests take time
MARGIN_SECONDS = 30.0
# of a token that comes without expires_in; an earlier end shows as status 401
DEFAULT_SECONDS = 3600.0
# sends a form by POST to an address with a login (or None)
PostForm = Callable[[str, Mapping[str, str], tuple[str, str] | None], Answer]


@dataclass(frozen=True)
class Grant:
    """What a token is requested with."""

    token_url: str
    client_id: str
    client_secret: str = ""
    # "": client credentials
    refresh_token: str = ""
    scope: str = ""
    # further ones of the request
    parameters: tuple[tuple[str, str], ...] = ()
    is_login_in_body: bool = False


@dataclass(frozen=True)
class _Token:
    text: str
    # of the monotonic clock
    ends: float


_tokens: dict[Grant, _Token] = {}
# those that replaced the configured ones
_refresh_tokens: dict[Grant, str] = {}


def get_token(grant: Grant, post_form: PostForm) -> str:
    """Return the token of a grant, a new one if there is none yet or it ends soon.

    Raises ConfigurationError if the server refuses the login, BadDataError if its answer has no token, and what
    `post_form` raises.
    """
    token = _tokens.get(grant)
    if token is None or token.ends < time.monotonic():
        token = _tokens[grant] = _request_token(grant, post_form)
    return token.text


def forget_token(grant: Grant) -> None:
    """Forget the token of a grant, because a server refused it."""
    _tokens.pop(grant, None)


def _request_token(grant: Grant, post_form: PostForm) -> _Token:
    form = {"grant_type": "refresh_token" if grant.refresh_token else "client_credentials", **dict(grant.parameters)}
    if grant.refresh_token:
        form["refresh_token"] = _refresh_tokens.get(grant, grant.refresh_token)
    if grant.scope:
        form["scope"] = grant.scope
    login = None
    if grant.is_login_in_body or not grant.client_secret:
        form["client_id"] = grant.client_id
        if grant.client_secret:
            form["client_secret"] = grant.client_secret
    else:
        # both encoded as in a form (RFC 6749, 2.3.1)
        login = (quote_plus(grant.client_id), quote_plus(grant.client_secret))
    given = post_form(grant.token_url, form, login)
    where = redact_url(grant.token_url)
    if given.status != 200:
        whose = "refresh_token and " if grant.refresh_token else ""
        raise ConfigurationError(
            f"{where} refused the login of the client: HTTP {given.status} {answer.find_error_text(given)}".rstrip(),
            f"Check {whose}client_id and client_secret, and whether they are still valid.",
        )
    return _read_token(grant, given, where)


def _read_token(grant: Grant, given: Answer, where: str) -> _Token:
    """Return the token of an answer, whose text is never shown because it may contain one."""
    try:
        content: Any = answer.parse_json(given, where)
    except (BadDataError, answer.CutError):
        content = None
    text = content.get("access_token") if isinstance(content, dict) else None
    if not isinstance(text, str) or not text:
        raise BadDataError(f"{where} answers without access_token", "Check token_url.")
    masking.register_secrets([text])
    token_type = str(content.get("token_type") or "bearer")
    if token_type.lower() != "bearer":
        raise BadDataError(f"{where} gives a token of type {token_type[:40]!r}", "Only bearer tokens can be used.")
    following = content.get("refresh_token")
    if isinstance(following, str) and following and following != _refresh_tokens.get(grant, grant.refresh_token):
        masking.register_secrets([following])
        if grant.refresh_token:
            _refresh_tokens[grant] = following
            logger.warning(
                "%s replaced the refresh token; this process uses the new one, but the configured one may be refused "
                "from now on. Ask for one that stays valid, or for client credentials.",
                where,
                extra={"code": "refresh_token_replaced"},
            )
    seconds = content.get("expires_in")
    try:
        lifetime = float(seconds) if seconds is not None else DEFAULT_SECONDS
    except (TypeError, ValueError):
        lifetime = DEFAULT_SECONDS
    # a short one is used at least half of its time
    return _Token(text, time.monotonic() + max(lifetime - MARGIN_SECONDS, lifetime / 2))
