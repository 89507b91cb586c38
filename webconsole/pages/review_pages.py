"""Review a held or refused file: what is against it, its header beside the last one, and what to do about it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from webconsole import review_actions
from webconsole.new_files import files
from webconsole.query_arguments import MAX_INTEGER
from webconsole.review_actions import Review
from webconsole.security import access

blueprint = Blueprint("reviews", __name__, url_prefix="/console/review")
DATASET = f"dataset/<int(max={MAX_INTEGER}):dataset_id>"
FILE = f"file/<int(max={MAX_INTEGER}):file_id>"


@blueprint.get(f"/{DATASET}")
@access.allow("admin")
def show_held(dataset_id: int) -> str:
    """Show a held file."""
    return _render(review_actions.load_held(dataset_id), f"/console/review/dataset/{dataset_id}")


@blueprint.get(f"/{FILE}")
@access.allow("admin")
def show_refused(file_id: int) -> str:
    """Show a refused file."""
    return _render(review_actions.load_refused(file_id), f"/console/review/file/{file_id}")


@blueprint.post(f"/{DATASET}/accept")
@access.allow("admin")
def accept_held(dataset_id: int) -> Response:
    """Load a held file, as it is or under the proposed names of its columns."""
    as_renamed = request.form.get("as_renamed") == "yes"
    return _go_to_run(
        review_actions.accept(review_actions.load_held(dataset_id), as_renamed, request.form.get("reason", ""))
    )


@blueprint.post(f"/{DATASET}/refuse")
@access.allow("admin")
def refuse_held(dataset_id: int) -> Response:
    """Close a held file without loading it, and write to its sender if there is an address."""
    review = review_actions.load_held(dataset_id)
    review_actions.check_open(review)
    _send_letter(review, is_needed=False)
    return _go_to_run(review_actions.refuse(review))


@blueprint.post(f"/{FILE}/retry")
@access.allow("admin")
def retry_refused(file_id: int) -> Response:
    """Try a refused file again."""
    return _go_to_run(review_actions.retry(review_actions.load_refused(file_id)))


@blueprint.post(f"/{FILE}/letter")
@access.allow("admin")
def write_letter(file_id: int) -> Response:
    """Write to the sender of a refused file."""
    _send_letter(review_actions.load_refused(file_id), is_needed=True)
    return make_response(redirect(f"/console/review/file/{file_id}", 303))


@blueprint.post(f"/{DATASET}/columns")
@access.allow("admin")
def change_held_columns(dataset_id: int) -> Response:
    """Show the columns of a held file, to add new ones or change types."""
    return _go_to_columns(review_actions.load_held(dataset_id))


@blueprint.post(f"/{FILE}/columns")
@access.allow("admin")
def change_refused_columns(file_id: int) -> Response:
    """Show the columns of a refused file, to change types."""
    return _go_to_columns(review_actions.load_refused(file_id))


def _go_to_columns(review: Review) -> Response:
    draft = files.begin_review(review, access.require_user().name)
    return make_response(redirect(f"/console/add/{draft.draft_id}", 303))


def _send_letter(review: Review, is_needed: bool) -> None:
    address = request.form.get("address", "").strip()
    if address or is_needed:
        review_actions.send_letter(review, address, request.form.get("subject", ""), request.form.get("body", ""))
        flash(f"The letter to {address} is on its way.")


def _render(review: Review, path: str) -> str:
    return render_template("review.html", review=review, file=review.file, path=path)


def _go_to_run(run_uuid: str) -> Response:
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))
