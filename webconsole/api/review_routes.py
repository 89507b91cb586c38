"""Review held and refused files by JSON: what is against them, and every decision that their pages offer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response
from pydantic import Field

from webconsole import review_actions
from webconsole.api import answers
from webconsole.api.openapi import Body, describe, make_plain, parse_body
from webconsole.api.run_routes import answer_started
from webconsole.error_handlers import get_prefix
from webconsole.new_files import files
from webconsole.query_arguments import MAX_INTEGER
from webconsole.review_actions import Review
from webconsole.security import access

blueprint = Blueprint("review_routes", __name__)
DATASET = f"/reviews/datasets/<int(max={MAX_INTEGER}):dataset_id>"
FILE = f"/reviews/files/<int(max={MAX_INTEGER}):file_id>"


class Acceptance(Body):
    """How a held file is accepted."""

    as_renamed: bool = Field(False, description="Take the proposed new names of its columns")
    reason: str = Field("", max_length=review_actions.MAX_REASON_LETTERS)


class Letter(Body):
    """A letter to the sender of a file."""

    address: str = Field("", description="Empty: no letter", max_length=200)
    subject: str = Field("", max_length=review_actions.MAX_SUBJECT_LETTERS)
    body: str = Field("", description="Empty: the one that is proposed", max_length=review_actions.MAX_LETTER_LETTERS)


@blueprint.get(DATASET)
@access.allow("admin")
@describe(answer=answers.FileReview)
def show_held(dataset_id: int) -> Response:
    """Return what is against a held file, its header beside the last one, and a letter to its sender."""
    return _describe(review_actions.load_held(dataset_id))


@blueprint.get(FILE)
@access.allow("admin")
@describe(answer=answers.FileReview)
def show_refused(file_id: int) -> Response:
    """Return what is against a refused file, its header beside the last one, and a letter to its sender."""
    return _describe(review_actions.load_refused(file_id))


@blueprint.post(f"{DATASET}/accept")
@access.allow("admin")
@describe(body=Acceptance, status=202, answer=answers.Started)
def accept_held(dataset_id: int) -> Response:
    """Load a held file, as it is or under the proposed names of its columns."""
    body = parse_body(Acceptance)
    return answer_started(review_actions.accept(review_actions.load_held(dataset_id), body.as_renamed, body.reason))


@blueprint.post(f"{DATASET}/refuse")
@access.allow("admin")
@describe(body=Letter, status=202, answer=answers.Started)
def refuse_held(dataset_id: int) -> Response:
    """Close a held file without loading it, and write to its sender if an address is given."""
    review, body = review_actions.load_held(dataset_id), parse_body(Letter)
    review_actions.check_open(review)
    if body.address:
        _send_letter(review, body)
    return answer_started(review_actions.refuse(review))


@blueprint.post(f"{FILE}/retry")
@access.allow("admin")
@describe(status=202, answer=answers.Started)
def retry_refused(file_id: int) -> Response:
    """Try the refused files of the import again."""
    return answer_started(review_actions.retry(review_actions.load_refused(file_id)))


@blueprint.post(f"{FILE}/letter")
@access.allow("admin")
@describe(body=Letter, answer=answers.FileReview)
def write_letter(file_id: int) -> Response:
    """Write to the sender of a refused file."""
    review, body = review_actions.load_refused(file_id), parse_body(Letter)
    _send_letter(review, body)
    return _describe(review_actions.load_refused(file_id))


@blueprint.post(f"{DATASET}/columns")
@access.allow("admin")
@describe(status=201, answer=answers.CopiedFile)
def change_held_columns(dataset_id: int) -> Response:
    """Read a held file, to add its new columns or change types: then /files/{draft_id}/check and /load."""
    return _answer_draft(review_actions.load_held(dataset_id))


@blueprint.post(f"{FILE}/columns")
@access.allow("admin")
@describe(status=201, answer=answers.CopiedFile)
def change_refused_columns(file_id: int) -> Response:
    """Read a refused file, to change types: then /files/{draft_id}/check and /load."""
    return _answer_draft(review_actions.load_refused(file_id))


def _send_letter(review: Review, body: Letter) -> None:
    review_actions.send_letter(review, body.address, body.subject, body.body or review.write_letter())


def _answer_draft(review: Review) -> Response:
    draft = files.begin_review(review, access.require_user().name)
    response = make_response(jsonify(id=draft.draft_id, name=draft.file_name), 201)
    response.headers["Location"] = f"{get_prefix()}/files/{draft.draft_id}"
    return response


def _describe(review: Review) -> Response:
    file: dict[str, Any] = {key: value for key, value in review.file.items() if key != "detected"}
    return jsonify(
        make_plain(
            {
                "file": file,
                "import": review.config.config_name,
                "is_open": review.is_open,
                "findings": review.findings,
                "headers": [asdict(line) for line in review.headers],
                "letters": review.letters,
                "proposed_letter": review.write_letter(),
            }
        )
    )
