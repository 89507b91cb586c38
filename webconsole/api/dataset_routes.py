"""Datasets and rejected rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from systemscripts.summary import Summary
from webconsole import actions, connections, send_file
from webconsole.api.openapi import Body, described, given, plain
from webconsole.api.run_routes import TEXT, as_page
from webconsole.dataset_diff import before, comparison_lines
from webconsole.queries import datasets, warnings
from webconsole.query_arguments import number_from
from webconsole.security import access

blueprint = Blueprint("dataset_routes", __name__)
DATASET = "int(max=2000000000):dataset_id"


class Undo(Body):
    """How to undo."""

    cascade: bool = False


@blueprint.get("/datasets")
@access.allow("admin")
@described(query={"import": TEXT, "status": {"type": "string", "enum": list(datasets.STATUSES)}, "after": TEXT})
def listed() -> Response:
    """Datasets, newest first."""
    with connections.reading() as cursor:
        found = datasets.page(cursor, *(request.args.get(name, "") for name in ("import", "status", "after")))
    return jsonify(as_page(found))


@blueprint.get(f"/datasets/<{DATASET}>")
@access.allow("admin")
@described()
def one(dataset_id: int) -> Response:
    """One dataset with its file and what was warned of about them."""
    with connections.reading() as cursor:
        warned = warnings.of_dataset(cursor, dataset_id)
    return jsonify(plain(_row(dataset_id) | {"warnings": warned}))


@blueprint.post(f"/datasets/<{DATASET}>/undo")
@access.allow("admin")
@described(body=Undo)
def undo(dataset_id: int) -> Response:
    """Take a dataset back; cascade: also the later ones that stand on it (upsert)."""
    return _said(actions.undo_dataset(dataset_id, given(Undo).cascade))


@blueprint.post(f"/datasets/<{DATASET}>/accept")
@access.allow("admin")
@described()
def accept(dataset_id: int) -> Response:
    """Make a held dataset current."""
    return _said(actions.accept_dataset(dataset_id))


@blueprint.get(f"/datasets/<{DATASET}>/changes")
@access.allow("admin")
@described(query={"with": {"type": "integer", "minimum": 0, "maximum": 2_000_000_000}})
def changes(dataset_id: int) -> Response:
    """What is different from another dataset, the one before unless another is named."""
    row = _row(dataset_id)
    wanted = number_from(request.args, "with")
    with connections.reading() as cursor:
        others = datasets.neighbours(cursor, row)
    number = before(row, others) if wanted is None else wanted
    lines, made = comparison_lines(row, number)
    counts = {name: len(getattr(made, name)) for name in ("added", "removed", "changed")}
    return jsonify(plain({"dataset_id": dataset_id, "with": number} | counts | {"rows": lines}))


@blueprint.get("/rejects")
@access.allow("admin")
@described(query={"import": TEXT, "after": TEXT})
def rejecting() -> Response:
    """Datasets with rejected rows, and files that were refused whole."""
    with connections.reading() as cursor:
        found = datasets.rejecting(cursor, request.args.get("import", ""), request.args.get("after", ""))
        refused = datasets.refused(cursor)
    return jsonify(as_page(found) | {"refused": plain(refused)})


@blueprint.get(f"/datasets/<{DATASET}>/rejects")
@access.allow("admin")
@described(query={"after": TEXT})
def rejects(dataset_id: int) -> Response:
    """The rejected rows of a dataset with their reasons."""
    _row(dataset_id)
    with connections.reading() as cursor:
        return jsonify(as_page(datasets.rejects(cursor, dataset_id, request.args.get("after", ""))))


@blueprint.post(f"/datasets/<{DATASET}>/rejects/replay")
@access.allow("admin")
@described()
def replay(dataset_id: int) -> Response:
    """Try the rejected rows again by today's configuration."""
    return _said(actions.replay_rejects(dataset_id))


@blueprint.get(f"/datasets/<{DATASET}>/rejects/export.<any(csv, xlsx):ending>")
@access.allow("admin")
@described(content=send_file.EITHER, answer={"type": "string", "format": "binary"})
def export(dataset_id: int, ending: str) -> Response:
    """The rejected rows as a file to send back."""
    return send_file.stream(actions.export_rejects(dataset_id, ending), f"rejects_{dataset_id}", ending)


def _row(dataset_id: int) -> dict[str, Any]:
    with connections.reading() as cursor:
        return datasets.one(cursor, dataset_id) or abort(404, f"There is no dataset {dataset_id}.")


def _said(summary: Summary) -> Response:
    return jsonify(
        headline=summary.headline,
        rows=plain(summary.rows),
        warnings=[notice.text for notice in summary.warnings],
        warning_rows=[asdict(notice) for notice in summary.warnings],
        counts=asdict(summary.counts),
    )
