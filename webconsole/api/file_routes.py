"""Add files, read and correct them, and load them: by JSON what the pages of Add a file do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, make_response, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import Forbidden

from webconsole.api import answers
from webconsole.api.openapi import Body, describe, make_plain, parse_body
from webconsole.error_handlers import get_prefix
from webconsole.new_files import background, describe_file, draft_import, drafts, files
from webconsole.new_files.drafts import MAX_PART_BYTES, Draft
from webconsole.query_arguments import MAX_INTEGER, parse_number
from webconsole.security import access

blueprint = Blueprint("file_routes", __name__)
# values of a description of 1,600 columns with seven keys each
MAX_VALUES = 12_000
# of a file of fixed width, or of values around nested records
MAX_LAYOUT_COLUMNS = 1600
_OFFSET = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}


class NewFile(BaseModel):
    """A file that is about to be sent."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    name: str = Field(description="The name of the file", min_length=1, max_length=500)
    size: int = Field(description="How many bytes it has", ge=0, le=1 << 40)
    config_name: str = Field(
        "", alias="import", description="The import that it is for; none: a new one", max_length=100
    )


class HowToRead(Body):
    """How a file is to be read; what is not given is detected."""

    sheet: str | None = Field(None, max_length=100)
    header_row: int | None = Field(None, ge=1, le=1_000_000)
    no_header: bool = False
    encoding: str | None = Field(None, max_length=40)
    delimiter: str | None = Field(None, min_length=1, max_length=10)
    # layouts, as below `reading` in the YAML of an import
    fixed_width: dict[str, str] | None = Field(None, max_length=MAX_LAYOUT_COLUMNS)
    record_types: dict[str, str | list[str]] | None = None
    records: str | None = Field(None, max_length=500)
    fields: dict[str, str] | None = Field(None, max_length=MAX_LAYOUT_COLUMNS)
    region: str | None = Field(None, max_length=30)
    title: str | None = Field(None, max_length=200)
    unpivot: dict[str, str | list[str]] | None = None


class ColumnEdit(Body):
    """One column as it is to be stored; what is not given stays as proposed."""

    name: str | None = Field(None, max_length=63)
    type: str | None = Field(None, max_length=20)
    format: str | None = Field(None, max_length=120)
    null: str | None = Field(None, max_length=120)
    required: bool | None = None
    key: bool | None = None
    keep: bool | None = None


class Edits(Body):
    """What is to be changed in the proposal; what is not given stays as it is."""

    name: str | None = Field(None, max_length=60)
    target_table: str | None = Field(None, max_length=120)
    load_mode: str | None = Field(None, max_length=20)
    file_pattern: str | None = Field(None, max_length=2000)
    date_format: str | None = Field(None, max_length=60)
    skips: list[int] | None = Field(None, max_length=100)
    columns: dict[str, ColumnEdit] = Field({}, description="By the name that was proposed", max_length=1600)


@blueprint.post("/files")
@access.allow("admin")
@describe(body=NewFile, status=201, answer=answers.AddedFile)
def begin_file() -> Response:
    """Announce a file; its bytes follow with PUT."""
    body = parse_body(NewFile)
    draft = drafts.begin_draft(access.require_user().name, body.name, body.size, body.config_name)
    response = make_response(jsonify(_describe(draft)), 201)
    response.headers["Location"] = f"{get_prefix()}/files/{draft.draft_id}"
    return response


@blueprint.put("/files/<uuid:draft_id>")
@access.allow("admin", max_body_bytes=MAX_PART_BYTES)
@describe(query={"offset": _OFFSET}, answer=answers.AddedFile)
def send_part(draft_id: UUID) -> Response:
    """Send the next bytes of a file, up to 4 MB at once; after the last ones it is read."""
    draft = _find_draft(draft_id)
    drafts.append_part(draft, parse_number(request.args, "offset") or 0, request.stream)
    if draft.is_complete and not draft.round:
        files.start_reading(draft)
    return jsonify(_describe(draft))


@blueprint.get("/files/<uuid:draft_id>")
@access.allow("admin")
@describe(answer=answers.AddedFile)
def show_file(draft_id: UUID) -> Response:
    """Return what was found in a file, what is proposed, and what loading it would do."""
    return jsonify(_describe(_find_draft(draft_id)))


@blueprint.post("/files/<uuid:draft_id>/read")
@access.allow("admin")
@describe(body=HowToRead, status=202, answer=answers.AddedFile)
def read_again(draft_id: UUID) -> Response:
    """Read a file again, as it is said here."""
    draft, body = _find_draft(draft_id), parse_body(HowToRead)
    reading = {key: value for key, value in body.model_dump(exclude_none=True).items() if value is not False}
    files.start_reading(draft, reading)
    return make_response(jsonify(_describe(draft)), 202)


@blueprint.post("/files/<uuid:draft_id>/check")
@access.allow("admin")
@describe(body=Edits, status=202, answer=answers.AddedFile)
def check_file(draft_id: UUID) -> Response:
    """Change the proposal for a file and try its load; nothing is written."""
    draft = _find_draft(draft_id)
    if not draft.config_name or draft.review:
        _take_edits(draft)
    files.start_trying(draft)
    return make_response(jsonify(_describe(draft)), 202)


@blueprint.post("/files/<uuid:draft_id>/load")
@access.allow("admin")
@describe(body=Edits, status=202, answer=answers.AddedFile)
def load_file(draft_id: UUID) -> Response:
    """Store the import of a file, unless it is for a known one, and start its load."""
    draft = _find_draft(draft_id)
    if not draft.config_name or draft.review:
        _take_edits(draft)
    run_uuid = files.load_file(draft, access.require_user().name)
    response = make_response(jsonify(_describe(draft)), 202)
    response.headers["Location"] = f"{get_prefix()}/jobs/{run_uuid}"
    return response


@blueprint.delete("/files/<uuid:draft_id>")
@access.allow("admin")
@describe(status=204)
def remove_file(draft_id: UUID) -> Response:
    """Remove a file that was added; what was loaded of it stays."""
    files.remove(_find_draft(draft_id))
    return make_response("", 204)


def _find_draft(draft_id: UUID) -> Draft:
    draft = drafts.load_draft(str(draft_id))
    if draft.user_name != access.require_user().name:
        raise Forbidden("Another operator added this file.")
    return draft


def _take_edits(draft: Draft) -> None:
    body = parse_body(Edits, MAX_VALUES).model_dump(exclude_none=True)
    facts = files.require_found(draft)
    changed = body.pop("columns")
    edits = draft_import.merge_edits(facts, draft.edits)
    for column, edit in zip(facts["columns"], edits["columns"], strict=True):
        edit.update(changed.get(column["column"], {}))
    files.change_edits(draft, {**edits, **body})


def _describe(draft: Draft) -> dict[str, Any]:
    facts = draft.read_result("found")
    shown = {key: value for key, value in (facts or {}).items() if key not in ("values", "round")}
    edits = None
    if facts and not facts["error"]:
        shown["first_rows"] = describe_file.list_first_rows(facts)
        edits = draft_import.merge_edits(facts, draft.edits)
    description: dict[str, Any] = make_plain({
        "id": draft.draft_id, "name": draft.file_name, "size": draft.size, "received": draft.received,
        "import": files.get_config_name(draft), "is_working": background.is_working(draft), "reading": draft.reading,
        "found": shown or None, "edits": edits, "tried": draft.read_result("tried"), "run_uuid": draft.run_uuid or None,
        "page": f"/console/add/{draft.draft_id}",
    })  # fmt: skip
    return description
