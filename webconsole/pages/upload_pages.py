"""Upload a YAML: the operator stores and runs it, an analyst sees the rows of its target."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from systemscripts.configuration import config_versions
from systemscripts.errors import ConfigurationError, EtlError
from webconsole import actions, connections, upload_form
from webconsole.security import access
from webconsole.upload_form import Fault, Upload

blueprint = Blueprint("uploads", __name__)
EXAMPLE = """sources:
  - type: local
    path: incoming
target: {table: public.orders}
schema: {order_id: integer, ordered_at: date, amount: numeric}
"""


@blueprint.get("/console/upload")
@access.allow("admin")
def form() -> str:
    """An empty form, or the newest version of an import to begin with."""
    name, text = request.args.get("name", ""), ""
    if name:
        with connections.reading() as cursor:
            newest = config_versions.list_versions(cursor, name, limit=1)
        text = newest[0].to_yaml() if newest else ""
    return _shown(Upload(name, text or EXAMPLE, ()), looked_at=False)


@blueprint.post("/console/upload")
@access.allow("admin")
def upload() -> Response:
    """Check it; where it is good, store it and do what was asked: nothing more, a dry run, a run."""
    found, how = upload_form.from_form(), request.form.get("how", "check")
    if found.faults or how == "check":
        return make_response(_shown(found, looked_at=True), 422 if found.faults else 200)
    try:
        said = upload_form.store(found, access.the_user().name)
    except ConfigurationError as error:
        return make_response(_shown(Upload(found.name, found.text, (Fault(0, str(error)),)), looked_at=True), 422)
    flash(said)
    if how == "store":
        return make_response(redirect(f"/console/configurations/{found.name}", 303))
    run_uuid = actions.start("run_elt", found.name, how)
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


def _shown(found: Upload, looked_at: bool) -> str:
    return render_template("upload.html", upload=found, looked_at=looked_at, viewing=False)


@blueprint.get("/console/view")
@access.allow("user")
def view_form() -> str:
    """An empty form for who only looks."""
    return render_template("upload.html", upload=Upload("", EXAMPLE, ()), looked_at=False, viewing=True)


@blueprint.post("/console/view")
@access.allow("user")
def view() -> Response:
    """To the rows that are in the target of a YAML now; nothing is stored."""
    found = upload_form.from_form()
    if table := upload_form.operators_target(found.text):
        return make_response(redirect(f"/console/tables/{quote(table)}", 303))
    if not found.name and not found.faults[1:]:
        found = upload_form.checked("looked_at", found.text)
    if not found.faults:
        try:
            return make_response(redirect(f"/console/tables/{quote(upload_form.target_of(found))}", 303))
        except EtlError as error:
            found = Upload(found.name, found.text, (Fault(0, str(error)),))
    return make_response(render_template("upload.html", upload=found, looked_at=True, viewing=True), 422)
