"""Upload a YAML: the operator stores and runs it, an analyst views the rows of its target."""

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
def show_upload_form() -> str:
    """Show a form with an example, or with the newest version of an import."""
    name, text = request.args.get("name", ""), ""
    if name:
        with connections.read_as_etl() as cursor:
            newest = config_versions.list_versions(cursor, name, limit=1)
        text = newest[0].text if newest else ""
    return _show_form(Upload(name, text or EXAMPLE, ()), is_checked=False)


@blueprint.post("/console/upload")
@access.allow("admin")
def upload_yaml() -> Response:
    """Check the YAML; if it is valid, store it and start what the button says."""
    upload, how = upload_form.read_form(), request.form.get("how", "check")
    if upload.faults or how == "check":
        return make_response(_show_form(upload, is_checked=True), 422 if upload.faults else 200)
    try:
        message = upload_form.store_upload(upload, access.require_user().name)
    except ConfigurationError as error:
        return make_response(
            _show_form(Upload(upload.name, upload.text, (Fault(0, str(error)),)), is_checked=True), 422
        )
    flash(message)
    if how == "store":
        return make_response(redirect(f"/console/configurations/{upload.name}", 303))
    run_uuid = actions.start_job("run_elt", upload.name, how)
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


def _show_form(upload: Upload, is_checked: bool) -> str:
    return render_template("upload.html", upload=upload, is_checked=is_checked, viewing=False)


@blueprint.get("/console/view")
@access.allow("user")
def show_view_form() -> str:
    """Show the form that only views a target."""
    return render_template("upload.html", upload=Upload("", EXAMPLE, ()), is_checked=False, viewing=True)


@blueprint.post("/console/view")
@access.allow("user")
def view_target() -> Response:
    """Redirect to the rows of the target of a YAML; nothing is stored."""
    upload = upload_form.read_form()
    if table := upload_form.find_operator_target(upload.text):
        return make_response(redirect(f"/console/tables/{quote(table)}", 303))
    if not upload.name and not upload.faults[1:]:
        upload = upload_form.check_upload("viewed", upload.text)
    if not upload.faults:
        try:
            return make_response(redirect(f"/console/tables/{quote(upload_form.find_target(upload))}", 303))
        except EtlError as error:
            upload = Upload(upload.name, upload.text, (Fault(0, str(error)),))
    return make_response(render_template("upload.html", upload=upload, is_checked=True, viewing=True), 422)
