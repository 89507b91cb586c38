"""Show import configurations, their versions and differences, and restore an earlier version."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request

from systemscripts.configuration import config_versions
from webconsole import actions, connections, upload_form
from webconsole.queries import configurations, keyset_pages, warnings
from webconsole.query_arguments import parse_number
from webconsole.security import access
from webconsole.upload_form import Upload

blueprint = Blueprint("configurations", __name__)
IMPORTS = "/console/configurations"
VERSION = "int(max=2000000000):version"
PAGE_ROWS = 25


@blueprint.get(IMPORTS)
@access.allow("admin")
def show_list() -> str:
    """Show every import."""
    with connections.read_as_etl() as cursor:
        imports = configurations.list_imports(cursor)
    return render_template("configurations.html", imports=imports)


@blueprint.get("/console/history")
@access.allow("admin")
def show_all_versions() -> str:
    """Show the versions of every import, newest first."""
    return _show_history("")


@blueprint.get(f"{IMPORTS}/<name>")
@access.allow("admin")
def show_import(name: str) -> str:
    """Show the versions of one import."""
    with connections.read_as_etl() as cursor:
        if name not in configurations.list_names(cursor):
            abort(404, f"The import {name} does not exist.")
    return _show_history(name)


def _show_history(name: str) -> str:
    after = request.args.get("after", "")
    with connections.read_as_etl() as cursor:
        versions = config_versions.list_versions(cursor, name, keyset_pages.decode_number(after), PAGE_ROWS + 1)
        import_warnings = warnings.list_import_warnings(cursor, name) if name and not after else []
    following = (
        keyset_pages.encode_key([versions[PAGE_ROWS - 1].config_history_id]) if len(versions) > PAGE_ROWS else None
    )
    rows = [(version, version.make_excerpt()) for version in versions[:PAGE_ROWS]]
    return render_template(
        "configuration.html", name=name, versions=rows, after=after, following=following, path=request.path,
        warnings=import_warnings,
    )  # fmt: skip


@blueprint.get(f"{IMPORTS}/<name>/edit")
@access.allow("admin")
def show_editor(name: str) -> str:
    """Show the newest version in a form."""
    with connections.read_as_etl() as cursor:
        newest = config_versions.list_versions(cursor, name, limit=1)
    if not newest:
        abort(404, f"The configuration {name} does not exist.")
    return _render_editor(Upload(name, newest[0].text, ()), newest[0], is_checked=False)


@blueprint.post(f"{IMPORTS}/<name>/edit")
@access.allow("admin")
def edit_configuration(name: str) -> Response:
    """Check the edited YAML; store it if it is valid and the button says so."""
    upload = upload_form.check_edit(name, request.form.get("yaml", ""), request.form.get("version", ""))
    with connections.read_as_etl() as cursor:
        newest = config_versions.list_versions(cursor, name, limit=1)[0]
    if upload.faults or request.form.get("how") != "store":
        return make_response(_render_editor(upload, newest, is_checked=True), 422 if upload.faults else 200)
    version, message = actions.edit_configuration(name, upload.text)
    flash(message)
    path = f"{IMPORTS}/{quote(name)}"
    return make_response(redirect(f"{path}/{version}/diff" if version and version > 1 else path, 303))


def _render_editor(upload: Upload, newest: config_versions.Version, is_checked: bool) -> str:
    edited = replace(newest, written=upload.text)
    lines = config_versions.compare_texts(newest.text, upload.text) if is_checked else []
    return render_template("edit.html", upload=upload, newest=newest, edited=edited, is_checked=is_checked, lines=lines)


@blueprint.get(f"{IMPORTS}/<name>/<{VERSION}>")
@access.allow("admin")
def show_version(name: str, version: int) -> str:
    """Show one version as YAML."""
    content = configurations.load_version(name, version)
    with connections.read_as_etl() as cursor:
        newest = config_versions.list_versions(cursor, name, limit=1)[0].version
    return render_template(
        "version.html", version=content, lines=content.to_yaml().splitlines(),
        written=(content.written or "").splitlines(), newest=newest,
    )  # fmt: skip


@blueprint.get(f"{IMPORTS}/<name>/<{VERSION}>/diff")
@access.allow("admin")
def show_diff(name: str, version: int) -> str:
    """Show the differences between this version and another one (`with`; by default the one before)."""
    number = parse_number(request.args, "with")
    other = version - 1 if number is None else number
    both = (configurations.load_version(name, number) for number in (other, version))
    older, newer = sorted(both, key=lambda item: item.version)
    with connections.read_as_etl() as cursor:
        numbers = [item.version for item in config_versions.list_versions(cursor, name, limit=200)]
    return render_template(
        "diff.html",
        name=name,
        older=older,
        newer=newer,
        lines=config_versions.compare_versions(older, newer),
        numbers=numbers,
    )


@blueprint.post(f"{IMPORTS}/<name>/<{VERSION}>/restore")
@access.allow("admin")
def restore_version(name: str, version: int) -> Response:
    """Make an old version the newest one."""
    flash(actions.restore_configuration(name, version))
    return make_response(redirect(f"/console/configurations/{name}", 303))
