"""Show the own account and change its password."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from werkzeug.exceptions import Forbidden, TooManyRequests

from systemscripts.errors import UsageError
from webconsole import connections, user_actions
from webconsole.queries import subscriptions
from webconsole.security import access, tokens, users

blueprint = Blueprint("account", __name__)
ACCOUNT = "/console/account"


@blueprint.get(ACCOUNT)
@access.allow("user")
def show_page() -> str:
    """Show name, role, groups and the form for a new password."""
    return _show_form()


@blueprint.post(f"{ACCOUNT}/password")
@access.allow("user")
def change_password() -> Response:
    """Change the own password; this session goes on, all others end."""
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    if new != again:
        return make_response(_show_form("The two new passwords differ. Nothing was changed."), 422)
    try:
        user = user_actions.change_own_password(old, new)
    except (Forbidden, TooManyRequests) as error:
        return make_response(_show_form(error.description or ""), error.code or 403)
    except UsageError as error:
        return make_response(_show_form(f"{error.message[:1].upper()}{error.message[1:]}. {error.hint}"), 422)
    text, _ = tokens.issue_token(user, access.get_signing_key())
    flash("Your password is changed. You are signed out everywhere else.")
    response = make_response(redirect(ACCOUNT, 303))
    access.set_session_cookie(response, text)
    return response


def _show_form(fault: str = "") -> str:
    name = access.require_user().name
    with connections.read_as_etl() as cursor:
        account = next(row for row in users.list_users(cursor) if row["user_name"] == name)
        own_reports = subscriptions.list_own(cursor, name)
    return render_template(
        "account.html", account=account, fault=fault, own_reports=own_reports, shortest=users.MIN_PASSWORD_LETTERS
    )
