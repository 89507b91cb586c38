"""Show and change the users of the console and the groups that say what they may see."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from webconsole import user_actions
from webconsole.security import access, groups

blueprint = Blueprint("users", __name__)
USERS = "/console/users"
LISTS = ("tables", "lists", "reports", "personal")


@blueprint.get(USERS)
@access.allow("admin")
def show_page() -> str:
    """Show every user and every group."""
    rows, every_group = user_actions.list_users_and_groups()
    return render_template("users.html", users=rows, groups=every_group)


@blueprint.post(USERS)
@access.allow("admin")
def add_user() -> Response:
    """Add a user with a generated password, which the page shows once."""
    form = request.form
    name = form.get("name", "").strip()
    password = user_actions.add_user(name, form.get("role", "user"), form.get("email", "").strip(), _read_groups())
    return _show_password(name, password)


@blueprint.post(f"{USERS}/<name>")
@access.allow("admin")
def change_user(name: str) -> Response:
    """Change role, address and groups of a user."""
    form = request.form
    user_actions.change_user(name, form.get("role", "user"), form.get("email", "").strip(), _read_groups())
    flash(f"{name} is changed")
    return _go_back()


@blueprint.post(f"{USERS}/<name>/password")
@access.allow("admin")
def reset_password(name: str) -> Response:
    """Give a user a generated password, which the page shows once."""
    return _show_password(name, user_actions.reset_password(name))


@blueprint.post(f"{USERS}/<name>/disable")
@access.allow("admin")
def disable_user(name: str) -> Response:
    """Lock a user out."""
    user_actions.disable_user(name)
    flash(f"{name} is disabled and signed out everywhere")
    return _go_back()


@blueprint.get("/console/groups/<name>")
@access.allow("admin")
def show_group(name: str) -> str:
    """Show a group with the tables that it sees."""
    group, seen = user_actions.load_group(name)
    return render_template("group.html", group=group, seen=seen, is_new=False)


@blueprint.get("/console/groups")
@access.allow("admin")
def show_new_group() -> str:
    """Show the form of a new group."""
    return render_template("group.html", group=groups.Group(""), seen=[], is_new=True)


@blueprint.post("/console/groups")
@access.allow("admin")
def save_group() -> Response:
    """Add a group or change what it may see."""
    form = request.form
    patterns = {key: groups.split_patterns(form.get(key, "")) for key in LISTS}
    name = form.get("name", "").strip()
    user_actions.save_group(groups.Group(name, form.get("description", "").strip(), **patterns))
    flash(f"The group {name} is saved")
    return make_response(redirect(f"/console/groups/{name}", 303))


@blueprint.post("/console/groups/<name>/delete")
@access.allow("admin")
def delete_group(name: str) -> Response:
    """Delete a group."""
    user_actions.delete_group(name)
    flash(f"The group {name} is deleted")
    return _go_back()


def _read_groups() -> list[str]:
    return request.form.getlist("group")


def _show_password(name: str, password: str) -> Response:
    rows, every_group = user_actions.list_users_and_groups()
    return make_response(
        render_template("users.html", users=rows, groups=every_group, new_name=name, new_password=password)
    )


def _go_back() -> Response:
    return make_response(redirect(USERS, 303))
