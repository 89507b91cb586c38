"""Datasets: what each file put into its target; undo, accept, replay, compare."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request

from webconsole import actions, connections, send_file
from webconsole.dataset_diff import before, comparison_lines
from webconsole.queries import configurations, datasets, warnings
from webconsole.query_arguments import MOST, number_from
from webconsole.security import access

blueprint = Blueprint("datasets", __name__, url_prefix="/console/datasets")
DATASET = f"int(max={MOST}):dataset_id"
MOST_LINES = 500  # of a comparison on one page


@blueprint.get("")
@access.allow("admin")
def listed() -> str:
    """The datasets, newest first."""
    name, status, after = (request.args.get(key, "") for key in ("import", "status", "after"))
    with connections.reading() as cursor:
        found = datasets.page(cursor, name, status, after)
        names = configurations.names(cursor)
    return render_template(
        "datasets.html", page=found, names=names, statuses=datasets.STATUSES, name=name, status=status, after=after
    )


@blueprint.get(f"/<{DATASET}>")
@access.allow("admin")
def one(dataset_id: int) -> str:
    """One dataset with its rejected rows and what can be done with it."""
    after = request.args.get("after", "")
    with connections.reading() as cursor:
        row = datasets.one(cursor, dataset_id) or abort(404, f"There is no dataset {dataset_id}.")
        rejects = datasets.rejects(cursor, dataset_id, after)
        others = datasets.neighbours(cursor, row)
        warned = warnings.of_dataset(cursor, dataset_id)
    return render_template("dataset.html", row=row, rejects=rejects, others=others, after=after, warnings=warned)


@blueprint.get(f"/<{DATASET}>/changes")
@access.allow("admin")
def compared(dataset_id: int) -> str:
    """What is different from another dataset, the one before unless another is named."""
    wanted = number_from(request.args, "with")
    with connections.reading() as cursor:
        row = datasets.one(cursor, dataset_id) or abort(404, f"There is no dataset {dataset_id}.")
        others = datasets.neighbours(cursor, row)
    number = before(row, others) if wanted is None else wanted
    lines, comparison = comparison_lines(row, number)
    return render_template(
        "changes.html", row=row, other=number, others=others, lines=lines[:MOST_LINES], more=len(lines) - MOST_LINES,
        comparison=comparison,
    )  # fmt: skip


@blueprint.post(f"/<{DATASET}>/undo")
@access.allow("admin")
def undo(dataset_id: int) -> Response:
    """Take it back."""
    flash(actions.undo_dataset(dataset_id, request.form.get("cascade") == "yes").headline)
    return _back(dataset_id)


@blueprint.post(f"/<{DATASET}>/accept")
@access.allow("admin")
def accept(dataset_id: int) -> Response:
    """Make it current."""
    flash(actions.accept_dataset(dataset_id).headline)
    return _back(dataset_id)


@blueprint.post(f"/<{DATASET}>/replay")
@access.allow("admin")
def replay(dataset_id: int) -> Response:
    """Try its rejected rows again."""
    flash(actions.replay_rejects(dataset_id).headline)
    return _back(dataset_id)


@blueprint.get(f"/<{DATASET}>/rejects.<any(csv, xlsx):ending>")
@access.allow("admin")
def rejects_file(dataset_id: int, ending: str) -> Response:
    """Its rejected rows with their reasons, to send back."""
    return send_file.stream(actions.export_rejects(dataset_id, ending), f"rejects_{dataset_id}", ending)


def _back(dataset_id: int) -> Response:
    return make_response(redirect(f"/console/datasets/{dataset_id}", 303))
