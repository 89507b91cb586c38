"""Answer with users and groups, and change them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import Field

from webconsole import user_actions
from webconsole.api import answers
from webconsole.api.openapi import PAGE, Body, describe, make_plain, parse_body
from webconsole.api.run_routes import make_page_json
from webconsole.queries import keyset_pages
from webconsole.query_arguments import MAX_LIMIT, parse_limit
from webconsole.security import access, groups

blueprint = Blueprint("user_routes", __name__)
Pattern = Annotated[str, Field(min_length=1, max_length=groups.MAX_PATTERN_LETTERS)]
MAX_GROUPS, MAX_EMAIL_LETTERS, MAX_PASSWORD_LETTERS = 50, 254, 1000


class UserChange(Body):
    """Role, address and groups of a user."""

    role: Literal["admin", "user"] = "user"
    email: str = Field("", max_length=MAX_EMAIL_LETTERS)
    groups: list[str] = Field([], max_length=MAX_GROUPS)


class NewUser(UserChange):
    """A user to add."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9._@-]{0,62}$")


class GroupRights(Body):
    """What a group sees; the lists are names, or patterns with * for any letters."""

    description: str = Field("", max_length=groups.MAX_DESCRIPTION_LETTERS)
    tables: list[Pattern] = Field([], max_length=groups.MAX_PATTERNS)
    lists: list[Pattern] = Field([], max_length=groups.MAX_PATTERNS)
    reports: list[Pattern] = Field([], max_length=groups.MAX_PATTERNS)
    personal: list[Pattern] = Field([], max_length=groups.MAX_PATTERNS)


class PasswordChange(Body):
    """The current and the new password."""

    old: str = Field(min_length=1, max_length=MAX_PASSWORD_LETTERS)
    new: str = Field(min_length=1, max_length=MAX_PASSWORD_LETTERS)


@blueprint.get("/users")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[answers.Account])
def list_users() -> Response:
    """Return the users with their groups."""
    rows, _ = user_actions.list_users_and_groups()
    return jsonify(make_page_json(_slice(rows)))


@blueprint.post("/users")
@access.allow("admin")
@describe(body=NewUser, status=201, answer=answers.NewPassword)
def add_user() -> Response:
    """Add a user with a generated password."""
    body = parse_body(NewUser)
    password = user_actions.add_user(body.name, body.role, body.email, body.groups)
    return make_response(jsonify(user_name=body.name, password=password), 201)


@blueprint.put("/users/<name>")
@access.allow("admin")
@describe(body=UserChange, answer=answers.Done)
def change_user(name: str) -> Response:
    """Change role, address and groups of a user."""
    body = parse_body(UserChange)
    user_actions.change_user(name, body.role, body.email, body.groups)
    return jsonify(headline=f"{name} is changed")


@blueprint.post("/users/<name>/password")
@access.allow("admin")
@describe(answer=answers.NewPassword)
def reset_password(name: str) -> Response:
    """Give a user a generated password; ends all of their sessions."""
    return jsonify(user_name=name, password=user_actions.reset_password(name))


@blueprint.post("/users/<name>/disable")
@access.allow("admin")
@describe(answer=answers.Done)
def disable_user(name: str) -> Response:
    """Lock a user out and end all of their sessions."""
    user_actions.disable_user(name)
    return jsonify(headline=f"{name} is disabled")


@blueprint.get("/groups")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[answers.UserGroup])
def list_groups() -> Response:
    """Return the groups of users and what they see."""
    _, every_group = user_actions.list_users_and_groups()
    return jsonify(make_page_json(_slice([asdict(group) for group in every_group])))


@blueprint.put("/groups/<name>")
@access.allow("admin")
@describe(body=GroupRights, answer=answers.Done)
def save_group(name: str) -> Response:
    """Add a group or change what it sees."""
    body = parse_body(GroupRights)
    patterns = {key: tuple(getattr(body, key)) for key in ("tables", "lists", "reports", "personal")}
    user_actions.save_group(groups.Group(name, body.description, **patterns))
    return jsonify(headline=f"the group {name} is saved")


@blueprint.delete("/groups/<name>")
@access.allow("admin")
@describe(answer=answers.Done)
def delete_group(name: str) -> Response:
    """Delete a group."""
    user_actions.delete_group(name)
    return jsonify(headline=f"the group {name} is deleted")


@blueprint.get("/account")
@access.allow("user")
@describe(answer=answers.Account)
def show_account() -> Response:
    """Return the own name, role and groups."""
    rows, _ = user_actions.list_users_and_groups()
    return jsonify(make_plain(next(row for row in rows if row["user_name"] == access.require_user().name)))


@blueprint.post("/account/password")
@access.allow("user")
@describe(body=PasswordChange, answer=answers.Done)
def change_password() -> Response:
    """Change the own password; ends all sessions, also this one."""
    body = parse_body(PasswordChange)
    user_actions.change_own_password(body.old, body.new)
    return jsonify(headline="the password is changed; sign in again")


def _slice(rows: list[dict[str, Any]]) -> keyset_pages.Page:
    return keyset_pages.slice_page(rows, parse_limit(request.args, MAX_LIMIT), request.args.get("after"))
