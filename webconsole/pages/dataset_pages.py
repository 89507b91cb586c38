"""Show, undo, accept, replay and compare datasets."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request

from webconsole import actions, connections, send_file
from webconsole.dataset_diff import compare_datasets, find_previous
from webconsole.queries import configurations, datasets, warnings
from webconsole.query_arguments import MAX_INTEGER, parse_number
from webconsole.security import access

blueprint = Blueprint("datasets", __name__, url_prefix="/console/datasets")
DATASET = f"int(max={MAX_INTEGER}):dataset_id"
# of a comparison; dataset_changes.py --csv writes all of them
MAX_LINES = 500


@blueprint.get("")
@access.allow("admin")
def show_list() -> str:
    """Show the datasets, newest first."""
    name, status, after = (request.args.get(key, "") for key in ("import", "status", "after"))
    with connections.read_as_etl() as cursor:
        page = datasets.list_datasets(cursor, name, status, after)
        names = configurations.list_names(cursor)
    return render_template(
        "datasets.html", page=page, names=names, statuses=datasets.STATUSES, name=name, status=status, after=after
    )


@blueprint.get(f"/<{DATASET}>")
@access.allow("admin")
def show_dataset(dataset_id: int) -> str:
    """Show a dataset with its rejected rows and the possible actions."""
    after = request.args.get("after", "")
    with connections.read_as_etl() as cursor:
        row = datasets.find_dataset(cursor, dataset_id) or abort(404, f"Dataset {dataset_id} does not exist.")
        rejects = datasets.list_rejected_rows(cursor, dataset_id, after)
        others = datasets.list_neighbours(cursor, row)
        dataset_warnings = warnings.list_dataset_warnings(cursor, dataset_id)
    return render_template(
        "dataset.html", row=row, rejects=rejects, others=others, after=after, warnings=dataset_warnings
    )


@blueprint.get(f"/<{DATASET}>/changes")
@access.allow("admin")
def show_changes(dataset_id: int) -> str:
    """Show the differences to another dataset (`with`; by default the one before)."""
    other = parse_number(request.args, "with")
    with connections.read_as_etl() as cursor:
        row = datasets.find_dataset(cursor, dataset_id) or abort(404, f"Dataset {dataset_id} does not exist.")
        others = datasets.list_neighbours(cursor, row)
    number = find_previous(row, others) if other is None else other
    lines, comparison = compare_datasets(row, number)
    return render_template(
        "changes.html", row=row, other=number, others=others, lines=lines[:MAX_LINES], more=len(lines) - MAX_LINES,
        comparison=comparison,
    )  # fmt: skip


@blueprint.post(f"/<{DATASET}>/undo")
@access.allow("admin")
def undo_dataset(dataset_id: int) -> Response:
    """Undo the dataset."""
    flash(actions.undo_dataset(dataset_id, request.form.get("cascade") == "yes").headline)
    return _go_back(dataset_id)


@blueprint.post(f"/<{DATASET}>/accept")
@access.allow("admin")
def accept_dataset(dataset_id: int) -> Response:
    """Make the dataset current."""
    flash(actions.accept_dataset(dataset_id).headline)
    return _go_back(dataset_id)


@blueprint.post(f"/<{DATASET}>/reload")
@access.allow("admin")
def reload_dataset(dataset_id: int) -> Response:
    """Start the load of the file of an undone dataset and redirect to its run."""
    return make_response(redirect(f"/console/runs/{actions.reload_dataset(dataset_id)}", 303))


@blueprint.post(f"/<{DATASET}>/replay")
@access.allow("admin")
def replay_rejects(dataset_id: int) -> Response:
    """Check the rejected rows again."""
    flash(actions.replay_rejects(dataset_id).headline)
    return _go_back(dataset_id)


@blueprint.get(f"/<{DATASET}>/rejects.<any(csv, xlsx):suffix>")
@access.allow("admin")
def download_rejects(dataset_id: int, suffix: str) -> Response:
    """Send the rejected rows with their reasons as a file."""
    return send_file.send_stream(actions.export_rejects(dataset_id, suffix), f"rejects_{dataset_id}", suffix)


def _go_back(dataset_id: int) -> Response:
    return make_response(redirect(f"/console/datasets/{dataset_id}", 303))
