"""Add a file: store it, show what was found in it, let a person correct that, try its load, save and load."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from werkzeug.exceptions import Forbidden

from systemscripts.configuration.column_schema import COLUMN_TYPES
from webconsole import connections, run_processes
from webconsole.new_files import background, describe_file, draft_import, drafts, edit_form, files, sample_check
from webconsole.new_files.drafts import Draft
from webconsole.queries import configurations, runs
from webconsole.security import access

blueprint = Blueprint("new_files", __name__, url_prefix="/console/add")
# in one request, as a browser without scripts sends a file: below what the server accepts
MAX_WHOLE_BYTES = 8 << 20
ENCODINGS = (
    "utf-8", "utf-16", "cp1252", "iso8859_15", "cp1250", "cp1251", "cp1253", "cp1254", "cp850", "cp437", "mac_roman",
    "shift_jis", "gb18030", "big5", "euc_kr",
)  # fmt: skip
FORMATS = (
    "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "yyyy-MM-dd", "yyyyMMdd", "d MMM yyyy", "dd.MM.yyyy HH:mm",
    "1,234.56", "1.234,56", "1 234,56", "(1,234.56)", "12.5 %", "yes / no", "Y / N",
)  # fmt: skip


@blueprint.get("")
@access.allow("admin")
def show_form() -> str:
    """Show where a file is dropped or chosen, and the files that were added and not loaded."""
    user_name, config_name = access.require_user().name, request.args.get("import", "")
    with connections.read_as_etl() as cursor:
        names = configurations.list_names(cursor)
    own = [draft for draft in drafts.list_drafts() if draft.user_name == user_name]
    waiting = [draft for draft in own if not draft.run_uuid and not draft.review]
    return render_template(
        "add_file.html", names=names, config_name=config_name if config_name in names else "", waiting=waiting,
        max_bytes=drafts.get_max_bytes(),
    )  # fmt: skip


@blueprint.post("")
@access.allow("admin", max_body_bytes=MAX_WHOLE_BYTES)
def add_whole_file() -> Response:
    """Store a file that came with its form, and read it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        flash("Choose a file first.")
        return make_response(redirect("/console/add", 303))
    draft = drafts.store_whole(
        access.require_user().name, file.filename, file.stream, request.form.get("config_name", "")
    )
    files.start_reading(draft)
    return _go_to(draft)


@blueprint.get("/<uuid:draft_id>")
@access.allow("admin")
def show_file(draft_id: UUID) -> str:
    """Show what was found in a file and what would become of it, or how its load went."""
    return _render_page(_find_draft(draft_id), [])


@blueprint.get("/<uuid:draft_id>/live")
@access.allow("admin")
def show_live_part(draft_id: UUID) -> Response:
    """Show the part that changes while a file is read, tried or loaded; reload the page when its state changes."""
    draft = _find_draft(draft_id)
    context = _read_context(draft)
    response = make_response(render_template("parts/file_live.html", **context))
    if request.args.get("was", context["state"]) != context["state"]:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<uuid:draft_id>/read")
@access.allow("admin", max_body_bytes=edit_form.MAX_FORM_BYTES, max_fields=edit_form.MAX_FIELDS)
def read_again(draft_id: UUID) -> Response:
    """Read the file as a person says."""
    draft = _find_draft(draft_id)
    reading = edit_form.parse_reading(request.form)
    _take_edits(draft)
    files.start_reading(draft, reading)
    return _go_to(draft)


@blueprint.post("/<uuid:draft_id>/check")
@access.allow("admin", max_body_bytes=edit_form.MAX_FORM_BYTES, max_fields=edit_form.MAX_FIELDS)
def check_file(draft_id: UUID) -> Response:
    """Keep what a person changed, and try the load."""
    draft = _find_draft(draft_id)
    _take_edits(draft)
    files.start_trying(draft)
    return _go_to(draft)


@blueprint.post("/<uuid:draft_id>/columns")
@access.allow("admin", max_body_bytes=edit_form.MAX_FORM_BYTES, max_fields=edit_form.MAX_FIELDS)
def check_columns(draft_id: UUID) -> str:
    """Keep what a person changed, and show the first values as they would be stored."""
    draft = _find_draft(draft_id)
    _take_edits(draft)
    return render_template("parts/file_columns.html", **_read_context(draft))


@blueprint.post("/<uuid:draft_id>/load")
@access.allow("admin", max_body_bytes=edit_form.MAX_FORM_BYTES, max_fields=edit_form.MAX_FIELDS)
def load_file(draft_id: UUID) -> Response:
    """Store the import of the file and load it; show what is wrong if that is not possible."""
    draft = _find_draft(draft_id)
    if not draft.config_name or draft.review:
        _take_edits(draft)
        if faults := files.find_faults(draft):
            return make_response(_render_page(draft, faults), 422)
    run_uuid = files.load_file(draft, access.require_user().name)
    return make_response(redirect(f"/console/runs/{run_uuid}", 303)) if draft.review else _go_to(draft)


@blueprint.post("/<uuid:draft_id>/for")
@access.allow("admin")
def choose_import(draft_id: UUID) -> Response:
    """Say that the file is for a known import, or for a new one."""
    draft = _find_draft(draft_id)
    files.choose_import(draft, request.form.get("config_name", ""))
    return _go_to(draft)


@blueprint.post("/<uuid:draft_id>/again")
@access.allow("admin")
def correct_file(draft_id: UUID) -> Response:
    """Go back from a load that failed to the columns of the file."""
    draft = _find_draft(draft_id)
    files.load_again(draft)
    return _go_to(draft)


@blueprint.post("/<uuid:draft_id>/remove")
@access.allow("admin")
def remove_file(draft_id: UUID) -> Response:
    """Remove the file that was added."""
    draft = _find_draft(draft_id)
    files.remove(draft)
    flash(f"{draft.file_name} was removed")
    return make_response(redirect("/console/add", 303))


def _find_draft(draft_id: UUID) -> Draft:
    """Return a file that this user added; answer 403 for that of another one."""
    draft = drafts.load_draft(str(draft_id))
    if draft.user_name != access.require_user().name:
        raise Forbidden("Another operator added this file.")
    return draft


def _go_to(draft: Draft) -> Response:
    return make_response(redirect(f"/console/add/{draft.draft_id}", 303))


def _take_edits(draft: Draft) -> None:
    """Keep what the form says about the columns, if the columns of the file are known."""
    facts = draft.read_result("found")
    if facts and not facts["error"]:
        files.change_edits(
            draft, edit_form.parse_edits(request.form, request.form.getlist("skip"), len(facts["columns"]))
        )


def _render_page(draft: Draft, faults: list[str]) -> str:
    return render_template("file.html", **_read_context(draft), faults=faults)


def _read_context(draft: Draft) -> dict[str, Any]:
    facts, tried = draft.read_result("found"), draft.read_result("tried")
    context: dict[str, Any] = {
        "draft": draft, "found": facts, "tried": tried, "is_working": background.is_working(draft),
        "config_name": files.get_config_name(draft), "encodings": ENCODINGS, "delimiters": edit_form.DELIMITERS,
        "types": COLUMN_TYPES, "load_modes": draft_import.LOAD_MODES, "formats": FORMATS, "fitting": [],
    }  # fmt: skip
    if facts and not facts["error"]:
        context["edits"] = edits = draft_import.merge_edits(facts, draft.edits)
        context["checks"] = sample_check.check_columns(facts, edits)
        context["first_rows"] = describe_file.list_first_rows(facts)
        context["letter"] = files.write_letter(facts, edits)
        context["fitting"] = [] if draft.run_uuid or draft.review else files.find_fitting_imports(draft.file_name)
    if draft.run_uuid:
        context |= _read_run(draft.run_uuid)
    context["state"] = _name_state(draft, context)
    return context


def _name_state(draft: Draft, context: dict[str, Any]) -> str:
    """Return what the page is about: the upload, reading, the proposal, a failure, or the load."""
    if not draft.is_complete:
        return "incomplete"
    if draft.run_uuid:
        return "loading" if context["status"] in ("running", "starting") else "done"
    if draft.config_name and not draft.review:
        return "trying" if context["tried"] is None and context["is_working"] else "known"
    if context["found"] is None:
        return "reading" if context["is_working"] else "interrupted"
    if context["found"]["error"]:
        return "unreadable"
    return "review" if draft.review else "proposed"


def _read_run(run_uuid: str) -> dict[str, Any]:
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, run_uuid)
        loaded = runs.list_datasets(cursor, run_uuid)
        cursor.execute("select file_id, status, reason from dba.tfile where run_uuid = %s limit 1", (run_uuid,))
        file_row = cursor.fetchone()
    printed = run_processes.read_output(run_uuid)
    if run:
        status = run["status"]
    else:
        status = "starting" if printed and printed.exit_code is None else "failed"
    return {"run": run, "printed": printed, "status": status, "datasets": loaded, "file_row": file_row}
